"""Attacks on who may sign: rosters unsigned, lower, expired or of another organisation."""

import json
from datetime import timedelta

from tests.agent.executor.attacks.attack import attack

from sereno_agent.config import Joined, write_joined
from sereno_proto import sshsig
from sereno_proto.ids import organisation_id
from sereno_proto.root import Root, write_root
from sereno_proto.roster import write_roster
from sereno_proto.sshsig import ROSTER_NAMESPACE


@attack("E_ROSTER_UNSIGNED")
def an_unsigned_roster(house):
    return house.offer(write_roster(house.make_roster(4)), [])


@attack("E_ROSTER_UNSIGNED")
def a_roster_signed_by_another_key(house):
    text = write_roster(house.make_roster(4))
    return house.offer(text, [house.key("mallory").sign(text, ROSTER_NAMESPACE)])


@attack("E_NAMESPACE")
def a_roster_signed_for_another_purpose(house):
    text = write_roster(house.make_roster(4))
    return house.offer(text, [house.root.sign(text, sshsig.ROOT_NAMESPACE)])


@attack("E_SIGNATURE_INVALID")
def another_rosters_signature(house):
    signed = house.root.sign(write_roster(house.make_roster(4)), ROSTER_NAMESPACE)
    return house.offer(write_roster(house.make_roster(5)), [signed])


@attack("E_ROSTER_LOWER")
def a_lower_roster(house):
    text = write_roster(house.make_roster(2))
    return house.offer(text, [house.root.sign(text, ROSTER_NAMESPACE)])


@attack("E_ROSTER_OTHER")
def another_roster_of_the_same_version(house):
    text = write_roster(house.make_roster(3, days=29))
    return house.offer(text, [house.root.sign(text, ROSTER_NAMESPACE)])


@attack("E_ROSTER_EXPIRED")
def an_expired_roster(house):
    text = write_roster(house.make_roster(4, issued=house.now - timedelta(days=40), days=30))
    return house.offer(text, [house.root.sign(text, ROSTER_NAMESPACE)])


@attack("E_ROSTER_EXPIRED")
def a_plan_after_the_pinned_roster_expired(house):
    house.pin(house.make_roster(3, issued=house.now - timedelta(days=30) + timedelta(seconds=60)))
    text = house.plan()
    house.now_ms += 60_000
    return house.execute_signed(text)


@attack("E_ROSTER_ORGANISATION")
def another_organisations_roster(house):
    text = write_roster(house.make_roster(4, organisation_id="org_" + "a" * 32))
    return house.offer(text, [house.root.sign(text, ROSTER_NAMESPACE)])


@attack("E_KEY_UNKNOWN")
def a_person_taken_off_the_roster(house):
    text = house.plan()
    signatures = house.request(text), house.approve(text)
    persons = tuple(person for person in house.roster.persons if person.name != "ana")
    newer = write_roster(house.make_roster(4, persons=persons))
    assert house.offer(newer, [house.root.sign(newer, ROSTER_NAMESPACE)]).WhichOneof("body") == "accepted"
    return house.execute(text, *signatures)


def two_of_three(house):
    """The same organisation with a root of three keys, of which two must sign."""
    keys = [house.key(f"root-{number}") for number in range(3)]
    house.root_text = write_root(Root("Acme", 2, tuple(key.public_key for key in keys)))
    house.organisation = organisation_id(house.root_text)
    house.folders.root_text.write_bytes(house.root_text)
    write_joined(house.folders.joined, Joined(house.id, "web-1", house.organisation, "localhost:1"))
    text = write_roster(house.make_roster(3))
    house.folders.roster_text.write_bytes(text)
    signatures = [key.sign(text, ROSTER_NAMESPACE) for key in keys[:2]]
    house.folders.roster_signatures.write_text(json.dumps(signatures))
    house.start()
    return keys, write_roster(house.make_roster(4))


@attack("E_ROOT_THRESHOLD")
def a_roster_signed_by_too_few_of_the_root(house):
    keys, text = two_of_three(house)
    return house.offer(text, [keys[0].sign(text, ROSTER_NAMESPACE)])


@attack("E_ROOT_THRESHOLD")
def a_roster_signed_twice_by_one_key_of_the_root(house):
    keys, text = two_of_three(house)
    return house.offer(text, [keys[0].sign(text, ROSTER_NAMESPACE)] * 2)


@attack("E_ROSTER_UNSIGNED")
def a_roster_signed_by_one_key_of_the_root_and_one_of_the_attackers(house):
    keys, text = two_of_three(house)
    return house.offer(text, [key.sign(text, ROSTER_NAMESPACE) for key in (keys[0], house.key("mallory"))])
