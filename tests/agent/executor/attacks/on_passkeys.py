"""Attacks with passkeys: another site, a page within a page, nobody verified, another text, another credential."""

import hashlib
from dataclasses import replace

from tests.agent.executor.attacks.attack import attack
from tests.agent.executor.granting import bounds, offer_text
from tests.agent.executor.house import signature
from tests.proto.software_passkey import SoftwarePasskey

from sereno_proto import passkeys
from sereno_proto.grants import BOUNDS, NAMESPACES, write_grant
from sereno_proto.roster import RosterKey, write_roster
from sereno_proto.sshsig import APPROVE_NAMESPACE, LOGIN_NAMESPACE, REQUEST_NAMESPACE, ROSTER_NAMESPACE


def enrol(house, name="ana", purpose="approve", algorithm=passkeys.ES256, **thresholds):
    """Puts a new passkey of that person's onto the roster."""
    key = SoftwarePasskey(algorithm)
    persons = tuple(
        replace(person, keys=(*person.keys, RosterKey(purpose, key.public_key))) if person.name == name else person
        for person in house.roster.persons
    )
    house.roster = replace(house.roster, persons=persons, thresholds=house.roster.thresholds | thresholds)
    house.pin(house.roster)
    return key


def approve(house, text, assertion):
    return house.execute(text, house.request(text), signature("approve", passkeys.armor(assertion)))


def with_assertion(house, **said):
    key = enrol(house)
    text = house.plan()
    return approve(house, text, key.assertion(text, APPROVE_NAMESPACE, **said))


@attack("E_PASSKEY_ORIGIN")
def a_passkey_used_on_another_site(house):
    return with_assertion(house, origin="https://approve.example.org.evil.example")


@attack("E_PASSKEY_ORIGIN")
def a_passkey_used_on_the_console(house):
    return with_assertion(house, origin="https://console.example.org")


@attack("E_PASSKEY_ORIGIN")
def a_passkey_used_on_another_port_of_the_approval_page(house):
    return with_assertion(house, origin="https://approve.example.org:8443")


@attack("E_PASSKEY_RP")
def a_passkey_asked_for_another_site(house):
    return with_assertion(house, rp_id="example.org")


@attack("E_PASSKEY_CROSS_ORIGIN")
def a_passkey_used_inside_another_page(house):
    return with_assertion(house, crossOrigin=True)


@attack("E_PASSKEY_CROSS_ORIGIN")
def a_passkey_used_below_a_page_that_is_named(house):
    return with_assertion(house, topOrigin="https://evil.example")


@attack("E_PASSKEY_UNVERIFIED")
def a_passkey_whose_holder_was_not_verified(house):
    return with_assertion(house, flags=0x01)


@attack("E_PASSKEY_UNVERIFIED")
def a_passkey_that_nobody_touched(house):
    return with_assertion(house, flags=0x04)


@attack("E_PASSKEY_TYPE")
def the_answer_of_a_registration(house):
    return with_assertion(house, type="webauthn.create")


@attack("E_PASSKEY_CHALLENGE")
def a_passkeys_approval_of_another_plan(house):
    key = enrol(house)
    other, text = house.plan(), house.plan()
    return approve(house, text, key.assertion(other, APPROVE_NAMESPACE))


@attack("E_PASSKEY_CHALLENGE")
def a_passkeys_request_passed_off_as_an_approval(house):
    key = enrol(house)
    text = house.plan()
    return approve(house, text, key.assertion(text, REQUEST_NAMESPACE))


@attack("E_PASSKEY_CHALLENGE")
def a_passkeys_sign_in_reused_as_an_approval(house):
    key = enrol(house)
    text = house.plan()
    return approve(house, text, key.assertion(b"sereno login v1\n", LOGIN_NAMESPACE))


@attack("E_PASSKEY_CHALLENGE")
def a_challenge_that_is_the_texts_own_digest(house):
    """As a page of the server's would make it, without the purpose before the text."""
    key = enrol(house)
    text = house.plan()
    made = key.assertion(text, APPROVE_NAMESPACE, challenge=passkeys.encode(hashlib.sha256(text).digest()))
    return approve(house, text, made)


@attack("E_PASSKEY_CHALLENGE")
def a_passkeys_approval_of_a_plan_taken_for_bounds(house):
    key = enrol(house)
    text = write_grant(bounds(house))
    asked = house.key("noa-0-approve").sign(text, NAMESPACES[BOUNDS]["request"])
    approval = passkeys.armor(key.assertion(text, APPROVE_NAMESPACE))
    return offer_text(house, text, [signature("request", asked), signature("approve", approval)])


@attack("E_KEY_UNKNOWN")
def a_passkey_that_is_on_no_roster(house):
    text = house.plan()
    return approve(house, text, SoftwarePasskey().assertion(text, APPROVE_NAMESPACE))


@attack("E_SIGNATURE_INVALID")
def another_passkey_under_the_credential_of_a_known_one(house):
    key = enrol(house)
    text = house.plan()
    forged = SoftwarePasskey().assertion(text, APPROVE_NAMESPACE)
    return approve(house, text, replace(forged, credential_id=key.public_key.credential_id))


@attack("E_SIGNATURE_INVALID")
def a_verified_flag_set_after_signing(house):
    key = enrol(house)
    text = house.plan()
    made = key.assertion(text, APPROVE_NAMESPACE, flags=0x01)
    data = bytearray(made.authenticator_data)
    data[32] = 0x05
    return approve(house, text, replace(made, authenticator_data=bytes(data)))


@attack("E_SIGNATURE_INVALID")
def client_data_with_a_space_added(house):
    key = enrol(house)
    text = house.plan()
    made = key.assertion(text, APPROVE_NAMESPACE)
    return approve(house, text, replace(made, client_data=made.client_data + b" "))


@attack("E_SIGNATURE_FORMAT")
def client_data_that_says_two_things(house):
    key = enrol(house)
    text = house.plan()
    made = key.assertion(text, APPROVE_NAMESPACE)
    twice = made.client_data.replace(b"{", b'{"origin": "https://evil.example", ', 1)
    return approve(house, text, key.seal(replace(made, client_data=twice)))


@attack("E_SIGNATURE_FORMAT")
def a_passkeys_answer_with_something_after_it(house):
    key = enrol(house)
    text = house.plan()
    made = key.assertion(text, APPROVE_NAMESPACE)
    return approve(house, text, key.seal(replace(made, authenticator_data=made.authenticator_data + b"more")))


@attack("E_KEY_PURPOSE")
def a_passkey_that_only_signs_in(house):
    key = enrol(house, purpose="session")
    text = house.plan()
    return approve(house, text, key.assertion(text, APPROVE_NAMESPACE))


@attack("E_APPROVER_ROLE")
def a_technicians_passkey_approves(house):
    key = enrol(house, "noa")
    text = house.plan(requester="server")
    return house.execute(text, signature("approve", key.sign(text, APPROVE_NAMESPACE)))


@attack("E_APPROVALS_TOO_FEW")
def a_passkey_and_a_key_of_one_person(house):
    key = enrol(house, medium=replace(house.roster.thresholds["medium"], persons=2))
    text = house.plan()
    return house.execute(
        text, house.request(text), house.approve(text), signature("approve", key.sign(text, APPROVE_NAMESPACE))
    )


@attack("E_SIGNATURE_INVALID")
def a_passkey_that_the_server_put_into_the_roster(house):
    """The root's signature is that of the roster before; the server has no other."""
    honest = write_roster(replace(house.roster, version=4))
    signed = house.root.sign(honest, ROSTER_NAMESPACE)
    own = RosterKey("approve", SoftwarePasskey().public_key)
    persons = tuple(
        replace(person, keys=(*person.keys, own)) if person.name == "ana" else person for person in house.roster.persons
    )
    return house.offer(write_roster(replace(house.roster, version=4, persons=persons)), [signed])
