import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from sqlalchemy import func, select, update

from sereno_server.gateway.authority import Authority, identity
from sereno_server.store.tables import certificates, devices

pytestmark = pytest.mark.slow


async def _row(scene: Any, *columns: Any) -> Any:
    async with scene.store.transaction(scene.system) as tx:
        return (await tx.execute(select(*columns))).first()


def test_no_certificate_or_another_authoritys_gets_no_handshake(running: Callable[..., Any]) -> None:
    async def story() -> None:
        async with running() as scene:
            machine = await scene.joined()
            forger = Authority.make(datetime.now(UTC))
            forged = forger.renew(machine.tls_key.public_key(), scene.organisation.id, machine.id, datetime.now(UTC))
            for key, chain in ((None, None), (machine.key_pem, forged.chain_pem.encode())):
                async with scene.link(key, chain) as call:
                    with pytest.raises(grpc.aio.AioRpcError) as caught:
                        await call.read()
                    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
            assert scene.gateway.live.all() == []

    asyncio.run(story())


def test_an_expired_certificate_gets_no_handshake(running: Callable[..., Any]) -> None:
    async def story() -> None:
        async with running() as scene:
            machine = await scene.joined()
            past = datetime.now(UTC) - timedelta(days=31)
            old = scene.authority.renew(machine.tls_key.public_key(), scene.organisation.id, machine.id, past)
            async with scene.link(machine.key_pem, old.chain_pem.encode()) as call:
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await call.read()
                assert caught.value.code() == grpc.StatusCode.UNAVAILABLE

    asyncio.run(story())


def test_a_certificate_that_is_not_on_record_is_refused(running: Callable[..., Any]) -> None:
    """A certificate of our own authority for another device's id, or with a serial nobody issued, opens nothing."""

    async def story() -> None:
        async with running() as scene:
            machine, other = await scene.joined("one"), await scene.joined("two")
            for device in (machine.id, other.id, "dev_unknown"):
                made = scene.authority.renew(
                    machine.tls_key.public_key(), scene.organisation.id, device, datetime.now(UTC)
                )
                machine.chain = made.chain_pem.encode()
                async with scene.connect(machine) as stream:
                    assert (await stream.refused()).startswith("E_NOT_SIGNED_IN")

    asyncio.run(story())


def test_a_revoked_device_is_cut_off_and_stays_out(running: Callable[..., Any]) -> None:
    async def story() -> None:
        async with running() as scene:
            machine = await scene.joined()
            async with scene.connect(machine) as stream:
                await stream.read("welcome")
                async with scene.store.transaction(scene.system) as tx:
                    await tx.execute(update(devices).values(revoked_at=func.now()))
                    await emit_device(tx, scene, machine)
                assert (await stream.refused()).startswith("E_DEVICE_REVOKED")
            async with scene.connect(machine) as stream:
                assert (await stream.refused()).startswith("E_DEVICE_REVOKED")

    asyncio.run(story())


def test_a_revoked_certificate_stays_out_while_the_devices_other_one_works(running: Callable[..., Any]) -> None:
    async def story() -> None:
        async with running() as scene:
            machine = await scene.joined()
            first, serial = machine.chain, identity(machine.chain).serial
            await scene.join(machine)
            async with scene.store.transaction(scene.system) as tx:
                await tx.execute(
                    update(certificates).where(certificates.c.serial == serial).values(revoked_at=func.now())
                )
            async with scene.connect(machine) as stream:
                await stream.read("welcome")
            machine.chain = first
            async with scene.connect(machine) as stream:
                assert (await stream.refused()).startswith("E_DEVICE_REVOKED")

    asyncio.run(story())


async def emit_device(tx: Any, scene: Any, machine: Any) -> None:
    from sereno_server.store.events import Event, emit

    await emit(tx, Event("device", scene.organisation.id, machine.id, machine.id))
