"""Joining: the machine makes its keys, checks whom it meets, and keeps everything or nothing.

Only this command and the executor import cryptography; the running core does not.
"""

import contextlib
import datetime as dt
import errno
import json
import os
import re
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import grpc
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sereno_agent import VERSION, later_roots
from sereno_agent.config import Joined, write_joined
from sereno_agent.folders import Folders
from sereno_agent.link import TARGET_NAME
from sereno_agent.server_chain import server_chain
from sereno_agent.status import platform
from sereno_proto import ids, join_code, sshsig
from sereno_proto.errors import CATALOGUE, BadInput, Refused, SerenoError
from sereno_proto.limits import DEVICE_NAME_PATTERN, MESSAGE_BYTES_MAX, RESERVE_BYTES
from sereno_proto.root import verify_root
from sereno_proto.root_chain import newest_text
from sereno_proto.roster import verify_roster
from sereno_proto.v1.enrollment_pb2 import JoinReply, JoinRequest

JOIN_S_MAX: Final = 30.0
_METHOD: Final = "/sereno_proto.v1.Enrollment/Join"
_STAGING: Final = ".joining"
_PLACED: Final = ("identity", "tls", "pins")
_ADDRESS: Final = re.compile(r"(\[[0-9a-f:]+\]|[A-Za-z0-9._-]+):[1-9][0-9]{0,4}", re.ASCII)


class Outcome(NamedTuple):
    """What joining made, and the digest a person compares."""

    joined: Joined
    root_digest: str
    root_name: str


def hold_room(path: Path) -> None:
    """Takes the room that joining will need, before the server is asked: a code is spent only where its fruit fits."""
    _write_file(path, bytes(RESERVE_BYTES))


def join(
    folders: Folders,
    word: str,
    name: str = "",
    *,
    now: Callable[[], dt.datetime] | None = None,
    hold: Callable[[Path], None] = hold_room,
) -> Outcome:
    """Joins the server that the code names. Raises a SerenoError that says why not; then nothing is left behind."""
    if folders.joined.exists():
        raise BadInput("E_ALREADY_JOINED", f"{folders.state} holds an identity already")
    code = join_code.read(word)
    name = name or _own_name()
    if re.fullmatch(DEVICE_NAME_PATTERN, name, re.ASCII) is None:
        raise BadInput("E_NAME", f"{name[:80]!r} is not a device name")
    ca_der = _authority(server_chain(code.enroll_address), code.ca_fingerprint)
    with _staging(folders) as staged:
        request, signer = _request(staged, code, name)
        room = staged.state / "room"
        hold(room)
        reply = _send(code.enroll_address, ca_der, request)
        root_name = _verify(reply, code, ca_der, staged, (now or _now)())
        expected = ids.device_id(signer.public_key.raw_ed25519())
        if reply.device_id != expected:
            raise Refused("E_CERTIFICATE_IDENTITY", f"the server names another device than {expected}")
        joined = Joined(
            device_id=expected,
            name=name,
            organisation_id=ids.organisation_id(reply.root_text),
            link_address=reply.link_address,
            joined_ms=int((now or _now)().timestamp() * 1000),
        )
        room.unlink(missing_ok=True)
        _write(staged, reply, ca_der, joined)
        _place(staged, folders)
    return Outcome(joined, code.root_digest, root_name)


def _own_name() -> str:
    """The host's name in the letters that device names have."""
    name = re.sub(r"[^a-z0-9]+", "-", socket.gethostname().split(".")[0].lower()).strip("-")
    return name[:63].strip("-") or "device"


def _authority(chain: list[bytes], fingerprint: str) -> bytes:
    """The certificate of the chain that the join code names."""
    for der in chain:
        if ids.sha256(der) == fingerprint:
            return der
    met = ids.sha256(chain[-1]) if chain else "none"
    raise Refused("E_CA_FINGERPRINT", f"the server's authority is {met}, the join code names {fingerprint}")


@contextlib.contextmanager
def _staging(folders: Folders) -> Iterator[Folders]:
    """A folder to make everything in; it goes, and the state folder too where this made it, unless all went well."""
    made_state = not folders.state.exists()
    staged = Folders(folders.state / _STAGING)
    try:
        if staged.state.exists():
            shutil.rmtree(staged.state)  # of a join that was killed
        staged.state.mkdir(mode=0o700, parents=True)
        staged.make()
    except OSError as error:
        raise BadInput("E_STATE_FOLDER", f"{folders.state}: {error.strerror}") from error
    try:
        yield staged
    except BaseException as error:
        shutil.rmtree(folders.state if made_state else staged.state, ignore_errors=True)
        if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise BadInput("E_DISK_FULL", f"{folders.state}: {error.strerror}") from error
        raise
    shutil.rmtree(staged.state, ignore_errors=True)


def _request(staged: Folders, code: join_code.JoinCode, name: str) -> tuple[JoinRequest, sshsig.FileSigner]:
    signer = sshsig.generate(staged.identity_key)
    identity = signer.public_key.raw_ed25519()
    device_id = ids.device_id(identity)
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    _write_file(staged.client_key, pem)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, device_id)])
    csr = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    csr_der = csr.public_bytes(serialization.Encoding.DER)
    statement = join_code.write_statement(
        join_code.JoinStatement(
            device_id=device_id,
            name=name,
            token_digest=ids.sha256(code.token.encode()),
            csr_digest=ids.sha256(csr_der),
        )
    )
    request = JoinRequest(
        token=code.token,
        name=name,
        identity_key=identity,
        csr_der=csr_der,
        statement=statement,
        statement_signature=signer.sign(statement, sshsig.JOIN_NAMESPACE),
        agent_version=VERSION,
        platform=platform(),
    )
    return request, signer


def _send(address: str, ca_der: bytes, request: JoinRequest) -> JoinReply:
    """Sends the request to whoever holds a certificate of that authority, and to nobody else."""
    ca_pem = x509.load_der_x509_certificate(ca_der).public_bytes(serialization.Encoding.PEM)
    options = (
        ("grpc.ssl_target_name_override", TARGET_NAME),
        ("grpc.enable_http_proxy", 0),
        ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    )
    with grpc.secure_channel(address, grpc.ssl_channel_credentials(ca_pem), options) as channel:
        call = channel.unary_unary(
            _METHOD, request_serializer=JoinRequest.SerializeToString, response_deserializer=JoinReply.FromString
        )
        try:
            reply = call(request, timeout=JOIN_S_MAX)
        except grpc.RpcError as error:
            raise _refusal(address, error) from error
    assert isinstance(reply, JoinReply)
    return reply


def _refusal(address: str, error: grpc.RpcError) -> SerenoError:
    details = str(error.details() or "") if isinstance(error, grpc.Call) else str(error)
    code, _, what = details.partition(": ")
    if code in CATALOGUE:
        return Refused(code, what[:500])
    return Refused("E_SERVER_UNREACHABLE", f"{address} does not answer: {details[:300]}")


def _verify(reply: JoinReply, code: join_code.JoinCode, ca_der: bytes, staged: Folders, now: dt.datetime) -> str:
    """Checks everything the server gave against the join code; gives the root's name."""
    later = later_roots.received(reply.later_roots)
    digest = ids.sha256(newest_text(reply.root_text, later))
    if digest != code.root_digest:
        raise Refused("E_ROOT_DIGEST", f"the server's root is {digest}, the join code names {code.root_digest}")
    root = verify_root(reply.root_text, list(reply.root_signatures))
    roster = verify_roster(reply.root_text, reply.roster_text, list(reply.roster_signatures), now, later)
    if roster.version < code.roster_version_min:
        raise Refused(
            "E_ROSTER_LOWER", f"the server's roster is version {roster.version}, at least {code.roster_version_min}"
        )
    if _ADDRESS.fullmatch(reply.link_address) is None:
        raise Refused("E_BAD_REQUEST", "the server's answer holds no address to send to")
    _verify_certificate(reply, ca_der, staged)
    return root.name


def _verify_certificate(reply: JoinReply, ca_der: bytes, staged: Folders) -> None:
    try:
        leaf = x509.load_pem_x509_certificates(reply.certificate_pem.encode())[0]
        leaf.verify_directly_issued_by(x509.load_der_x509_certificate(ca_der))
        key = serialization.load_pem_private_key(staged.client_key.read_bytes(), None)
        names = [name.value for name in leaf.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)]
    except (ValueError, TypeError, IndexError, InvalidSignature) as error:
        raise Refused("E_CERTIFICATE_IDENTITY", "the certificate is not one of the server's authority") from error
    if leaf.public_key() != key.public_key():
        raise Refused("E_CERTIFICATE_IDENTITY", "the certificate holds another key than this device's")
    if names != [reply.device_id]:
        raise Refused("E_CERTIFICATE_IDENTITY", "the certificate names another device")


def _write(staged: Folders, reply: JoinReply, ca_der: bytes, joined: Joined) -> None:
    ca_pem = x509.load_der_x509_certificate(ca_der).public_bytes(serialization.Encoding.PEM)
    _write_file(staged.ca_pem, ca_pem)
    _write_file(staged.client_pem, reply.certificate_pem.encode())
    _write_file(staged.root_text, reply.root_text)
    _write_file(staged.root_signatures, json.dumps(list(reply.root_signatures)).encode())
    if reply.later_roots:
        rows = later_roots.rows(later_roots.received(reply.later_roots))
        _write_file(staged.later_roots, json.dumps(rows).encode())
    _write_file(staged.roster_text, reply.roster_text)
    _write_file(staged.roster_signatures, json.dumps(list(reply.roster_signatures)).encode())
    write_joined(staged.joined, joined)


def _write_file(path: Path, content: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _place(staged: Folders, folders: Folders) -> None:
    """Moves everything into place, joined.json last: without it nothing counts as joined."""
    try:
        folders.make()
        for name in _PLACED:
            target = folders.state / name
            shutil.rmtree(target)  # empty, or of a join that was killed before it was complete
            (staged.state / name).rename(target)
        staged.joined.rename(folders.joined)
        if hasattr(os, "sync") and sys.platform != "win32":
            fd = os.open(folders.state, os.O_RDONLY)
            os.fsync(fd)
            os.close(fd)
    except OSError as error:
        for name in _PLACED:
            shutil.rmtree(folders.state / name, ignore_errors=True)
        raise BadInput("E_STATE_FOLDER", f"{folders.state}: {error.strerror}") from error


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
