"""Every RPC of every service, on both listeners, with every wrong identity: all refused."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from sqlalchemy import func, select, update

from sereno_proto.v1 import enrollment_pb2, link_pb2, runs_pb2
from sereno_proto.v1.enrollment_pb2 import JoinRequest
from sereno_proto.v1.link_pb2 import Hello, Up
from sereno_server.gateway.authority import Authority
from sereno_server.store.tables import certificates, devices, epochs

pytestmark = pytest.mark.slow

METHODS = [
    f"/{service.full_name}/{method.name}"
    for module in (enrollment_pb2, link_pb2, runs_pb2)
    for service in module.DESCRIPTOR.services_by_name.values()
    for method in service.methods
]
JOIN, CONNECT = "/sereno_proto.v1.Enrollment/Join", "/sereno_proto.v1.Link/Connect"
HELLO = Up(epoch=b"e" * 16, hello=Hello(protocol_version=1, boot_id=b"b"))
MESSAGES = {JOIN: JoinRequest(token="x" * 32, name="laptop"), CONNECT: HELLO}


def test_nothing_but_what_is_listed_here_is_served() -> None:
    assert sorted(METHODS) == sorted(MESSAGES)


async def _refusal(channel: Any, method: str) -> grpc.StatusCode:
    """How a call with a plausible message ends; it must not be answered."""
    if method == JOIN:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await channel.unary_unary(method, request_serializer=JoinRequest.SerializeToString)(MESSAGES[method])
        return refused.value.code()
    call = channel.stream_stream(method, request_serializer=Up.SerializeToString)()
    try:
        await call.write(MESSAGES[method])
        answer = await call.read()
    except grpc.aio.AioRpcError as error:
        return error.code()
    assert answer is grpc.aio.EOF, f"{method} was answered"
    return await call.code()


def test_every_rpc_refuses_every_wrong_identity(running: Callable[..., Any]) -> None:
    async def story() -> None:
        async with running() as scene:
            machine, victim = await scene.joined("laptop"), await scene.joined("victim")
            revoked = await scene.joined("revoked")
            now = datetime.now(UTC)
            key, org = machine.tls_key.public_key(), scene.organisation.id
            async with scene.store.transaction(scene.system) as tx:
                await tx.execute(update(devices).where(devices.c.id == revoked.id).values(revoked_at=func.now()))
            identities = {
                "no certificate": (None, None),
                "another authority": (machine.key_pem, Authority.make(now).renew(key, org, machine.id, now).chain_pem),
                "a revoked device": (revoked.key_pem, revoked.chain.decode()),
                "another device's id": (machine.key_pem, scene.authority.renew(key, org, victim.id, now).chain_pem),
                "another organisation": (
                    machine.key_pem,
                    scene.authority.renew(key, "org_x", machine.id, now).chain_pem,
                ),
            }
            for who, (private, chain) in identities.items():
                credentials = grpc.ssl_channel_credentials(
                    scene.authority.ca_pem.encode(), private, chain.encode() if chain else None
                )
                for method in METHODS:
                    for port in (scene.settings.link_port, scene.settings.enroll_port):
                        async with scene.channel(port, credentials) as channel:
                            code = await _refusal(channel, method)
                        assert code in {
                            grpc.StatusCode.UNAVAILABLE,  # no handshake
                            grpc.StatusCode.UNAUTHENTICATED,
                            grpc.StatusCode.PERMISSION_DENIED,
                            grpc.StatusCode.UNIMPLEMENTED,  # not on this listener
                            grpc.StatusCode.INVALID_ARGUMENT,  # Join without a good request
                        }, (who, method, code)
            async with scene.store.transaction(scene.system) as tx:
                assert (await tx.execute(select(func.count()).select_from(devices))).scalar_one() == 3
                assert (await tx.execute(select(func.count()).select_from(certificates))).scalar_one() == 3
                assert (await tx.execute(select(devices.c.connected_at))).scalars().all() == [None] * 3
                assert (await tx.execute(select(epochs))).all() == []

    asyncio.run(story())


def test_a_device_with_a_good_certificate_gets_only_its_own_service(running: Callable[..., Any]) -> None:
    async def story() -> None:
        async with running() as scene:
            machine = await scene.joined()
            credentials = grpc.ssl_channel_credentials(scene.authority.ca_pem.encode(), machine.key_pem, machine.chain)
            async with scene.channel(scene.settings.link_port, credentials) as channel:
                assert await _refusal(channel, JOIN) == grpc.StatusCode.UNIMPLEMENTED
            async with scene.channel(scene.settings.enroll_port, credentials) as channel:
                assert await _refusal(channel, CONNECT) == grpc.StatusCode.UNIMPLEMENTED

    asyncio.run(story())
