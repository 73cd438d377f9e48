"""Ways with the roster, the machine's clock and records, its settings, its certificate, and what the wire brings."""

import json
import os
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.hostile.stage import HostileStage
from tests.hostile.way import way

from sereno_proto import sshsig
from sereno_proto.errors import Refused
from sereno_proto.root import Root, write_root
from sereno_proto.roster import Roster, write_roster
from sereno_proto.v1.link_pb2 import Settings
from sereno_proto.v1.runs_pb2 import Command, EventsKept, OfferCertificate, OfferRoster, RunCheck
from sereno_server.demo.processes import Waiting


def offer(stage: HostileStage, roster: Roster, namespace: str = sshsig.ROSTER_NAMESPACE, key: str = "root") -> None:
    text = write_roster(roster)
    signature = sshsig.FileSigner(stage.place.keys / key).sign(text, namespace)
    stage.send(Command(offer_roster=OfferRoster(roster_text=text, root_signatures=[signature])))


@way("E_NAMESPACE")
def a_roster_signed_for_another_purpose(stage: HostileStage) -> None:
    last = stage.roster()
    offer(stage, replace(last, version=last.version + 1), sshsig.ROOT_NAMESPACE)


@way("E_SIGNATURE_INVALID")
def a_roster_under_an_older_ones_signature(stage: HostileStage) -> None:
    last = stage.roster()
    text = write_roster(replace(last, version=last.version + 1))
    signatures = json.loads((stage.place.workstation / "roster.sig.json").read_text())
    stage.send(Command(offer_roster=OfferRoster(roster_text=text, root_signatures=signatures)))


@way("E_ROSTER_UNSIGNED")
def a_roster_without_a_signature(stage: HostileStage) -> None:
    last = stage.roster()
    text = write_roster(replace(last, version=last.version + 1))
    stage.send(Command(offer_roster=OfferRoster(roster_text=text)))


@way("E_ROSTER_OTHER")
def another_roster_of_the_pinned_version(stage: HostileStage) -> None:
    last = stage.roster()
    offer(stage, replace(last, expires=last.expires - timedelta(days=1)))


@way("E_ROSTER_ORGANISATION")
def another_organisations_roster(stage: HostileStage) -> None:
    last = stage.roster()
    offer(stage, replace(last, version=last.version + 1, organisation_id="org_" + "a" * 32))


@way("E_DOCUMENT_KIND")
def a_root_of_the_attackers_in_a_rosters_place(stage: HostileStage) -> None:
    own = sshsig.FileSigner(stage.place.keys / "mallory-approve")
    text = write_root(Root("Demo", 1, (own.public_key,)))
    signature = own.sign(text, sshsig.ROSTER_NAMESPACE)
    stage.send(Command(offer_roster=OfferRoster(roster_text=text, root_signatures=[signature])))


@way("E_CERTIFICATE_IDENTITY")
def a_certificate_of_another_authority(stage: HostileStage) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, stage.joined["device_id"])])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    pem = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
    stage.send(Command(offer_certificate=OfferCertificate(certificate_pem=pem)))


@way("E_COMMAND_UNKNOWN")
def the_executors_own_word_from_the_server(stage: HostileStage) -> None:
    """What only the core says: that the records of a run may be forgotten."""
    stage.send(Command(events_kept=EventsKept(plan_id="pln_1", index=9)))


@way("E_COMMAND_UNKNOWN")
def a_command_that_says_nothing(stage: HostileStage) -> None:
    stage.send(Command())


@way("E_LOCKDOWN")
def a_check_in_lockdown(stage: HostileStage) -> None:
    stage.owner("lockdown", "on")
    try:
        stage.check("disk_space", folder="app-logs")
    finally:
        stage.owner("lockdown", "off")


@way("not in force")
def collection_settings_that_widen(stage: HostileStage) -> str:
    """Each millisecond, with actions that the policy does not allow: shown on the machine, and nothing else."""
    before = json.loads(stage.owner("policy", "show", "--json"))
    stage.push(settings=Settings(collect_interval_ms=1, actions_wanted=["kill_process"]))
    found = before
    for _ in Waiting("the wish on the machine", 30):
        found = json.loads(stage.owner("policy", "show", "--json"))
        if found["wanted"] != before["wanted"]:
            break
    same = found["in_force"] == before["in_force"] and found["digest"] == before["digest"]
    wish = next(one for one in found["wanted"] if one["wanted"] == "kill_process")
    return wish["verdict"] if same else ""


@way("E_OVERLOADED")
def a_flood_of_commands(stage: HostileStage) -> None:
    """More checks at once than the agent begins; afterwards it still answers."""
    for _ in range(60):
        stage.push(command=Command(id="cmd_flood", run_check=RunCheck(check="cpu_hogs")))
    try:
        stage.check("disk_space", folder="app-logs")
    finally:
        for _ in Waiting("the agent after the flood", 60, poll_s=1):
            try:
                stage.check("disk_space", folder="app-logs")
            except Refused as error:  # still busy with it
                if error.code != "E_OVERLOADED":
                    raise
                continue
            break


@way("E_ACTION_CODE")
def an_action_that_changed_its_meaning(stage: HostileStage) -> None:
    """The same name, other code: an update between the dry run and the signatures."""
    text = stage.make_plan()
    signatures = stage.all_signatures(text)
    path = stage.place.folder / "code" / "sereno_playbooks" / "actions" / "remove_old_files.py"
    content = path.read_bytes()
    path.write_bytes(content + b"\n# and now it does something else\n")
    try:
        stage.execute(text, signatures)
    finally:
        path.write_bytes(content)


@way("E_CLOCK_BACK", after=True)
def a_clock_set_back(stage: HostileStage) -> None:
    """The machine has seen an hour that its clock now denies; the real clock of a test machine cannot be set."""
    text, signatures = stage.early
    floor = stage.place.agent / "plans" / "clock"
    with stage.agent_stopped():
        content = floor.read_bytes()
        floor.write_text(str((time.time_ns() // 1_000_000) + 3_600_000))
    try:
        stage.execute(text, signatures)
    finally:
        with stage.agent_stopped():
            floor.write_bytes(content)
        stage.before = stage.files()


@way("E_STATE_LOST", after=True)
def a_lost_record_of_used_plans_and_time(stage: HostileStage) -> None:
    floor = stage.place.agent / "plans" / "clock"
    aside = stage.place.folder / "clock-aside"
    with stage.agent_stopped():
        os.rename(floor, aside)  # noqa: PTH104
    try:
        stage.execute(stage.carried_out, stage.all_signatures(stage.carried_out))
    finally:
        with stage.agent_stopped():
            os.rename(aside, floor)  # noqa: PTH104
        stage.before = stage.files()
