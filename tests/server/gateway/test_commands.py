import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import select

from sereno_proto.errors import Refused, SerenoError
from sereno_proto.v1.link_pb2 import Down, Welcome
from sereno_proto.v1.runs_pb2 import Accepted, CheckResult, Command, Refusal, Reply, RunCheck
from sereno_server.gateway.authority import Identity, identity
from sereno_server.gateway.connection import ConnectedDevice
from sereno_server.store.tables import devices

pytestmark = pytest.mark.slow


async def _row(scene: Any, *columns: Any) -> Any:
    async with scene.store.transaction(scene.system) as tx:
        return (await tx.execute(select(*columns))).first()


def test_a_command_gets_its_reply_and_a_refusal_is_an_error(running: Callable[..., Any]) -> None:
    async def story() -> None:
        async with running() as scene:
            machine = await scene.joined()
            async with scene.connect(machine) as stream:
                await stream.read("welcome")

                async def device() -> None:
                    first = (await stream.read("command")).command
                    second = (await stream.read("command")).command
                    refusal = Refusal(code="E_LOCKDOWN", what="locked", remedy="unlock")
                    await stream.send(reply=Reply(command_id=second.id, refusal=refusal))
                    await stream.send(reply=Reply(command_id="cmd_unknown", accepted=Accepted()))
                    await stream.send(reply=Reply(command_id=first.id, check_result=CheckResult(duration_ms=1.5)))

                answering = asyncio.create_task(device())
                ask = RunCheck(check="disk_space")
                org = scene.organisation.id
                good, bad = await asyncio.gather(
                    scene.gateway.command(org, machine.id, ask),
                    scene.gateway.command(org, machine.id, ask),
                    return_exceptions=True,
                )
                await answering
                assert good.check_result.duration_ms == 1.5
                assert isinstance(bad, Refused)
                assert (bad.code, bad.what, bad.remedy) == ("E_LOCKDOWN", "locked", "unlock")

    asyncio.run(story())


def test_nothing_is_said_before_the_welcome() -> None:
    async def story() -> None:
        device = ConnectedDevice(
            Identity("org_a", "dev_a", "1", datetime.now(UTC), ec.generate_private_key(ec.SECP256R1()).public_key()),
            "till",
            b"",
            b"",
            1,
            datetime.now(UTC),
        )
        early = Down(command=Command(id="cmd_early"))
        device.send(early)
        assert device.outbox.empty()
        welcome = Down(welcome=Welcome(protocol_version=1))
        device.welcome(welcome)
        assert [device.outbox.get_nowait() for _ in range(2)] == [welcome, early]

    asyncio.run(story())


def test_a_command_without_device_or_answer_fails_clearly(
    running: Callable[..., Any], until: Callable[..., Any]
) -> None:
    async def story() -> None:
        async with running() as scene:
            machine = await scene.joined()
            ask, org = RunCheck(check="disk_space"), scene.organisation.id

            async def code(timeout_s: float = 20) -> str:
                with pytest.raises(SerenoError) as caught:
                    await scene.gateway.command(org, machine.id, ask, timeout_s)
                return caught.value.code

            assert await code() == "E_DEVICE_OFFLINE"
            async with scene.connect(machine) as stream:
                await stream.read("welcome")
                assert await code(0.05) == "E_TIMEOUT"
                waiting = asyncio.create_task(code())
                await stream.read("command")
                await stream.read("command")
            assert await waiting == "E_DEVICE_OFFLINE"
            with pytest.raises(SerenoError, match="E_DEVICE_OFFLINE"):
                await scene.gateway.command("org_other", machine.id, ask)

    asyncio.run(story())


def test_a_newer_roster_is_offered_on_connect_and_when_published(
    running: Callable[..., Any], until: Callable[..., Any]
) -> None:
    async def story() -> None:
        async with running() as scene:
            machine = await scene.joined()

            async def take(stream: Any, version: int) -> None:
                command = (await stream.read("command")).command
                assert f"version: {version}\n".encode() in command.offer_roster.roster_text
                await stream.send(reply=Reply(command_id=command.id, accepted=Accepted()))

                async def noted() -> bool:
                    return (await _row(scene, devices.c.roster_version)).roster_version == version

                await until(noted)

            await scene.publish(2)
            async with scene.connect(machine, roster_version=1) as stream:
                await take(stream, 2)
                await scene.publish(3)
                await take(stream, 3)

    asyncio.run(story())


def test_a_certificate_near_its_end_is_renewed_for_the_same_key(running: Callable[..., Any]) -> None:
    async def story() -> None:
        def then() -> datetime:
            return datetime.now(UTC) - timedelta(days=25)

        async with running(clock=then) as scene:  # issued 25 days ago: 5 of its 30 days are left
            machine = await scene.joined()
        async with running() as scene2:
            scene2.organisation = scene.organisation
            async with scene2.connect(machine) as stream:
                command = (await stream.read("command")).command
                renewed = identity(command.offer_certificate.certificate_pem.encode())
                assert renewed.device_id == machine.id
                assert renewed.public_key == machine.tls_key.public_key()
                assert renewed.not_after - datetime.now(UTC) > timedelta(days=29)
                await stream.send(reply=Reply(command_id=command.id, accepted=Accepted()))
            machine.chain = command.offer_certificate.certificate_pem.encode()
            async with scene2.connect(machine) as stream:
                await stream.read("welcome")

    asyncio.run(story())
