"""How an RPC says no: a gRPC status, and our code in front of its details."""

from typing import Any, NoReturn

import grpc

from sereno_proto.errors import SerenoError

_STATUS = {
    "E_LIMIT": grpc.StatusCode.INVALID_ARGUMENT,
    "E_NAME": grpc.StatusCode.INVALID_ARGUMENT,
    "E_BAD_REQUEST": grpc.StatusCode.INVALID_ARGUMENT,
    "E_PROTOCOL_VERSION": grpc.StatusCode.FAILED_PRECONDITION,
    "E_CONFLICT": grpc.StatusCode.ALREADY_EXISTS,
    "E_DUPLICATE_IDENTITY": grpc.StatusCode.ALREADY_EXISTS,
    "E_NOT_SIGNED_IN": grpc.StatusCode.UNAUTHENTICATED,
    "E_TIMEOUT": grpc.StatusCode.DEADLINE_EXCEEDED,
    "E_POSTGRESQL": grpc.StatusCode.UNAVAILABLE,
    "E_OVERLOADED": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "E_INTERNAL": grpc.StatusCode.INTERNAL,
}


async def refuse(context: "grpc.aio.ServicerContext[Any, Any]", error: SerenoError) -> NoReturn:
    """Ends the RPC with `E_CODE: what happened` as its details; nothing of the server's inside leaves."""
    status = _STATUS.get(error.code, grpc.StatusCode.PERMISSION_DENIED)
    await context.abort(status, f"{error.code}: {error.what}")
    raise AssertionError("abort returns never")
