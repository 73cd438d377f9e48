import asyncio
import contextlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from sqlalchemy import func, select, update

from sereno_proto import ids, join_code, sshsig
from sereno_proto.root import verify_root
from sereno_proto.roster import verify_roster
from sereno_proto.v1.enrollment_pb2 import JoinRequest
from sereno_server.gateway.authority import identity
from sereno_server.store.tables import certificates, devices, join_codes, ledger

pytestmark = pytest.mark.slow


async def _refusal(scene: Any, machine: Any, request: JoinRequest) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await scene.join(machine, request)
    return str(caught.value.details()).split(":")[0]


def test_a_machine_joins_and_gets_what_it_pins(running: Callable[..., Any]) -> None:
    async def story() -> None:
        async with running() as scene:
            machine = await scene.joined()
            reply = machine.reply
            assert reply.device_id == machine.id
            assert ids.organisation_id(reply.root_text) == scene.organisation.id
            verify_root(reply.root_text, list(reply.root_signatures))
            roster = verify_roster(reply.root_text, reply.roster_text, list(reply.roster_signatures), datetime.now(UTC))
            assert roster.version == 1
            caller = identity(machine.chain)
            assert (caller.device_id, caller.organisation_id) == (machine.id, scene.organisation.id)
            assert timedelta(days=29) < caller.not_after - datetime.now(UTC) <= timedelta(days=30)
            assert reply.link_address == f"localhost:{scene.settings.link_port}"
            async with scene.store.transaction(scene.system) as tx:
                assert (await tx.execute(select(devices.c.name))).scalar_one() == "laptop"
                assert (await tx.execute(select(certificates.c.serial))).scalar_one() == caller.serial
                verbs = (await tx.execute(select(ledger.c.verb).order_by(ledger.c.id))).scalars().all()
                assert verbs == ["join_code.make", "device.join"]

    asyncio.run(story())


def test_a_token_serves_once_even_when_many_ask_at_the_same_time(
    running: Callable[..., Any], machine_in: Callable[[str], Any]
) -> None:
    async def story() -> None:
        async with running() as scene:
            token = (await scene.code()).token
            machines = [machine_in(f"m{number}") for number in range(5)]
            outcomes = await asyncio.gather(
                *(scene.join(machine, machine.request(token)) for machine in machines), return_exceptions=True
            )
            refused = [error.details() for error in outcomes if isinstance(error, grpc.aio.AioRpcError)]
            assert len(refused) == 4
            assert all(details.startswith("E_JOIN_TOKEN_USED") for details in refused)
            async with scene.store.transaction(scene.system) as tx:
                assert (await tx.execute(select(func.count()).select_from(devices))).scalar_one() == 1

    asyncio.run(story())


def test_unknown_and_expired_tokens_are_told_apart(
    running: Callable[..., Any], machine_in: Callable[[str], Any]
) -> None:
    async def story() -> None:
        async with running() as scene:
            machine = machine_in("laptop")
            assert await _refusal(scene, machine, machine.request("x" * 32)) == "E_JOIN_TOKEN_UNKNOWN"
            token = (await scene.code()).token
            async with scene.store.transaction(scene.system) as tx:
                await tx.execute(update(join_codes).values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))
            assert await _refusal(scene, machine, machine.request(token)) == "E_JOIN_TOKEN_EXPIRED"

    asyncio.run(story())


def test_a_taken_name_is_refused_and_the_token_stays_good(
    running: Callable[..., Any], machine_in: Callable[[str], Any]
) -> None:
    async def story() -> None:
        async with running() as scene:
            await scene.joined("laptop")
            token = (await scene.code()).token
            twin = machine_in("laptop")
            assert await _refusal(scene, twin, twin.request(token)) == "E_NAME"
            other = machine_in("other")
            await scene.join(other, other.request(token))

    asyncio.run(story())


def test_a_revoked_identity_cannot_join_again(running: Callable[..., Any]) -> None:
    async def story() -> None:
        async with running() as scene:
            machine = await scene.joined()
            async with scene.store.transaction(scene.system) as tx:
                await tx.execute(update(devices).values(revoked_at=func.now()))
            request = machine.request((await scene.code()).token)
            assert await _refusal(scene, machine, request) == "E_DEVICE_REVOKED"

    asyncio.run(story())


def _sign_anew(machine: Any, request: JoinRequest, **changed: str) -> None:
    said = join_code.read_statement(request.statement)
    fields = {
        "device_id": said.device_id,
        "name": said.name,
        "token_digest": said.token_digest,
        "csr_digest": said.csr_digest,
    }
    request.statement = join_code.write_statement(join_code.JoinStatement(**(fields | changed)))
    request.statement_signature = machine.identity.sign(request.statement, sshsig.JOIN_NAMESPACE)


def _another_identity(machine: Any, other: Any, request: JoinRequest) -> None:
    request.identity_key = other.identity.public_key.raw_ed25519()


def _anothers_signature(machine: Any, other: Any, request: JoinRequest) -> None:
    request.statement_signature = other.identity.sign(request.statement, sshsig.JOIN_NAMESPACE)


def _another_namespace(machine: Any, other: Any, request: JoinRequest) -> None:
    request.statement_signature = machine.identity.sign(request.statement, sshsig.PLAN_NAMESPACE)


def _another_device(machine: Any, other: Any, request: JoinRequest) -> None:
    _sign_anew(machine, request, device_id=other.id)


def _another_token(machine: Any, other: Any, request: JoinRequest) -> None:
    _sign_anew(machine, request, token_digest=ids.sha256(b"other"))


def _another_request(machine: Any, other: Any, request: JoinRequest) -> None:
    request.csr_der = other.request(request.token).csr_der


def _garbage_request(machine: Any, other: Any, request: JoinRequest) -> None:
    request.csr_der = b"garbage"
    _sign_anew(machine, request, csr_digest=ids.sha256(b"garbage"))


def _long_version(machine: Any, other: Any, request: JoinRequest) -> None:
    request.agent_version = "9" * 65


def _bad_name(machine: Any, other: Any, request: JoinRequest) -> None:
    request.name = "Laptop!"


FORGED = {
    _another_identity: "E_SIGNATURE_INVALID",
    _anothers_signature: "E_SIGNATURE_INVALID",
    _another_namespace: "E_NAMESPACE",
    _another_device: "E_SIGNATURE_INVALID",
    _another_token: "E_SIGNATURE_INVALID",
    _another_request: "E_SIGNATURE_INVALID",
    _garbage_request: "E_BAD_REQUEST",
    _long_version: "E_LIMIT",
    _bad_name: "E_NAME",
}


def test_every_forged_request_is_refused_and_leaves_the_token_good(
    running: Callable[..., Any], machine_in: Callable[[str], Any]
) -> None:
    async def story() -> None:
        async with running() as scene:
            machine, other = machine_in("laptop"), machine_in("other")
            token = (await scene.code()).token
            for forge, code in FORGED.items():
                request = machine.request(token)
                forge(machine, other, request)
                assert await _refusal(scene, machine, request) == code, forge.__name__
            await scene.join(machine, machine.request(token))

    asyncio.run(story())


def test_the_joining_listener_serves_nothing_else(running: Callable[..., Any]) -> None:
    async def story() -> None:
        async with running() as scene:
            credentials = grpc.ssl_channel_credentials(scene.authority.ca_pem.encode())
            async with scene.channel(scene.settings.enroll_port, credentials) as channel:
                call = channel.stream_stream("/sereno_proto.v1.Link/Connect")()
                with pytest.raises(grpc.aio.AioRpcError) as caught, contextlib.suppress(asyncio.CancelledError):
                    await call.read()
                assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED

    asyncio.run(story())
