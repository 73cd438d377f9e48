"""The two gRPC listeners, each with one service: joining without a client certificate, the stream with one."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import grpc

from sereno_proto.errors import SerenoError
from sereno_proto.limits import JOINS_AT_ONCE_MAX, KEEPALIVE_MS, MESSAGE_BYTES_MAX, STREAMS_MAX
from sereno_proto.v1.enrollment_pb2_grpc import EnrollmentServicer, add_EnrollmentServicer_to_server
from sereno_proto.v1.link_pb2_grpc import LinkServicer, add_LinkServicer_to_server

# Generated without types.
_ADD_LINK: Callable[..., None] = add_LinkServicer_to_server
_ADD_ENROLLMENT: Callable[..., None] = add_EnrollmentServicer_to_server
_OPTIONS = (
    ("grpc.so_reuseport", 0),  # or two servers share a port in silence
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_metadata_size", 8192),
    ("grpc.keepalive_time_ms", KEEPALIVE_MS),
    ("grpc.keepalive_timeout_ms", KEEPALIVE_MS),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", KEEPALIVE_MS // 4),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", KEEPALIVE_MS // 4),
    ("grpc.http2.max_ping_strikes", 0),
)


@dataclass(frozen=True)
class Certificates:
    """PEM: the listener's key, its chain with the CA, the CA alone."""

    key: bytes
    chain: bytes
    ca: bytes


@dataclass(frozen=True)
class Listener:
    """A gRPC server that answers on a port."""

    server: Any
    port: int


async def listen_for_devices(service: LinkServicer, own: Certificates, host: str, port: int) -> Listener:
    """Mutual TLS: without a certificate of our authority there is no handshake. Raises E_PORT_TAKEN."""
    credentials = grpc.ssl_server_credentials([(own.key, own.chain)], own.ca, require_client_auth=True)
    return await _listen(partial(_ADD_LINK, service), credentials, host, port)


async def listen_for_joins(service: EnrollmentServicer, own: Certificates, host: str, port: int) -> Listener:
    """Shows its whole chain, so that a machine can hold the CA against its join code. Raises E_PORT_TAKEN."""
    credentials = grpc.ssl_server_credentials([(own.key, own.chain)])
    return await _listen(partial(_ADD_ENROLLMENT, service), credentials, host, port)


async def _listen(register: Callable[[Any], None], credentials: Any, host: str, port: int) -> Listener:
    server = grpc.aio.server(options=_OPTIONS, maximum_concurrent_rpcs=STREAMS_MAX + JOINS_AT_ONCE_MAX)
    register(server)
    try:
        bound = server.add_secure_port(f"{host}:{port}", credentials)
    except RuntimeError as error:
        raise _taken(host, port) from error
    if not bound:
        raise _taken(host, port)
    await server.start()
    return Listener(server, bound)


def _taken(host: str, port: int) -> SerenoError:
    return SerenoError("E_PORT_TAKEN", f"port {port} of {host} is taken or cannot be used")
