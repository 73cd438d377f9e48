"""Every attempt, one function each: what the attacker does, and the code with which the device must refuse it.

An attempt that is not refused returns, and the drill counts it as let through; one that nobody refuses because it has
no effect gives the word for that. People's keys sign here what people
might be tricked into signing with other tools; `sereno approve` itself would have refused most of these texts.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sereno_proto import sshsig
from sereno_proto.plan import read_plan
from sereno_proto.roster import Person, RosterKey, read_roster, write_roster
from sereno_proto.v1.runs_pb2 import Command, OfferCertificate, OfferRoster, RunCheck, Signature
from sereno_server.cli.workstation import Workstation
from sereno_server.demo.forged.stage import Stage

Attempt = Callable[[Any], str | None]
ATTEMPTS: Final[dict[str, tuple[str, Attempt]]] = {}


def attempt(code: str) -> Callable[[Attempt], Attempt]:
    """Lists a function as the attempt of its own name, to be refused with this code."""

    def list_it(function: Attempt) -> Attempt:
        ATTEMPTS[function.__name__] = (code, function)
        return function

    return list_it


# --- signatures -------------------------------------------------------------------------------------------------------


@attempt("E_SIGNATURE_MISSING")
def no_signature(stage: Stage) -> None:
    stage.execute(stage.make_plan("server"), [])


@attempt("E_KEY_UNKNOWN")
def unknown_key(stage: Stage) -> None:
    text = stage.make_plan()
    stage.execute(text, [stage.sign(text, "request", "noa"), stage.sign(text, "approve", "mallory")])


@attempt("E_KEY_PURPOSE")
def key_of_the_wrong_purpose(stage: Stage) -> None:
    text = stage.make_plan()
    stage.execute(text, [stage.sign(text, "request", "noa"), stage.sign(text, "approve", "iker", "session")])


@attempt("E_NAMESPACE")
def request_passed_off_as_approval(stage: Stage) -> None:
    text = stage.make_plan()
    asked = stage.sign(text, "request", "iker")
    stage.execute(
        text, [stage.sign(text, "request", "noa"), Signature(person="iker", purpose="approve", armored=asked.armored)]
    )


@attempt("E_APPROVALS_TOO_FEW")
def one_persons_two_keys(stage: Stage) -> None:
    text = stage.make_plan()
    two = [stage.sign(text, "approve", "iker"), stage.sign(text, "approve", "iker", "approve-2")]
    stage.execute(text, [stage.sign(text, "request", "noa"), *two])


@attempt("E_APPROVER_IS_REQUESTER")
def approver_is_requester(stage: Stage) -> None:
    text = stage.make_plan("iker")
    signed = [
        stage.sign(text, "request", "iker"),
        stage.sign(text, "approve", "iker"),
        stage.sign(text, "approve", "ane"),
    ]
    stage.execute(text, signed)


@attempt("E_APPROVER_ROLE")
def technician_approves(stage: Stage) -> None:
    text = stage.make_plan("iker")
    stage.execute(text, [stage.sign(text, "request", "iker"), stage.sign(text, "approve", "noa")])


@attempt("E_REQUESTER_UNSIGNED")
def requester_only_the_server_vouches_for(stage: Stage) -> None:
    text = stage.make_plan("noa")
    stage.execute(text, [stage.sign(text, "approve", "iker"), stage.sign(text, "approve", "ane")])


@attempt("E_REQUESTER_UNKNOWN")
def requester_nobody_knows(stage: Stage) -> None:
    stage.make_plan("mallory")


# --- the plan's text --------------------------------------------------------------------------------------------------


@attempt("E_PLAN_CHANGED")
def edited_after_signing(stage: Stage) -> None:
    text = stage.make_plan()
    signatures = stage.all_signatures(text)
    stage.execute(_edited(text, "playbook", "disk.free_spacf"), signatures)


@attempt("E_PLAN_UNKNOWN")
def plan_the_device_never_issued(stage: Stage) -> None:
    text = _edited(stage.make_plan(), "plan", "pln_" + "0" * 32)
    stage.execute(text, stage.all_signatures(text))


@attempt("E_PLAN_DEVICE")
def another_devices_plan(stage: Stage) -> None:
    text = _edited(stage.make_plan(), "device", "dev_" + "a" * 32)
    stage.execute(text, stage.all_signatures(text))


@attempt("E_RISK_DOWNGRADED")
def downgraded_risk(stage: Stage) -> None:
    text = stage.make_plan().replace(b"risk: medium\n", b"risk: low\n").replace(b"risk: high\n", b"risk: low\n")
    stage.execute(text, stage.all_signatures(text))


@attempt("E_FIELD_REPEATED")
def repeated_field(stage: Stage) -> None:
    text = stage.make_plan()
    line = next(line for line in text.splitlines(keepends=True) if line.startswith(b"playbook: "))
    text = text.replace(line, line + line)
    stage.execute(text, stage.all_signatures(text))


@attempt("E_FIELD_UNKNOWN")
def unknown_field(stage: Stage) -> None:
    text = stage.make_plan() + b"also-run: anything\n"
    stage.execute(text, stage.all_signatures(text))


@attempt("E_PLAN_EXPIRED")
def expired_plan(stage: Stage) -> None:
    """The drill's agent.toml lets its plans live for seconds; the owner may shorten them, nobody may lengthen them."""
    text = stage.make_plan()
    signatures = stage.all_signatures(text)
    left = (read_plan(text).expires - datetime.now(UTC)).total_seconds()
    time.sleep(max(0.0, left) + 0.5)
    stage.execute(text, signatures)


@attempt("E_PLAN_REPLAYED")
def replayed(stage: Stage) -> None:
    """The run that noa, iker and ane really wanted, once more, with their real signatures."""
    stage.break_again()
    stage.execute(stage.carried_out, stage.all_signatures(stage.carried_out))


# --- rosters ----------------------------------------------------------------------------------------------------------


@attempt("E_ROSTER_LOWER")
def lower_roster(stage: Stage) -> None:
    text = (stage.place.workstation / "signed" / "roster-1.txt").read_bytes()
    _offer(stage, text, "root")


@attempt("E_ROSTER_EXPIRED")
def expired_roster(stage: Stage) -> None:
    last = read_roster(Workstation(stage.place.workstation).read("roster")[0])
    past = datetime.now(UTC).replace(microsecond=0) - timedelta(days=10)
    old = replace(last, version=last.version + 7, issued=past, expires=past + timedelta(days=9))
    _offer(stage, write_roster(old), "root")


@attempt("E_ROSTER_UNSIGNED")
def unsigned_roster(stage: Stage) -> None:
    """With himself in it, signed by his own key instead of the root's."""
    last = read_roster(Workstation(stage.place.workstation).read("roster")[0])
    own = sshsig.FileSigner(stage.place.keys / "mallory-approve")
    mallory = Person("mallory", "Mallory", "administrator", (RosterKey("approve", own.public_key),))
    own_roster = replace(last, version=last.version + 8, persons=(*last.persons, mallory))
    _offer(stage, write_roster(own_roster), "mallory-approve")


# --- the machine ------------------------------------------------------------------------------------------------------


@attempt("E_TARGET_DRIFTED")
def target_swapped_after_the_plan(stage: Stage) -> None:
    text = stage.make_plan()
    signatures = stage.all_signatures(text)
    target = stage.place.app_logs / "app.log.2"
    # The same name and bytes, another file: made while the first still holds its inode, which ext4 would use again.
    target.with_name("app.log.2.new").write_bytes(target.read_bytes())
    target.with_name("app.log.2.new").rename(target)
    stage.execute(text, signatures)


@attempt("E_CERTIFICATE_IDENTITY")
def certificate_of_another_device(stage: Stage) -> None:
    leaf = x509.load_pem_x509_certificate((stage.place.agent / "tls" / "client.pem").read_bytes())
    key = leaf.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    forged = stage.backdoor.wish(certificate_for="dev_" + "a" * 32, key=key)["certificate"]
    stage.send(Command(offer_certificate=OfferCertificate(certificate_pem=forged)))


@attempt("E_OUTSIDE_POLICY")
def folder_outside_the_policy(stage: Stage) -> None:
    stage.send(Command(run_check=RunCheck(check="disk_space", parameters={"folder": "etc"})))


@attempt("E_PARAMETER")
def path_instead_of_a_name_of_the_policy(stage: Stage) -> None:
    stage.send(Command(run_check=RunCheck(check="disk_space", parameters={"folder": "/etc"})))


@attempt("E_POLICY_FORBIDS")
def action_the_policy_forbids(stage: Stage) -> None:
    _with_policy(stage, lambda text: text.replace('"rotate_logs", ', ""), stage.make_plan)


@attempt("E_POLICY_CHANGED")
def plan_from_before_a_stricter_policy(stage: Stage) -> None:
    text = stage.make_plan()
    signatures = stage.all_signatures(text)
    _with_policy(stage, lambda policy: policy + "\n# stricter\n", lambda: stage.execute(text, signatures))


@attempt("E_LOCKDOWN")
def lockdown(stage: Stage) -> None:
    """The owner's own command on the machine, while a fully signed plan waits."""
    text = stage.make_plan()
    signatures = stage.all_signatures(text)
    stage.owner("lockdown", "on")
    try:
        stage.execute(text, signatures)
    finally:
        stage.owner("lockdown", "off")


def _edited(text: bytes, key: str, value: str) -> bytes:
    """The text with one field changed, otherwise as it was."""
    lines = text.decode("ascii").splitlines(keepends=True)
    return "".join(f"{key}: {value}\n" if line.startswith(f"{key}: ") else line for line in lines).encode("ascii")


def _offer(stage: Stage, text: bytes, key: str) -> None:
    signature = sshsig.FileSigner(stage.place.keys / key).sign(text, sshsig.ROSTER_NAMESPACE)
    stage.send(Command(offer_roster=OfferRoster(roster_text=text, root_signatures=[signature])))


def _with_policy(stage: Stage, change: Callable[[str], str], then: Callable[[], object]) -> None:
    """What the machine's owner edits, for the time of one attempt."""
    path = stage.place.agent / "policy.toml"
    before = path.read_text()
    path.write_text(change(before))
    try:
        then()
    finally:
        path.write_text(before)
