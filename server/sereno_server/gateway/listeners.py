"""The two gRPC listeners, each with one service: joining without a client certificate, the stream with one."""

import grpc

from sereno_proto.errors import SerenoError
from sereno_proto.limits import JOINS_AT_ONCE_MAX, KEEPALIVE_MS, MESSAGE_BYTES_MAX, STREAMS_MAX
from sereno_proto.v1.enrollment_pb2_grpc import EnrollmentServicer, add_EnrollmentServicer_to_server
from sereno_proto.v1.link_pb2_grpc import LinkServicer, add_LinkServicer_to_server

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


def link_listener(service: LinkServicer, key: bytes, chain: bytes, ca: bytes) -> grpc.aio.Server:
    """The devices' listener: mutual TLS, no certificate of our authority, no handshake."""
    server = grpc.aio.server(options=_OPTIONS, maximum_concurrent_rpcs=STREAMS_MAX)
    add_LinkServicer_to_server(service, server)
    server.credentials = grpc.ssl_server_credentials([(key, chain)], root_certificates=ca, require_client_auth=True)
    return server


def enroll_listener(service: EnrollmentServicer, key: bytes, chain: bytes) -> grpc.aio.Server:
    """The joining listener: it shows its whole chain, so that a machine can hold the CA against its join code."""
    server = grpc.aio.server(options=_OPTIONS, maximum_concurrent_rpcs=JOINS_AT_ONCE_MAX)
    add_EnrollmentServicer_to_server(service, server)
    server.credentials = grpc.ssl_server_credentials([(key, chain)])
    return server


def bind(server: grpc.aio.Server, credentials: grpc.ServerCredentials, host: str, port: int) -> int:
    """Takes the port (0 = any) and gives it. Raises E_PORT_TAKEN."""
    try:
        bound = server.add_secure_port(f"{host}:{port}", credentials)
    except RuntimeError as error:
        raise SerenoError("E_PORT_TAKEN", f"port {port} of {host} is taken or cannot be used") from error
    if not bound:
        raise SerenoError("E_PORT_TAKEN", f"port {port} of {host} is taken or cannot be used")
    return int(bound)
