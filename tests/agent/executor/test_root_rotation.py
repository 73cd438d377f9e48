"""A device and its root: it follows whom the pinned root named, together with a roster, and nobody else."""

import json
from dataclasses import replace

from tests.agent.executor.house import House, code_of

from sereno_proto import sshsig
from sereno_proto.ids import sha256
from sereno_proto.root import Root
from sereno_proto.root_chain import NextRoot, SignedRoot, write_next_root
from sereno_proto.roster import Roster, write_roster
from sereno_proto.v1.runs_pb2 import LaterRoot, OfferRoster, Reply


def successor(
    house: House, name: str, *, previous: bytes = b"", number: int = 2, by: tuple[str, ...] = ()
) -> SignedRoot:
    """The next root, of one key of that name, signed by the keys named or as it must be."""
    key = house.key(name)
    text = write_next_root(
        NextRoot(house.organisation, number, sha256(previous or house.root_text), Root("Acme", 1, (key.public_key,)))
    )
    signers = [house.key(one) for one in by or ("root", name)]
    return SignedRoot(text, tuple(one.sign(text, sshsig.NEXT_ROOT_NAMESPACE) for one in signers))


def offer(house: House, roster: Roster, signer: str, *later: SignedRoot) -> Reply:
    text = write_roster(roster)
    signatures = [house.key(signer).sign(text, sshsig.ROSTER_NAMESPACE)]
    roots = [LaterRoot(text=one.text, signatures=one.signatures) for one in later]
    return house.command(offer_roster=OfferRoster(roster_text=text, root_signatures=signatures, later_roots=roots))


def accepted(reply: Reply) -> bool:
    return reply.WhichOneof("body") == "accepted"


def test_a_rotated_root_is_taken_with_its_roster_and_the_old_one_counts_no_more(house):
    second = successor(house, "root-2")
    assert accepted(offer(house, house.make_roster(4), "root-2", second))
    house.start()
    text = house.plan()
    assert house.execute_signed(text).WhichOneof("body") != "problem"
    assert code_of(offer(house, house.make_roster(5), "root")) == "E_ROSTER_UNSIGNED"
    assert code_of(offer(house, house.make_roster(5), "root", second)) == "E_ROSTER_UNSIGNED"
    assert accepted(offer(house, house.make_roster(5), "root-2"))  # a shorter chain says nothing new
    third = successor(house, "root-3", previous=second.text, number=3, by=("root-2", "root-3"))
    assert accepted(offer(house, house.make_roster(6), "root-3", second, third))


def test_a_root_that_the_pinned_one_did_not_sign_is_refused_and_nothing_changes(house):
    before = house.folders.roster_text.read_bytes()
    attempts = [
        (successor(house, "thief", by=("thief",)), "E_ROOT_THRESHOLD"),
        (successor(house, "thief", by=("root",)), "E_ROOT_THRESHOLD"),
        (successor(house, "thief", by=("root", "thief", "stranger")), "E_ROOT_KEY"),
        (successor(house, "thief", number=3), "E_ROOT_CHAIN"),
        (successor(house, "thief", previous=b"another root\n"), "E_ROOT_CHAIN"),
    ]
    for later, code in attempts:
        assert code_of(offer(house, house.make_roster(4), "thief", later)) == code
    other = replace(house.make_roster(4), organisation_id="org_other")
    assert code_of(offer(house, other, "root-2", successor(house, "root-2"))) == "E_ROSTER_ORGANISATION"
    assert not house.folders.later_roots.exists()
    assert house.folders.roster_text.read_bytes() == before
    assert accepted(offer(house, house.make_roster(4), "root"))


def test_a_fork_of_the_pinned_chain_is_refused_even_signed_by_the_old_root(house):
    second, forked = successor(house, "root-2"), successor(house, "thief")
    assert accepted(offer(house, house.make_roster(4), "root-2", second))
    assert code_of(offer(house, house.make_roster(9), "thief", forked)) == "E_ROOT_FORKED"
    onwards = successor(house, "thief", previous=forked.text, number=3, by=("thief", "thief"))
    assert code_of(offer(house, house.make_roster(9), "thief", forked, onwards)) == "E_ROOT_FORKED"


def test_a_root_without_a_roster_of_its_own_is_not_pinned(house):
    second = successor(house, "root-2")
    assert code_of(offer(house, house.make_roster(4), "root", second)) == "E_ROSTER_UNSIGNED"
    assert code_of(offer(house, house.make_roster(2), "root-2", second)) == "E_ROSTER_LOWER"
    assert not house.folders.later_roots.exists()


def test_a_cut_between_the_files_is_made_good_and_a_damaged_file_stops_everything(house):
    second = successor(house, "root-2")
    assert accepted(offer(house, house.make_roster(4), "root-2", second))
    text = write_roster(house.make_roster(5))
    record = {
        "text": text.decode(),
        "signatures": [house.key("root-2").sign(text, sshsig.ROSTER_NAMESPACE)],
        "roots": json.loads(house.folders.later_roots.read_text()),
    }
    (house.folders.pins / "roster.next.json").write_text(json.dumps(record))
    house.folders.later_roots.unlink()
    house.start()
    assert house.execute_signed(house.plan()).WhichOneof("body") != "problem"
    house.folders.later_roots.write_text("{")
    assert code_of(house.make_plan()) == "E_ROOT_CHAIN"
