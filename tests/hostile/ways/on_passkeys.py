"""Ways with passkeys: another site, another page, another text, nobody verified, another hand."""

import hashlib
from dataclasses import replace

from tests.hostile.stage import HostileStage
from tests.hostile.way import way

from sereno_proto import passkeys, sshsig
from sereno_proto.passkeys import Assertion
from sereno_proto.roster import RosterKey, write_roster
from sereno_proto.v1.runs_pb2 import Command, OfferRoster, Signature
from sereno_server.cli.workstation import Workstation


def made(
    stage: HostileStage, namespace: str = sshsig.APPROVE_NAMESPACE, key: str = "iker", **said: object
) -> Assertion:
    return stage.passkeys[key].assertion(stage.plan(), namespace, **said)


def approve(stage: HostileStage, assertion: Assertion) -> None:
    """With ane's good approval beside it, so that only this one can be the reason."""
    stage.approve_with(passkeys.armor(assertion), stage.sign(stage.plan(), "approve", "ane"))


@way("E_PASSKEY_ORIGIN")
def a_passkey_on_another_site(stage: HostileStage) -> None:
    approve(stage, made(stage, origin="https://approve.example.org.evil.example"))


@way("E_PASSKEY_ORIGIN")
def a_passkey_on_the_console(stage: HostileStage) -> None:
    """The console is the attacker's, and its pages may ask for any challenge."""
    approve(stage, made(stage, origin=stage.world.url))


@way("E_PASSKEY_ORIGIN")
def a_passkey_on_another_port_of_its_site(stage: HostileStage) -> None:
    approve(stage, made(stage, origin="https://approve.example.org:8443"))


@way("E_PASSKEY_RP")
def a_passkey_for_another_relying_party(stage: HostileStage) -> None:
    approve(stage, made(stage, rp_id="example.org"))


@way("E_PASSKEY_CROSS_ORIGIN")
def a_passkey_in_a_frame(stage: HostileStage) -> None:
    approve(stage, made(stage, crossOrigin=True))


@way("E_PASSKEY_CROSS_ORIGIN")
def a_passkey_below_a_named_page(stage: HostileStage) -> None:
    approve(stage, made(stage, topOrigin="https://evil.example"))


@way("E_PASSKEY_UNVERIFIED")
def a_passkey_without_user_verification(stage: HostileStage) -> None:
    approve(stage, made(stage, flags=0x01))


@way("E_PASSKEY_UNVERIFIED")
def a_passkey_without_user_presence(stage: HostileStage) -> None:
    approve(stage, made(stage, flags=0x04))


@way("E_PASSKEY_TYPE")
def the_answer_of_a_registration(stage: HostileStage) -> None:
    approve(stage, made(stage, type="webauthn.create"))


@way("E_PASSKEY_CHALLENGE")
def a_passkeys_approval_of_another_plan(stage: HostileStage) -> None:
    other = stage.make_plan()
    approve(stage, stage.passkeys["iker"].assertion(other, sshsig.APPROVE_NAMESPACE))


@way("E_PASSKEY_CHALLENGE")
def a_passkeys_request_as_an_approval(stage: HostileStage) -> None:
    approve(stage, made(stage, sshsig.REQUEST_NAMESPACE))


@way("E_PASSKEY_CHALLENGE")
def a_passkeys_approval_of_bounds_as_one_of_a_plan(stage: HostileStage) -> None:
    approve(stage, made(stage, sshsig.BOUNDS_APPROVE_NAMESPACE))


@way("E_PASSKEY_CHALLENGE")
def a_passkeys_sign_in_as_an_approval(stage: HostileStage) -> None:
    """A challenge that the console chose, signed on the right page by the right key."""
    approve(stage, stage.passkeys["iker"].assertion(b"a challenge of the console's", sshsig.LOGIN_NAMESPACE))


@way("E_PASSKEY_CHALLENGE")
def the_bare_digest_of_the_plan_as_a_challenge(stage: HostileStage) -> None:
    digest = hashlib.sha256(stage.plan()).digest()
    approve(stage, made(stage, challenge=passkeys.encode(digest)))


@way("E_KEY_PURPOSE")
def the_passkey_that_signs_in_approves(stage: HostileStage) -> None:
    approve(stage, made(stage, key="iker-session"))


@way("E_KEY_UNKNOWN")
def a_passkey_that_no_roster_names(stage: HostileStage) -> None:
    approve(stage, made(stage, key="mallory"))


@way("E_SIGNATURE_INVALID")
def another_passkey_under_a_known_credential(stage: HostileStage) -> None:
    known = stage.passkeys["iker"].public_key.credential_id
    approve(stage, replace(made(stage, key="mallory"), credential_id=known))


@way("E_SIGNATURE_INVALID")
def a_verified_flag_set_afterwards(stage: HostileStage) -> None:
    weak = made(stage, flags=0x01)
    data = bytearray(weak.authenticator_data)
    data[32] |= 0x04
    approve(stage, replace(weak, authenticator_data=bytes(data)))


@way("E_SIGNATURE_FORMAT")
def client_data_that_says_two_things(stage: HostileStage) -> None:
    good = made(stage)
    twice = good.client_data.replace(b"{", b'{"origin": "https://evil.example", ', 1)
    approve(stage, stage.passkeys["iker"].seal(replace(good, client_data=twice)))


@way("E_SIGNATURE_FORMAT")
def bytes_behind_a_passkeys_answer(stage: HostileStage) -> None:
    good = made(stage)
    longer = replace(good, authenticator_data=good.authenticator_data + b"more")
    approve(stage, stage.passkeys["iker"].seal(longer))


@way("E_APPROVALS_TOO_FEW")
def a_key_and_a_passkey_of_one_person(stage: HostileStage) -> None:
    """Rosters count persons; an attacker who got hold of one person's two keys has one approval."""
    text = stage.plan()
    stage.approve_with(passkeys.armor(made(stage)), stage.sign(text, "approve", "iker"), text=text)


@way("E_SIGNATURE_INVALID")
def a_passkey_that_the_server_put_into_the_roster(stage: HostileStage) -> None:
    """Under the root's signature of the roster before: the server has no other."""
    last = stage.roster()
    own = RosterKey("approve", stage.passkeys["mallory"].public_key)
    persons = tuple(replace(one, keys=(*one.keys, own)) if one.name == "iker" else one for one in last.persons)
    text = write_roster(replace(last, version=last.version + 1, persons=persons))
    signatures = Workstation(stage.place.workstation).read("roster")[1]
    stage.send(Command(offer_roster=OfferRoster(roster_text=text, root_signatures=signatures)))


@way("E_KEY_UNKNOWN")
def a_passkey_that_only_the_servers_roster_names(stage: HostileStage) -> None:
    """The server's database says that mallory's passkey is iker's; the device asks its own pinned roster."""
    text = stage.plan()
    made_by = stage.passkeys["mallory"].sign(text, sshsig.APPROVE_NAMESPACE)
    stage.approve_with(made_by, Signature(purpose="approve", armored=stage.sign(text, "approve", "ane").armored))
