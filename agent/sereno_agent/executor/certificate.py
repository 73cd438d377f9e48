"""OfferCertificate: a renewed TLS certificate, taken only when it is ours. It opens no door but the one to send."""

import datetime as dt
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization

from sereno_agent.executor import durable
from sereno_agent.folders import Folders
from sereno_proto.errors import BadInput, Refused
from sereno_proto.limits import CERTIFICATE_CHARS_MAX


def take_certificate(folders: Folders, chain_pem: str, device_id: str, now: dt.datetime) -> str:
    """Puts the chain in place and gives the leaf's serial number.

    Raises E_CERTIFICATE_IDENTITY when it names another device, holds another key, comes from another authority than
    the one pinned at join, or has expired.
    """
    if len(chain_pem) > CERTIFICATE_CHARS_MAX:
        raise BadInput("E_LIMIT", f"a certificate chain has at most {CERTIFICATE_CHARS_MAX} characters")
    try:
        leaf = x509.load_pem_x509_certificates(chain_pem.encode())[0]
        names = [str(name.value) for name in leaf.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)]
    except (ValueError, IndexError) as error:
        raise BadInput("E_CERTIFICATE_IDENTITY", "the certificate cannot be read") from error
    if names != [device_id]:
        raise Refused("E_CERTIFICATE_IDENTITY", f"the certificate names {', '.join(names)[:120] or 'nobody'}")
    if _public(leaf.public_key()) != _own_public(folders.client_key):
        raise Refused("E_CERTIFICATE_IDENTITY", "the certificate holds another key than this device's")
    authority = x509.load_pem_x509_certificate(folders.ca_pem.read_bytes())
    try:
        leaf.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature) as error:
        raise Refused("E_CERTIFICATE_IDENTITY", "the certificate is not by the pinned authority") from error
    if now >= leaf.not_valid_after_utc:
        raise Refused("E_CERTIFICATE_IDENTITY", "the certificate has expired")
    durable.write(folders.client_pem, chain_pem.encode(), folders.shared_mode)
    return format(leaf.serial_number, "x")


def _own_public(path: Path) -> bytes:
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _public(key: object) -> bytes:
    encode = getattr(key, "public_bytes", None)
    if encode is None:
        return b""
    encoded: bytes = encode(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return encoded
