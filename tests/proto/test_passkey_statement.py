"""A passkey comes with its person's word, in the key they have, about this organisation, and not an old one."""

from datetime import timedelta

import pytest
from tests.proto.software_passkey import SoftwarePasskey
from tests.proto.test_plan import NOW

from sereno_proto import sshsig
from sereno_proto.denial import Denial, read_denial, write_denial
from sereno_proto.errors import SerenoError
from sereno_proto.passkey_statement import PasskeyStatement, read_statement, verify_statement, write_statement
from sereno_proto.roster import DEFAULT_THRESHOLDS, Person, Roster, RosterKey
from sereno_proto.sshsig import APPROVE_NAMESPACE, PASSKEY_NAMESPACE

PASSKEY = SoftwarePasskey(origin="https://approve.example.org")


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    return {name: sshsig.generate(folder / name) for name in ("ana", "ana-session", "eve", "stranger")}


@pytest.fixture
def roster(keys):
    ana = (RosterKey("approve", keys["ana"].public_key), RosterKey("session", keys["ana-session"].public_key))
    persons = (
        Person("ana", "Ana", "approver", ana),
        Person("eve", "Eve", "approver", (RosterKey("approve", keys["eve"].public_key),)),
    )
    return Roster("org_a", 1, NOW, NOW + timedelta(days=9), persons, DEFAULT_THRESHOLDS)


def text(organisation="org_a", person="ana", made=NOW):
    return write_statement(PasskeyStatement(organisation, person, PASSKEY.public_key, made))


def test_a_person_vouches_for_a_passkey_with_the_key_they_have(keys, roster):
    statement = verify_statement(text(), keys["ana"].sign(text(), PASSKEY_NAMESPACE), roster, NOW)
    assert statement == read_statement(text())
    assert statement.passkey == PASSKEY.public_key


@pytest.mark.parametrize(
    ("signer", "changes", "days", "namespace", "code"),
    [
        ("eve", {}, 0, PASSKEY_NAMESPACE, "E_PASSKEY_UNCONFIRMED"),
        ("stranger", {}, 0, PASSKEY_NAMESPACE, "E_KEY_UNKNOWN"),
        ("ana-session", {}, 0, PASSKEY_NAMESPACE, "E_KEY_PURPOSE"),
        ("ana", {}, 0, APPROVE_NAMESPACE, "E_NAMESPACE"),
        ("ana", {"organisation": "org_b"}, 0, PASSKEY_NAMESPACE, "E_PASSKEY_UNCONFIRMED"),
        ("ana", {"person": "eve"}, 0, PASSKEY_NAMESPACE, "E_PASSKEY_UNCONFIRMED"),
        ("ana", {}, 8, PASSKEY_NAMESPACE, "E_PASSKEY_UNCONFIRMED"),
        ("ana", {}, -1, PASSKEY_NAMESPACE, "E_PASSKEY_UNCONFIRMED"),
    ],
)
def test_anything_else_vouches_for_nothing(keys, roster, signer, changes, days, namespace, code):  # noqa: PLR0917
    said = text(**changes)
    with pytest.raises(SerenoError) as caught:
        verify_statement(said, keys[signer].sign(said, namespace), roster, NOW + timedelta(days=days))
    assert caught.value.code == code


def test_a_passkey_cannot_vouch_for_itself(roster):
    with pytest.raises(SerenoError) as caught:
        verify_statement(text(), PASSKEY.sign(text(), PASSKEY_NAMESPACE), roster, NOW)
    assert caught.value.code == "E_KEY_UNKNOWN"


def test_a_denial_has_one_text():
    denial = Denial("sha256:" + "0" * 64, "org_a", "run_1", "too risky")
    assert read_denial(write_denial(denial)) == denial
    for changes in ({"document": "x"}, {"of": "run"}, {"reason": "x" * 401}, {"reason": ""}):
        with pytest.raises(SerenoError):
            write_denial(Denial(**({**denial.__dict__} | changes)))
