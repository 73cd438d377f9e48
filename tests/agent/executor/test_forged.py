"""Whoever owns the server, sends what they like: each attempt is refused with its own code, and nothing is run."""

import pytest
from tests.agent.executor.attacks import ATTACKS
from tests.agent.executor.house import code_of

from sereno_agent import ledger


@pytest.mark.parametrize("name", ATTACKS)
def test_the_device_refuses(house, name):
    code, attack = ATTACKS[name]
    reply = attack(house)
    assert code_of(reply) == code, reply
    assert house.workers.applied == []
    assert reply.refusal.remedy
    last = list(ledger.rows(house.folders.ledger))[-1]
    assert (last.code, last.verb.rpartition(".")[2]) == (code, "refused")


def test_after_every_attack_honest_people_go_on_working(house):
    text = house.plan()
    for signatures in ([], [house.approve(text)], [house.request(text), house.approve(text, "mallory")]):
        assert code_of(house.execute(text, *signatures))
    assert house.execute_signed(text).WhichOneof("body") == "accepted"
    assert house.workers.applied == ["rotate"]


def test_any_byte_of_a_signed_plan_that_changes_is_refused(house):
    text = house.plan()
    signatures = house.request(text), house.approve(text)
    for position in range(0, len(text), 7):
        changed = bytearray(text)
        changed[position] ^= 1
        house.now_ms += 250  # not so fast that the device would not look at it
        assert code_of(house.execute(bytes(changed), *signatures)) not in {"", "E_OVERLOADED"}
    assert house.workers.applied == []
    assert house.execute(text, *signatures).WhichOneof("body") == "accepted"
