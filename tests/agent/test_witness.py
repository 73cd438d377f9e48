"""A device as witness: it takes what goes on from what it holds, and never forgets what does not."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sereno_agent.witness import Witness
from sereno_proto import merkle
from sereno_proto.checkpoint import Checkpoint
from sereno_proto.checkpoint_signature import sign_checkpoint

KEY = Ed25519PrivateKey.generate()


class Ledger:
    """A server's ledger, honest or not."""

    def __init__(self, *rows):
        self.node = merkle.nodes_of([merkle.leaf_hash(row.encode()) for row in rows])
        self.size = len(rows)

    def told(self, old=0, organisation="org_a", size=None):
        size = self.size if size is None else size
        note = sign_checkpoint(Checkpoint(organisation, size, merkle.root(size, self.node)), KEY)
        return note, old, merkle.consistency(old, size, self.node) if old <= size else []


HONEST = [f"row {number}" for number in range(9)]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "witness.json"


def test_it_follows_a_ledger_that_grows_over_restarts(path):
    for old, size in ((0, 3), (3, 3), (3, 7), (7, 9)):
        assert Witness(path).offer(*Ledger(*HONEST).told(old, size=size), 1) == ""
        assert Witness(path).size == size


LIES = {
    "a row edited": Ledger(*HONEST[:2], "another", *HONEST[3:]).told(5),
    "a row deleted": Ledger(*HONEST[:2], *HONEST[3:]).told(5),
    "two rows swapped": Ledger(HONEST[1], HONEST[0], *HONEST[2:]).told(5),
    "the end cut off": Ledger(*HONEST[:4]).told(5),
    "all written anew": Ledger(*(f"new {row}" for row in HONEST)).told(5),
    "written anew to the same length": Ledger(*(f"new {row}" for row in HONEST[:5])).told(5),
    "another organisation's": Ledger(*HONEST).told(5, organisation="org_b"),
    "without proof": (*Ledger(*HONEST).told(5)[:2], []),
    "a proof that is none": (*Ledger(*HONEST).told(5)[:2], [b"x"]),
    "no checkpoint": (b"\xff\n\n", 5, []),
}


@pytest.mark.parametrize("name", LIES)
def test_every_other_history_is_kept_as_evidence(path, name):
    witness = Witness(path)
    witness.offer(*Ledger(*HONEST).told(size=5), 1)
    assert witness.offer(*LIES[name], 2)
    again = Witness(path)
    assert (again.fault, again.contradicting, again.size) == (witness.fault, LIES[name][0], 5)
    assert again.offer(*Ledger(*HONEST).told(5), 3) == ""  # an honest one afterwards does not heal it
    assert (again.size, Witness(path).fault) == (5, witness.fault)


def test_one_that_starts_elsewhere_is_passed_over(path):
    witness = Witness(path)
    witness.offer(*Ledger(*HONEST).told(size=5), 1)
    assert witness.offer(*Ledger(*HONEST).told(3), 2) == ""
    assert (witness.size, witness.fault) == (5, "")


def test_a_damaged_file_is_a_fault_not_a_fresh_start(path):
    path.write_text("{")
    assert "damaged" in Witness(path).fault
