"""Signatures that come in without a session: the signature alone says whose it is, and nothing else counts."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.proto.software_passkey import SoftwarePasskey
from tests.server.signing import planned, refused, sign, state, verbs
from tests.server.world import World, play

from sereno_proto.denial import Denial, write_denial
from sereno_proto.ids import sha256
from sereno_proto.roster import RosterKey, write_roster
from sereno_proto.sshsig import APPROVE_NAMESPACE, DENY_NAMESPACE, REQUEST_NAMESPACE
from sereno_server.approve_site.handed_in import HandedIn, take
from sereno_server.store.engine import Store
from sereno_server.store.tables import rosters, signatures

pytestmark = pytest.mark.slow


async def with_passkey(world: World, name: str = "sam") -> SoftwarePasskey:
    """The roster of a world in which this person has a passkey too."""
    passkey = SoftwarePasskey(origin="https://approve.example.org")
    person = world.roster.person(name)
    assert person is not None
    held = replace(person, keys=(*person.keys, RosterKey("approve", passkey.public_key)))
    persons = tuple(held if one is person else one for one in world.roster.persons)
    world.roster = replace(world.roster, version=2, persons=persons)
    text = write_roster(world.roster)
    await world.put(rosters, version=2, roster_text=text, signatures=[], expires_at=world.roster.expires)
    return passkey


def handed(world: World, run: dict[str, Any], signature: str, purpose: str = "approve", **changes: str) -> HandedIn:
    return replace(HandedIn(world.organisation_id, run["id"], purpose, signature), **changes)


def test_an_approval_and_a_denial_need_no_session(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        passkey = await with_passkey(world)
        run = await planned(world)
        await sign(world, run, "noa", "request")
        signature = passkey.sign(run["plan_text"], APPROVE_NAMESPACE)
        who = await take(world, handed(world, run, signature), clock=world.clock)
        await take(world, handed(world, run, signature), clock=world.clock)  # posted twice counts once
        assert (who.name, len(await world.rows(signatures))) == ("sam", 2)
        other = await planned(world)
        text = write_denial(Denial(sha256(other["plan_text"]), world.organisation_id, other["id"], "too risky"))
        signature = passkey.sign(text, DENY_NAMESPACE)
        await take(world, handed(world, other, signature, "deny", reason="too risky"), clock=world.clock)
        assert (await state(world, other))[0] == "denied"

    play(store, tmp_path, story)


def test_nothing_else_is_taken(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        passkey = await with_passkey(world)
        stranger = SoftwarePasskey()
        run, other = await planned(world), await planned(world)
        text = run["plan_text"]
        good = passkey.sign(text, APPROVE_NAMESPACE)
        no = write_denial(Denial(sha256(text), world.organisation_id, run["id"], "too risky"))
        denial = passkey.sign(no, DENY_NAMESPACE)
        crossing = passkey.assertion(text, APPROVE_NAMESPACE, crossOrigin=True)
        attempts = [
            (handed(world, run, stranger.sign(text, APPROVE_NAMESPACE)), "E_KEY_UNKNOWN"),
            (handed(world, other, good), "E_PASSKEY_CHALLENGE"),
            (handed(world, run, good, "request"), "E_PASSKEY_CHALLENGE"),
            (handed(world, run, good, "deny", reason="too risky"), "E_PASSKEY_CHALLENGE"),
            (handed(world, run, passkey.sign(text, REQUEST_NAMESPACE), "request"), "E_REQUESTER_OTHER"),
            (handed(world, run, denial, "deny", reason="another reason"), "E_PASSKEY_CHALLENGE"),
            (handed(world, other, denial, "deny", reason="too risky"), "E_PASSKEY_CHALLENGE"),
            (handed(world, run, good, organisation_id="org_other"), "E_NOT_FOUND"),
            (handed(world, run, good, of="run_none"), "E_NOT_FOUND"),
            (handed(world, run, good, of="grt_none"), "E_NOT_FOUND"),
            (handed(world, run, good, "nonsense"), "E_NAMESPACE"),
            (handed(world, run, world.sign("noa", text, APPROVE_NAMESPACE)), "E_APPROVER_IS_REQUESTER"),
            (handed(world, run, world.sign("sam-session", text, APPROVE_NAMESPACE)), "E_KEY_PURPOSE"),
            (handed(world, run, "not a signature"), "E_SIGNATURE_FORMAT"),
            (handed(world, run, good + "A" * 9000), "E_LIMIT"),
            (handed(world, run, _armored(crossing)), "E_SIGNATURE_INVALID|E_PASSKEY_CROSS_ORIGIN"),
        ]
        for given, code in attempts:
            with refused(code):
                await take(world, given, clock=world.clock)
        assert await world.rows(signatures) == []
        assert not {"run.sign", "run.denied"} & set(await verbs(world))

    play(store, tmp_path, story)


def _armored(assertion: Any) -> str:
    from sereno_proto import passkeys

    return passkeys.armor(assertion)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, "E_NOT_FOUND"),
        ({"organisation": "org_'; --"}, "E_BAD_REQUEST"),
        ({"of": "tkt_1"}, "E_BAD_REQUEST"),
        ({"purpose": "execute"}, "E_BAD_REQUEST"),
        ({"signature": "A" * 9000}, "E_BAD_REQUEST"),
    ],
)
def test_the_route_takes_a_form_from_any_site_and_refuses_what_is_malformed(site, fields, code) -> None:
    form = {"organisation": "org_a", "of": "run_1", "purpose": "approve", "signature": "x"} | fields
    headers = {"origin": "http://approve.localhost:9", "sec-fetch-site": "cross-site"}
    assert site.call("POST", "/signed", data=form, headers=headers).json()["code"] == code
    assert site.call("POST", "/signed", data=form, headers={"host": "evil.example"}).json()["code"] == "E_ORIGIN"


def test_the_route_is_rate_limited(site) -> None:
    form = {"organisation": "org_a", "of": "run_1", "purpose": "approve", "signature": "x"}
    codes = [site.call("POST", "/signed", data=form).json()["code"] for _ in range(25)]
    assert codes[0] == "E_NOT_FOUND"
    assert codes[-1] == "E_TOO_MANY_REQUESTS"
