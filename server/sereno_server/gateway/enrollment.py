"""Joining: a one-time token and a signed statement in, a certificate and the organisation's documents out."""

import logging
import re
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto import ids, join_code, sshsig
from sereno_proto.errors import BadInput, SerenoError
from sereno_proto.limits import (
    CSR_BYTES_MAX,
    DEVICE_NAME_PATTERN,
    DOCUMENT_BYTES_MAX,
    SIGNATURE_CHARS_MAX,
    TEXT_CHARS_MAX,
)
from sereno_proto.v1.enrollment_pb2 import JoinReply, JoinRequest
from sereno_proto.v1.enrollment_pb2_grpc import EnrollmentServicer
from sereno_proto.v1.runs_pb2 import LaterRoot
from sereno_server.access.organisations import roots_of
from sereno_server.audit.ledger import record, words
from sereno_server.gateway.authority import Authority
from sereno_server.gateway.join_codes import use_token
from sereno_server.gateway.refuse import refuse
from sereno_server.store.engine import Scope, Store
from sereno_server.store.events import Event, emit
from sereno_server.store.tables import certificates, devices, organisations, rosters

if TYPE_CHECKING:
    import grpc

IDENTITY_KEY_BYTES = 32

log = logging.getLogger(__name__)


class Enrollment(EnrollmentServicer):
    """The only service without a client certificate."""

    def __init__(self, store: Store, authority: Authority, link_address: str, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._authority = authority
        self._link_address = link_address
        self._clock = clock

    async def Join(  # noqa: N802 (the method's name in the .proto)
        self, request: JoinRequest, context: "grpc.aio.ServicerContext[JoinRequest, JoinReply]"
    ) -> JoinReply:
        """Admits a machine, wholly or not at all."""
        try:
            check_request(request)
            async with self._store.transaction(Scope.system()) as tx:
                return await self._admit(tx, request)
        except SerenoError as error:
            log.info("join refused: %s", error)
            await refuse(context, error)
        except (DBAPIError, OSError):
            log.exception("join: the database is away")
            await refuse(context, SerenoError("E_POSTGRESQL"))

    async def _admit(self, tx: AsyncConnection, request: JoinRequest) -> JoinReply:
        now = self._clock()
        device_id = ids.device_id(request.identity_key)
        organisation_id = await use_token(tx, request.token, device_id, now)
        await _store_device(tx, organisation_id, device_id, request, now)
        issued = self._authority.issue(request.csr_der, organisation_id, device_id, now)
        await tx.execute(
            insert(certificates).values(
                organisation_id=organisation_id,
                device_id=device_id,
                serial=issued.serial,
                not_after=issued.not_after,
                issued_at=now,
            )
        )
        detail = {"name": request.name, "serial": issued.serial, "platform": request.platform}
        await record(tx, organisation_id, f"device:{request.name}", "device.join", device_id, detail)
        await emit(tx, Event("device", organisation_id, device_id, device_id))
        reply = await _documents(tx, organisation_id)
        reply.device_id = device_id
        reply.certificate_pem = issued.chain_pem
        reply.ca_pem = self._authority.ca_pem
        reply.link_address = self._link_address
        return reply


def check_request(request: JoinRequest) -> None:
    """Checks everything that needs no database: bounds, the statement, and that it speaks of this very request."""
    bounds: tuple[tuple[str, Any, int], ...] = (
        ("token", request.token, 128),
        ("csr_der", request.csr_der, CSR_BYTES_MAX),
        ("statement", request.statement, DOCUMENT_BYTES_MAX),
        ("statement_signature", request.statement_signature, SIGNATURE_CHARS_MAX),
        ("agent_version", request.agent_version, 64),
        ("platform", request.platform, 64),
    )
    for field, value, most in bounds:
        if len(value) > most:
            raise BadInput("E_LIMIT", f"{field} is longer than {most}")
    if re.fullmatch(DEVICE_NAME_PATTERN, request.name) is None:
        raise BadInput("E_NAME", f"{request.name[:TEXT_CHARS_MAX]!r} is no device name")
    if len(request.identity_key) != IDENTITY_KEY_BYTES:
        raise BadInput("E_KEY_TYPE", "identity_key is not a raw Ed25519 key")
    statement = join_code.read_statement(request.statement)
    signer = sshsig.verify(request.statement, request.statement_signature, sshsig.JOIN_NAMESPACE)
    if signer.raw_ed25519() != request.identity_key:
        raise SerenoError("E_SIGNATURE_INVALID", "the statement is signed by another key")
    said = join_code.JoinStatement(
        device_id=ids.device_id(request.identity_key),
        name=request.name,
        token_digest=ids.sha256(request.token.encode()),
        csr_digest=ids.sha256(request.csr_der),
    )
    if statement != said:
        raise SerenoError("E_SIGNATURE_INVALID", "the statement speaks of another request")


async def _store_device(
    tx: AsyncConnection, organisation_id: str, device_id: str, request: JoinRequest, now: datetime
) -> None:
    """Makes the device's row, or brings it up to date when the same key joins once more."""
    known = (
        await tx.execute(select(devices.c.organisation_id, devices.c.revoked_at).where(devices.c.id == device_id))
    ).first()
    if known and known.organisation_id != organisation_id:
        raise SerenoError("E_CONFLICT", "this identity belongs to another organisation", "join with a fresh identity")
    if known and known.revoked_at:
        raise SerenoError("E_DEVICE_REVOKED")
    taken = await tx.execute(
        select(devices.c.id).where(
            devices.c.organisation_id == organisation_id, devices.c.name == request.name, devices.c.id != device_id
        )
    )
    if taken.first():
        raise BadInput("E_NAME", f"another device is called {request.name}", "join with another --name")
    row = {
        "name": request.name,
        "platform": words(request.platform),
        "agent_version": words(request.agent_version),
        "joined_at": now,
    }
    statement = upsert(devices).values(
        organisation_id=organisation_id, id=device_id, identity_key=request.identity_key, **row
    )
    await tx.execute(statement.on_conflict_do_update(index_elements=[devices.c.id], set_=row))


async def _documents(tx: AsyncConnection, organisation_id: str) -> JoinReply:
    """The organisation's root and newest roster, as they were signed."""
    root = (
        await tx.execute(
            select(organisations.c.root_text, organisations.c.root_signatures).where(
                organisations.c.organisation_id == organisation_id
            )
        )
    ).one()
    roster = (
        await tx.execute(
            select(rosters.c.roster_text, rosters.c.signatures)
            .where(rosters.c.organisation_id == organisation_id)
            .order_by(rosters.c.version.desc())
            .limit(1)
        )
    ).first()
    if roster is None:
        raise SerenoError("E_ROSTER_MISSING", "the organisation has no roster yet", "publish one on the server")
    _, later = await roots_of(tx, organisation_id)
    return JoinReply(
        later_roots=[LaterRoot(text=one.text, signatures=one.signatures) for one in later],
        root_text=root.root_text,
        root_signatures=list(root.root_signatures),
        roster_text=roster.roster_text,
        roster_signatures=list(roster.signatures),
    )
