"""Passkeys: what is accepted, every way in which an assertion is refused, and what the roster takes."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.proto.software_passkey import VERIFIED, SoftwarePasskey
from tests.proto.test_plan import NOW, PLAN

from sereno_proto import passkeys
from sereno_proto.approval import verify_approval
from sereno_proto.errors import BadInput, SerenoError
from sereno_proto.passkeys import EDDSA, ES256, RS256, parse_passkey
from sereno_proto.plan import write_plan
from sereno_proto.roster import DEFAULT_THRESHOLDS, Person, Roster, RosterKey, read_roster, write_roster
from sereno_proto.sshsig import APPROVE_NAMESPACE, LOGIN_NAMESPACE, REQUEST_NAMESPACE

TEXT = b"sereno plan v1\nrequester: noa\n"
KEYS = {algorithm: SoftwarePasskey(algorithm) for algorithm in (ES256, EDDSA, RS256)}
KEY = KEYS[ES256]


def code(function, *arguments):
    with pytest.raises(SerenoError) as caught:
        function(*arguments)
    return caught.value.code


def verdict(assertion, key=KEY, text=TEXT, namespace=APPROVE_NAMESPACE):
    return code(passkeys.verify, text, assertion, key.public_key, namespace)


@pytest.mark.parametrize("algorithm", KEYS)
def test_what_a_passkey_signed_is_accepted_and_travels_armored(algorithm):
    key = KEYS[algorithm]
    for counter in (0, 7):
        assertion = key.assertion(TEXT, APPROVE_NAMESPACE, counter=counter)
        assert passkeys.unarmor(passkeys.armor(assertion)) == assertion
        passkeys.verify(TEXT, assertion, key.public_key, APPROVE_NAMESPACE)
    assert parse_passkey(key.public_key.line) == key.public_key


REFUSED = {
    "another text": ("E_PASSKEY_CHALLENGE", lambda: KEY.assertion(TEXT + b"risk: low\n", APPROVE_NAMESPACE)),
    "a request taken for an approval": ("E_PASSKEY_CHALLENGE", lambda: KEY.assertion(TEXT, REQUEST_NAMESPACE)),
    "signing in taken for an approval": ("E_PASSKEY_CHALLENGE", lambda: KEY.assertion(TEXT, LOGIN_NAMESPACE)),
    "a challenge that the server chose": (
        "E_PASSKEY_CHALLENGE",
        lambda: KEY.assertion(TEXT, APPROVE_NAMESPACE, challenge="AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
    ),
    "a registration": ("E_PASSKEY_TYPE", lambda: KEY.assertion(TEXT, APPROVE_NAMESPACE, type="webauthn.create")),
    "the console's origin": (
        "E_PASSKEY_ORIGIN",
        lambda: KEY.assertion(TEXT, APPROVE_NAMESPACE, origin="https://console.example.org"),
    ),
    "another port": (
        "E_PASSKEY_ORIGIN",
        lambda: KEY.assertion(TEXT, APPROVE_NAMESPACE, origin="https://approve.example.org:8443"),
    ),
    "without encryption": (
        "E_PASSKEY_ORIGIN",
        lambda: KEY.assertion(TEXT, APPROVE_NAMESPACE, origin="http://approve.example.org"),
    ),
    "inside another page": ("E_PASSKEY_CROSS_ORIGIN", lambda: KEY.assertion(TEXT, APPROVE_NAMESPACE, crossOrigin=True)),
    "inside a page that is named": (
        "E_PASSKEY_CROSS_ORIGIN",
        lambda: KEY.assertion(TEXT, APPROVE_NAMESPACE, topOrigin="https://evil.example"),
    ),
    "cross-origin that is no truth value": (
        "E_PASSKEY_CROSS_ORIGIN",
        lambda: KEY.assertion(TEXT, APPROVE_NAMESPACE, crossOrigin="false"),
    ),
    "another RP id": ("E_PASSKEY_RP", lambda: KEY.assertion(TEXT, APPROVE_NAMESPACE, rp_id="console.example.org")),
    "a touch alone": ("E_PASSKEY_UNVERIFIED", lambda: KEY.assertion(TEXT, APPROVE_NAMESPACE, flags=0x01)),
    "nobody there": ("E_PASSKEY_UNVERIFIED", lambda: KEY.assertion(TEXT, APPROVE_NAMESPACE, flags=0x04)),
    "flags that contradict each other": (
        "E_SIGNATURE_FORMAT",
        lambda: KEY.assertion(TEXT, APPROVE_NAMESPACE, flags=VERIFIED | 0x10),
    ),
    "a key offered along": (
        "E_SIGNATURE_FORMAT",
        lambda: KEY.assertion(TEXT, APPROVE_NAMESPACE, flags=VERIFIED | 0x40),
    ),
    "extensions that are not there": (
        "E_SIGNATURE_FORMAT",
        lambda: KEY.assertion(TEXT, APPROVE_NAMESPACE, flags=VERIFIED | 0x80),
    ),
    "bytes after the end": (
        "E_SIGNATURE_FORMAT",
        lambda: KEY.seal(
            _changed(authenticator_data=KEY.assertion(TEXT, APPROVE_NAMESPACE).authenticator_data + b"\0")
        ),
    ),
    "a key said twice": (
        "E_SIGNATURE_FORMAT",
        lambda: KEY.seal(_changed(client_data=b'{"type":"webauthn.get","type":"webauthn.get"}')),
    ),
    "no object": ("E_SIGNATURE_FORMAT", lambda: KEY.seal(_changed(client_data=b"[]"))),
    "no JSON": ("E_SIGNATURE_FORMAT", lambda: KEY.seal(_changed(client_data=b"\xff"))),
    "nested without end": ("E_SIGNATURE_FORMAT", lambda: KEY.seal(_changed(client_data=b"[" * 4000))),
    "client data without end": ("E_SIGNATURE_FORMAT", lambda: KEY.seal(_changed(client_data=b" " * 5000))),
    "another credential": ("E_KEY_UNKNOWN", lambda: _changed(credential_id=b"other")),
    "the signature of another key": (
        "E_SIGNATURE_INVALID",
        lambda: SoftwarePasskey().seal(KEY.assertion(TEXT, APPROVE_NAMESPACE)),
    ),
    "no signature": ("E_SIGNATURE_INVALID", lambda: _changed(signature=b"")),
}


def _changed(**changes):
    return replace(KEY.assertion(TEXT, APPROVE_NAMESPACE), **changes)


@pytest.mark.parametrize("name", REFUSED)
def test_every_other_assertion_is_refused_with_its_own_code(name):
    expected, make = REFUSED[name]
    assert verdict(make()) == expected


LINES = {
    "no secure page": KEY.public_key.line.replace("https://", "http://"),
    "an address": KEY.public_key.line.replace("approve.example.org", "127.0.0.1"),
    "a page of another site": KEY.public_key.line.replace(" https://approve.", " https://evil."),
    "a site whose name only ends alike": KEY.public_key.line.replace(" https://approve.", " https://evilapprove."),
    "a page, not an origin": KEY.public_key.line + "/approve",
    "upper case": KEY.public_key.line.replace("https://a", "https://A"),
    "another algorithm": KEY.public_key.line.replace("ES256", "EdDSA"),
    "an unknown algorithm": KEY.public_key.line.replace("ES256", "ES512"),
    "padding": KEY.public_key.line.replace(" ES256 ", " ES256 =").replace("=", "A=", 1),
    "a word more": KEY.public_key.line + " noa",
}


@pytest.mark.parametrize("name", LINES)
def test_a_passkey_that_cannot_be_trusted_to_one_page_never_gets_on_a_roster(name):
    assert code(parse_passkey, LINES[name]) == "E_KEY_TYPE"


def test_localhost_may_be_unencrypted_as_browsers_allow():
    origin = "http://approve.localhost:8765"
    key = SoftwarePasskey(rp_id="approve.localhost", origin=origin).public_key
    assert parse_passkey(key.line) == key


def roster(*persons):
    return Roster("org_a", 1, NOW, NOW + timedelta(days=9), persons, DEFAULT_THRESHOLDS)


def test_passkeys_approve_plans_beside_ssh_keys_and_count_as_touched():
    signers = {name: SoftwarePasskey() for name in ("noa", "ana", "ben")}
    roles = {"noa": "technician", "ana": "approver", "ben": "administrator"}
    people = roster(
        *(
            Person(name, name, roles[name], (RosterKey("approve", signer.public_key),))
            for name, signer in signers.items()
        )
    )
    assert read_roster(write_roster(people)) == people
    risky = replace(PLAN, risk="high")
    text = write_plan(risky)
    signatures = [("request", signers["noa"].sign(text, REQUEST_NAMESPACE))]
    signatures += [("approve", signers[name].sign(text, APPROVE_NAMESPACE)) for name in ("ana", "ben")]
    assert verify_approval(risky, text, signatures, people, NOW).approvers == ("ana", "ben")


def test_a_passkey_that_nobody_holds_or_that_opens_sessions_approves_nothing():
    stranger, ana = SoftwarePasskey(), SoftwarePasskey()
    people = roster(Person("ana", "Ana", "approver", (RosterKey("session", ana.public_key),)))
    text = write_plan(PLAN)
    for key, expected in ((stranger, "E_KEY_UNKNOWN"), (ana, "E_KEY_PURPOSE")):
        given_ = [("approve", key.sign(text, APPROVE_NAMESPACE))]
        assert code(verify_approval, PLAN, text, given_, people, NOW) == expected


def test_a_roster_names_each_credential_once_and_no_passkey_as_registrar():
    ana = SoftwarePasskey().public_key
    twin = replace(SoftwarePasskey().public_key, credential_id=ana.credential_id)
    for keys in (
        (RosterKey("approve", ana), RosterKey("session", ana)),
        (RosterKey("approve", ana), RosterKey("approve", twin)),
    ):
        assert code(write_roster, roster(Person("ana", "Ana", "approver", keys))) == "E_ROSTER_INVALID"
    registrar = roster(Person("ana", "Ana", "approver", (RosterKey("registrar", ana),)))
    assert code(write_roster, registrar) == "E_ROSTER_INVALID"


@given(st.binary(max_size=300))
def test_no_bytes_of_chance_are_an_assertion_or_a_passkey(blob):
    for read, text in (
        (passkeys.unarmor, blob.decode("latin-1")),
        (parse_passkey, "passkey " + blob.decode("latin-1")),
    ):
        with pytest.raises(BadInput):
            read(text)


@given(position=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_an_assertion_with_any_bit_turned_is_refused(position, bit):
    assertion = ASSERTION
    parts = [assertion.credential_id, assertion.authenticator_data, assertion.client_data, assertion.signature]
    whole = bytearray(b"".join(parts))
    whole[position % len(whole)] ^= 1 << bit
    cut, bent = 0, []
    for part in parts:
        bent.append(bytes(whole[cut : cut + len(part)]))
        cut += len(part)
    with pytest.raises(SerenoError):
        passkeys.verify(TEXT, passkeys.Assertion(*bent), KEY.public_key, APPROVE_NAMESPACE)


ASSERTION = KEY.assertion(TEXT, APPROVE_NAMESPACE)
