"""Errors as RFC 9457 problem details that carry our stable code and remedy."""

from fastapi import Request
from fastapi.responses import JSONResponse

from sereno_proto.errors import BadInput, SerenoError

STATUS: dict[str, int] = {
    "E_NOT_SIGNED_IN": 401,
    "E_EXPIRED": 401,
    "E_FORBIDDEN": 403,
    "E_ORIGIN": 403,
    "E_NOT_FOUND": 404,
    "E_PLAYBOOK_UNKNOWN": 404,
    "E_CONFLICT": 409,
    "E_LIMIT": 413,
    "E_IDEMPOTENCY": 422,
    "E_TOO_MANY_REQUESTS": 429,
    "E_INTERNAL": 500,
    "E_DEVICE_OFFLINE": 503,
    "E_OVERLOADED": 503,
    "E_POSTGRESQL": 503,
    "E_TIMEOUT": 504,
}


def status_of(error: SerenoError) -> int:
    """The HTTP status of an error: 400 for bad input and 409 for a refusal where no better one is listed."""
    return STATUS.get(error.code, 400 if isinstance(error, BadInput) else 409)


def problem(error: SerenoError, request_id: str) -> JSONResponse:
    """The response that says what happened, why, and what to do."""
    status = status_of(error)
    body = {
        "type": f"urn:sereno:error:{error.code}",
        "title": error.what,
        "status": status,
        "detail": error.line(),
        "code": error.code,
        "remedy": error.remedy,
        "request_id": request_id,
    }
    headers = {"WWW-Authenticate": 'Bearer realm="sereno"'} if status == STATUS["E_NOT_SIGNED_IN"] else None
    return JSONResponse(body, status_code=status, headers=headers, media_type="application/problem+json")


def request_id_of(request: Request) -> str:
    """The id of this request, also in the log and in the X-Request-Id header."""
    return str(getattr(request.state, "request_id", ""))
