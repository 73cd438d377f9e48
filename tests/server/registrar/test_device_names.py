"""Names of devices: only a registrar of the roster binds one, and only to the machine that has it."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.server.signing import refused, verbs
from tests.server.world import World, play

from sereno_proto import sshsig
from sereno_proto.device_name import DeviceName, read_device_name, verify_device_name, write_device_name
from sereno_proto.errors import BadInput
from sereno_proto.roster import RosterKey, write_roster
from sereno_proto.sshsig import APPROVE_NAMESPACE, NAME_NAMESPACE
from sereno_server.registrar import keep_name, signed_name
from sereno_server.store.engine import Scope, Store
from sereno_server.store.tables import device_names, devices, rosters

pytestmark = pytest.mark.slow


async def with_registrar(world: World) -> None:
    """ada's second key is a registrar's."""
    world.signers["registrar"] = sshsig.generate(world.folder / "registrar")
    key = RosterKey("registrar", world.signers["registrar"].public_key)
    persons = tuple(replace(one, keys=(*one.keys, key)) if one.name == "ada" else one for one in world.roster.persons)
    world.roster = replace(world.roster, version=2, persons=persons)
    text = write_roster(world.roster)
    await world.put(rosters, version=2, roster_text=text, signatures=[], expires_at=world.roster.expires)


def statement(world: World, **changes: object) -> DeviceName:
    return replace(DeviceName(world.organisation_id, world.device.id, "web-1", world.now), **changes)


async def give(
    world: World, said: DeviceName, *, key: str = "registrar", who: str = "ada", namespace: str = NAME_NAMESPACE
) -> None:
    text = write_device_name(said)
    async with world.store.transaction(Scope(world.organisation_id)) as tx:
        await keep_name(tx, world.account(who), text, world.sign(key, text, namespace), world.now)


def test_a_registrars_word_is_kept_and_can_be_verified_by_anybody(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await with_registrar(world)
        await give(world, statement(world))
        [device] = await world.rows(devices)
        assert device["name_verified"]
        async with store.transaction(Scope(world.organisation_id)) as tx:
            kept = await signed_name(tx, world.device.id)
        said, person = verify_device_name(kept.text.encode(), kept.signature, world.roster, world.now)
        assert (said.name, said.device_id, person.name) == ("web-1", world.device.id, "ada")
        assert "device.name" in await verbs(world)

    play(store, tmp_path, story)


def test_nobody_else_binds_a_name(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await with_registrar(world)
        for said, how, code in (
            (statement(world), {"key": "ada"}, "E_KEY_PURPOSE"),
            (statement(world), {"key": "stranger"}, "E_KEY_UNKNOWN"),
            (statement(world), {"namespace": APPROVE_NAMESPACE}, "E_NAMESPACE"),
            (statement(world), {"who": "cesar"}, "E_FORBIDDEN"),
            (statement(world, name="web-2"), {}, "E_NAME"),
            (statement(world, device_id="dev_other"), {}, "E_NOT_FOUND"),
            (statement(world, organisation_id="org_other"), {}, "E_ROSTER_ORGANISATION"),
        ):
            with refused(code):
                await give(world, said, **how)
        assert await world.rows(device_names) == []

    play(store, tmp_path, story)


def test_an_older_statement_does_not_replace_a_newer_one(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await with_registrar(world)
        await give(world, statement(world))
        with refused("E_CONFLICT"):
            await give(world, statement(world, issued=world.now - timedelta(days=1)))

    play(store, tmp_path, story)


def test_a_name_never_holds_another_line() -> None:
    for changes in ({"name": "web\nname: db"}, {"name": "Web"}, {"device_id": "web-1"}):
        with pytest.raises(BadInput):
            write_device_name(replace(DeviceName("org_a", "dev_a", "web-1", _NOW), **changes))
    text = write_device_name(DeviceName("org_a", "dev_a", "web-1", _NOW))
    assert read_device_name(text).name == "web-1"
    with pytest.raises(BadInput):
        read_device_name(text.replace(b"device: dev_a\nname: web-1", b"name: web-1\ndevice: dev_a"))


_NOW = World.__dataclass_fields__["now"].default
