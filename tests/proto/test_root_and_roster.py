"""Root and roster: what makes sense, and who must have signed it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sereno_proto import sshsig
from sereno_proto.errors import SerenoError
from sereno_proto.ids import organisation_id
from sereno_proto.root import Root, read_root, verify_root, write_root
from sereno_proto.roster import (
    DEFAULT_THRESHOLDS,
    Person,
    Roster,
    RosterKey,
    Threshold,
    read_roster,
    verify_roster,
    write_roster,
)
from sereno_proto.sshsig import ROOT_NAMESPACE, ROSTER_NAMESPACE

NOW = datetime(2026, 11, 21, 20, 0, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    return [sshsig.generate(folder / str(number)) for number in range(5)]


@pytest.fixture(scope="module")
def root(keys):
    return Root("Acme España", 2, tuple(key.public_key for key in keys[:3]))


@pytest.fixture(scope="module")
def roster(keys, root):
    noa = Person("noa", "Noa L.", "technician", (RosterKey("approve", keys[3].public_key),))
    ana = Person("ana.b-c_d", "Ana", "approver", (RosterKey("session", keys[4].public_key),))
    organisation = organisation_id(write_root(root))
    return Roster(organisation, 1, NOW, NOW + timedelta(days=90), (noa, ana), DEFAULT_THRESHOLDS)


def code(function, *arguments):
    with pytest.raises(SerenoError) as caught:
        function(*arguments)
    return caught.value.code


def test_a_root_and_a_roster_read_back(root, roster):
    assert read_root(write_root(root)) == root
    assert read_roster(write_roster(roster)) == roster
    assert b"approvals.high: 2 others with touch\n" in write_roster(roster)


def test_a_root_needs_its_threshold_of_distinct_keys_of_its_own(root, keys):
    text = write_root(root)
    one, two, stranger = (keys[number].sign(text, ROOT_NAMESPACE) for number in (0, 1, 4))
    assert verify_root(text, [one, two]) == root
    assert code(verify_root, text, []) == "E_ROOT_THRESHOLD"
    assert code(verify_root, text, [one]) == "E_ROOT_THRESHOLD"
    assert code(verify_root, text, [one, one, keys[0].sign(text, ROOT_NAMESPACE)]) == "E_ROOT_THRESHOLD"
    assert code(verify_root, text, [one, stranger]) == "E_ROOT_KEY"
    assert code(verify_root, text, [one, keys[1].sign(text, ROSTER_NAMESPACE)]) == "E_NAMESPACE"
    assert code(verify_root, text, [one] * 17) == "E_LIMIT"


@pytest.mark.parametrize(
    "change",
    [
        lambda root: {"threshold": 0},
        lambda root: {"threshold": 4},
        lambda root: {"keys": ()},
        lambda root: {"keys": (root.keys[0], root.keys[0], root.keys[1])},
        lambda root: {"name": ""},
    ],
)
def test_a_root_that_makes_no_sense_is_not_written(root, change):
    assert code(write_root, replace(root, **change(root))) == "E_DOCUMENT"


def test_a_roster_counts_when_the_root_signed_it(root, roster, keys):
    root_text, text = write_root(root), write_roster(roster)
    one, two, stranger = (keys[number].sign(text, ROSTER_NAMESPACE) for number in (0, 1, 4))
    assert verify_roster(root_text, text, [one, two], NOW) == roster
    assert code(verify_roster, root_text, text, [], NOW) == "E_ROSTER_UNSIGNED"
    assert code(verify_roster, root_text, text, [stranger], NOW) == "E_ROSTER_UNSIGNED"
    assert code(verify_roster, root_text, text, [one], NOW) == "E_ROOT_THRESHOLD"
    assert code(verify_roster, root_text, text, [one, two], roster.expires) == "E_ROSTER_EXPIRED"
    other = write_root(replace(root, name="Other"))
    assert code(verify_roster, other, text, [one, two], NOW) == "E_ROSTER_ORGANISATION"


@pytest.mark.parametrize(
    "change",
    [
        lambda roster: {"version": 0},
        lambda roster: {"expires": NOW + timedelta(days=91)},
        lambda roster: {"expires": NOW},
        lambda roster: {"persons": ()},
        lambda roster: {"persons": (roster.persons[0], roster.persons[0])},
        lambda roster: {"persons": (roster.persons[0], replace(roster.persons[0], name="other"))},
        lambda roster: {"persons": (replace(roster.persons[0], name="server"),)},
        lambda roster: {"persons": (replace(roster.persons[0], name="Noa"),)},
        lambda roster: {"persons": (replace(roster.persons[0], role="owner"),)},
        lambda roster: {"persons": (replace(roster.persons[0], keys=roster.persons[0].keys * 2),)},
        lambda roster: {
            "persons": (replace(roster.persons[0], keys=(replace(roster.persons[0].keys[0], purpose="any"),)),)
        },
        lambda roster: {"thresholds": {"low": Threshold(1), "medium": Threshold(1)}},
        lambda roster: {"thresholds": DEFAULT_THRESHOLDS | {"low": Threshold(0)}},
        lambda roster: {"thresholds": DEFAULT_THRESHOLDS | {"low": Threshold(9)}},
    ],
)
def test_a_roster_that_makes_no_sense_is_not_written(roster, change):
    assert code(write_roster, replace(roster, **change(roster))) == "E_ROSTER_INVALID"


@pytest.mark.parametrize(
    ("old", "new", "refusal"),
    [
        ("approvals.low: 1 self", "approvals.low: 1 selves", "E_ROSTER_INVALID"),
        ("approvals.low: 1 self", "approvals.low: 0 self", "E_ROSTER_INVALID"),
        ("approvals.low: 1 self", "approvals.low: 1 others", "E_DOCUMENT"),
        ("version: 1", "version: 01", "E_DOCUMENT"),
        ("person.2.", "person.3.", "E_DOCUMENT"),
        ("person.2.", "person.02.", "E_FIELD_UNKNOWN"),
        ("person.2.role: approver\n", "", "E_FIELD_MISSING"),
        ("person.2.role: approver\n", "person.2.role: approver\nperson.2.rôle: x\n", "E_DOCUMENT"),
        ("key.1: approve", "key.1: approve ", "E_DOCUMENT"),
        ("key.1: approve ssh", "key.1: ssh", "E_KEY_TYPE"),
        ("2026-11-21T20:00:00Z", "2026-11-21T20:00:00+00:00", "E_DOCUMENT"),
    ],
)
def test_a_roster_written_otherwise_is_not_read(roster, old, new, refusal):
    text = write_roster(roster).decode()
    assert old in text
    assert code(read_roster, text.replace(old, new).encode()) == refusal


def test_lines_in_another_order_are_refused(roster, root):
    lines = write_roster(roster).splitlines(keepends=True)
    lines[2], lines[3] = lines[3], lines[2]
    assert code(read_roster, b"".join(lines)) == "E_DOCUMENT"
    lines = write_root(root).splitlines(keepends=True)
    assert code(read_root, b"".join([lines[0], *lines[:0:-1]])) == "E_DOCUMENT"
