"""Rosters: only higher ones that the root signed, and a crash between two files is made good."""

import json

from tests.agent.executor.house import code_of

from sereno_proto.roster import read_roster, write_roster
from sereno_proto.sshsig import ROSTER_NAMESPACE


def signed(house, version, **changes):
    text = write_roster(house.make_roster(version, **changes))
    return text, [house.root.sign(text, ROSTER_NAMESPACE)]


def pinned(house):
    return read_roster(house.folders.roster_text.read_bytes()).version


def test_a_higher_roster_is_pinned_and_plans_name_it(house):
    assert house.offer(*signed(house, 7)).WhichOneof("body") == "accepted"
    assert pinned(house) == 7
    assert b"roster-version-min: 7\n" in house.plan()
    assert code_of(house.offer(*signed(house, 6))) == "E_ROSTER_LOWER"


def test_the_pinned_roster_may_be_offered_again(house):
    text, signatures = house.folders.roster_text.read_bytes(), house.folders.roster_signatures.read_text()
    assert house.offer(text, json.loads(signatures)).WhichOneof("body") == "accepted"


def test_an_expired_roster_makes_way_for_a_new_one(house):
    house.now_ms += 31 * 86_400_000
    assert code_of(house.make_plan()) == "E_ROSTER_EXPIRED"
    assert house.offer(*signed(house, 4)).WhichOneof("body") == "accepted"
    assert house.make_plan().WhichOneof("body") == "plan_issued"


def test_a_roster_edited_on_the_disk_is_no_roster(house):
    text = house.folders.roster_text.read_bytes()
    house.folders.roster_text.write_bytes(text.replace(b"technician", b"approver"))
    assert code_of(house.make_plan()) == "E_SIGNATURE_INVALID"
    house.folders.roster_text.write_bytes(text)
    house.folders.roster_signatures.write_text("[]")
    assert code_of(house.make_plan()) == "E_ROSTER_UNSIGNED"
    house.folders.roster_signatures.write_text('{"a": 1}')
    assert code_of(house.make_plan()) == "E_ROSTER_UNSIGNED"
    house.folders.roster_text.unlink()
    assert code_of(house.make_plan()) == "E_ROSTER_MISSING"


def test_another_root_on_the_disk_is_not_ours(house):
    house.folders.root_text.write_bytes(house.root_text.replace(b"Acme", b"Evil"))
    assert code_of(house.make_plan()) == "E_ROOT_DIGEST"


def test_a_crash_between_roster_and_signatures_is_made_good_at_the_next_start(house):
    text, signatures = signed(house, 9)
    record = {"text": text.decode(), "signatures": signatures}
    (house.folders.pins / "roster.next.json").write_text(json.dumps(record))
    house.folders.roster_text.write_bytes(text)
    house.start()
    assert house.make_plan().WhichOneof("body") == "plan_issued"
    assert pinned(house) == 9
