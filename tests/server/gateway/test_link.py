import asyncio
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from sqlalchemy import func, select, update

from sereno_proto.errors import Refused, SerenoError
from sereno_proto.v1.link_pb2 import (
    Change,
    ChangeSet,
    Hello,
    Inventory,
    LogBlock,
    Notice,
    SampleBatch,
    SampleMatrix,
    Status,
    Up,
)
from sereno_proto.v1.runs_pb2 import Accepted, CheckResult, Refusal, Reply, RunCheck
from sereno_server.gateway.authority import Authority, identity
from sereno_server.store.tables import certificates, changes, devices, epochs, notices

pytestmark = pytest.mark.slow


async def _row(scene: Any, *columns: Any) -> Any:
    async with scene.store.transaction(scene.system) as tx:
        return (await tx.execute(select(*columns))).first()


def test_hello_is_welcomed_and_samples_are_acknowledged_once_stored(running: Callable[..., Any]) -> None:
    async def story() -> None:
        async with running() as scene:
            machine = await scene.joined()
            async with scene.connect(machine) as stream:
                welcome = (await stream.read("welcome")).welcome
                assert (welcome.device_id, welcome.high_water) == (machine.id, 0)
                assert welcome.settings.collect_interval_ms == 1000
                await stream.names("load1", "memory_used_bytes")
                await stream.samples(1, [1000, 2000], [[0.5, 10.0], [0.75, 11.0]])
                await stream.samples(2, [3000], [[0.25, 12.0]])
                assert await stream.acknowledged(2) == []
                stored = await scene.read(machine)
                assert stored["load1"] == ([1000, 2000, 3000], [0.5, 0.75, 0.25])
                assert stored["memory_used_bytes"] == ([1000, 2000, 3000], [10.0, 11.0, 12.0])
                row = await _row(scene, devices.c.connected_at, devices.c.last_seen, devices.c.node)
                assert row.connected_at
                assert row.last_seen
                assert row.node == "one"

    asyncio.run(story())


def test_messages_sent_again_are_stored_once_and_welcome_says_how_far(
    running: Callable[..., Any], until: Callable[..., Any]
) -> None:
    async def story() -> None:
        async with running() as scene:
            machine = await scene.joined()
            async with scene.connect(machine) as stream:
                await stream.names("load1")
                await stream.samples(1, [1000], [[1.0]])
                await stream.samples(1, [1000], [[1.0]])
                await stream.samples(7, [2000], [[2.0]])
                await stream.acknowledged(7)
            await until(lambda: not scene.gateway.live.all())
            async with scene.connect(machine) as stream:
                assert (await stream.read("welcome")).welcome.high_water == 7
                await stream.names("load1")
                await stream.samples(7, [2000], [[2.0]])
                await stream.samples(8, [3000], [[3.0]])
                await stream.acknowledged(8)
            assert (await scene.read(machine))["load1"][0] == [1000, 2000, 3000]

    asyncio.run(story())


def test_a_new_stream_of_the_same_machine_takes_the_old_ones_place(running: Callable[..., Any]) -> None:
    async def story() -> None:
        async with running() as scene:
            machine = await scene.joined()
            async with scene.connect(machine) as old:
                await old.read("welcome")
                async with scene.connect(machine) as new:
                    await new.read("welcome")
                    assert (await old.refused()).startswith("E_CONFLICT")
                    await new.names("load1")
                    await new.samples(1, [1], [[1.0]])
                    await new.acknowledged(1)
                    assert (await _row(scene, devices.c.connected_at)).connected_at is not None

    asyncio.run(story())


def test_presence_ends_with_the_stream(running: Callable[..., Any], until: Callable[..., Any]) -> None:
    async def story() -> None:
        async with running() as scene:
            machine = await scene.joined()
            async with scene.connect(machine) as stream:
                await stream.read("welcome")

            async def gone() -> bool:
                return (await _row(scene, devices.c.connected_at)).connected_at is None

            await until(gone)

    asyncio.run(story())


def test_a_clone_is_turned_away_and_noticed_once_the_first_speaks_again(
    running: Callable[..., Any], until: Callable[..., Any]
) -> None:
    async def story() -> None:
        async with running() as scene:
            machine = await scene.joined()
            async with scene.connect(machine) as first:
                await first.read("welcome")
                async with scene.connect(machine, epoch=b"f" * 16) as clone:
                    assert (await clone.refused()).startswith("E_DUPLICATE_IDENTITY")
                async with scene.connect(machine, boot_id=b"other") as copy_of_the_spool:
                    assert (await copy_of_the_spool.refused()).startswith("E_DUPLICATE_IDENTITY")
                assert await _row(scene, notices.c.code) is None
                await first.names("load1")
                await first.samples(1, [1], [[1.0]])
                await first.acknowledged(1)
                assert (await _row(scene, notices.c.code)).code == "E_DUPLICATE_IDENTITY"
            await until(lambda: not scene.gateway.live.all())
            async with scene.connect(machine, epoch=b"f" * 16) as alone:
                await alone.read("welcome")

    asyncio.run(story())


# --- who gets in ------------------------------------------------------------------------------------------------------


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


# --- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "code"),
    [
        (Up(epoch=b"e" * 16, status=Status()), "E_BAD_REQUEST"),
        (Up(epoch=b"short", hello=Hello(protocol_version=1)), "E_BAD_REQUEST"),
        (Up(epoch=b"e" * 16, hello=Hello(protocol_version=0)), "E_PROTOCOL_VERSION"),
    ],
    ids=["no hello", "short epoch", "old protocol"],
)
def test_a_stream_that_begins_wrongly_is_refused(running: Callable[..., Any], first: Up, code: str) -> None:
    async def story() -> None:
        async with running() as scene:
            machine = await scene.joined()
            async with scene.link(machine.key_pem, machine.chain) as call:
                await call.write(first)
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await call.read()
                assert str(caught.value.details()).startswith(code)

    asyncio.run(story())


def test_refused_parts_come_back_as_problems_and_the_rest_is_kept(running: Callable[..., Any]) -> None:
    async def story() -> None:
        async with running() as scene:
            machine = await scene.joined()
            async with scene.connect(machine) as stream:
                await stream.names("a", "b")
                await stream.samples(1, [1000, 2000, 3000], [[1.0, math.nan], [math.inf, math.nan], [3.0, 30.0]])
                await stream.send(
                    sequence=2,
                    samples=SampleBatch(
                        matrices=[
                            SampleMatrix(series=[1, 2], time_ms=[1], values=b"12345678"),
                            SampleMatrix(series=[1, 1], time_ms=[1], values=bytes(16)),
                            SampleMatrix(series=[9], time_ms=[1], values=bytes(8)),
                            SampleMatrix(series=[1], time_ms=[-5], values=bytes(8)),
                            SampleMatrix(series=[1], time_ms=range(1025), values=bytes(8 * 1025)),
                            SampleMatrix(series=[1], time_ms=[4000], values=bytes(8)),
                        ]
                    ),
                )
                too_much = [SampleMatrix(series=range(1, 200), time_ms=range(600), values=b"")]
                await stream.send(sequence=3, samples=SampleBatch(matrices=too_much))
                await stream.send(sequence=4, logs=LogBlock())
                problems = await stream.acknowledged(4)
            assert [(found.sequence, found.code) for found in problems] == [
                (1, "E_NOT_FINITE"),
                (2, "E_SHAPE"),
                (2, "E_SHAPE"),
                (2, "E_SERIES_UNKNOWN"),
                (2, "E_LIMIT"),
                (2, "E_LIMIT"),
                (3, "E_LIMIT"),
                (4, "E_PROTOCOL_VERSION"),
            ]
            assert all(found.what and found.remedy for found in problems)
            stored = await scene.read(machine)
            assert stored["a"] == ([1000, 3000, 4000], [1.0, 3.0, 0.0])
            assert stored["b"] == ([3000], [30.0])

    asyncio.run(story())


def test_samples_from_the_future_are_kept_and_the_clock_is_noted(running: Callable[..., Any]) -> None:
    async def story() -> None:
        async with running() as scene:
            machine = await scene.joined()
            ahead = int(datetime.now(UTC).timestamp() * 1000) + 3_600_000
            async with scene.connect(machine) as stream:
                await stream.names("a")
                await stream.samples(1, [ahead], [[1.0]])
                assert await stream.acknowledged(1) == []
            assert (await scene.read(machine))["a"] == ([ahead], [1.0])
            assert (await _row(scene, notices.c.code)).code == "E_CLOCK_SKEW"
            assert 3_500_000 < (await _row(scene, devices.c.clock_offset_ms)).clock_offset_ms <= 3_600_000

    asyncio.run(story())


def test_a_skewed_clock_is_measured_at_hello_and_forgotten_when_it_is_right(
    running: Callable[..., Any], until: Callable[..., Any]
) -> None:
    async def story() -> None:
        async with running() as scene:
            machine = await scene.joined()
            now = int(datetime.now(UTC).timestamp() * 1000)
            async with scene.connect(machine, clock_ms=now - 7_200_000) as stream:
                await stream.read("welcome")
            assert -7_300_000 < (await _row(scene, devices.c.clock_offset_ms)).clock_offset_ms < -7_100_000
            assert (await _row(scene, notices.c.code)).code == "E_CLOCK_SKEW"
            await until(lambda: not scene.gateway.live.all())
            async with scene.connect(machine) as stream:
                await stream.read("welcome")
            assert await _row(scene, notices.c.code) is None

    asyncio.run(story())


def test_a_message_of_another_epoch_ends_the_stream(running: Callable[..., Any]) -> None:
    async def story() -> None:
        async with running() as scene:
            machine = await scene.joined()
            async with scene.connect(machine) as stream:
                await stream.names("a")
                stream.epoch = b"x" * 16
                await stream.samples(1, [1], [[1.0]])
                assert (await stream.refused()).startswith("E_BAD_REQUEST")
            assert await _row(scene, epochs.c.epoch) is None

    asyncio.run(story())


def test_hostile_text_is_stored_without_harm(running: Callable[..., Any]) -> None:
    async def story() -> None:
        async with running() as scene:
            machine = await scene.joined()
            nul = "a\0b"
            async with scene.connect(machine, platform=nul, agent_version="v" * 5000) as stream:
                await stream.send(
                    sequence=1,
                    changes=ChangeSet(
                        changes=[Change(kind=nul, object=nul, diff="d" * 40_000, time_ms=2**62, summary="'; DROP")]
                    ),
                )
                await stream.send(sequence=2, inventory=Inventory(whole=True, facts={nul: nul, "os": "x"}))
                await stream.send(sequence=3, inventory=Inventory(facts={"os": "", "cpu": "y"}))
                await stream.send(sequence=4, notice=Notice(code="E_NONSENSE"))
                await stream.send(sequence=5, notice=Notice(code="E_SPOOL_FULL", what=nul))
                problems = await stream.acknowledged(5)
                assert [(found.sequence, found.code) for found in problems] == [(1, "E_LIMIT"), (4, "E_BAD_REQUEST")]
                await stream.send(status=Status(lockdown=True, cpu_ms_per_s=math.nan, ledger_length=3))
                await stream.send(sequence=6, inventory=Inventory(facts={"z": "z"}))
                await stream.acknowledged(6)
            row = await _row(scene, devices.c.facts, devices.c.status, devices.c.platform)
            assert row.facts == {"a\N{REPLACEMENT CHARACTER}b": "a\N{REPLACEMENT CHARACTER}b", "cpu": "y", "z": "z"}
            assert (row.status["lockdown"], row.status["cpu_ms_per_s"], row.status["ledger_length"]) == (True, 0.0, 3)
            change = await _row(scene, changes.c.at, changes.c.diff)
            assert change.at.year == 9999
            assert len(change.diff) == 32_768

    asyncio.run(story())


# --- commands ---------------------------------------------------------------------------------------------------------


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
