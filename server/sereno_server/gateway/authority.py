"""The certificate authority. To the server a certificate says which device calls; to agents it proves nothing.

ECDSA P-256 throughout: gRPC's TLS takes no Ed25519. The key lies in the database, so that every node is the same
authority; whoever has it can pretend to be a place to send telemetry, and nothing else.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from sereno_proto.errors import BadInput, SerenoError
from sereno_proto.ids import sha256
from sereno_proto.limits import CERTIFICATE_DAYS, CSR_BYTES_MAX
from sereno_server.store.engine import Scope, Store
from sereno_server.store.tables import settings

SERVER_NAME = "sereno-server"  # what agents expect in the server's certificate, whatever its address is
AUTHORITY_DAYS = 3650
SERVER_DAYS = 730  # made at each start only: it must outlast the longest uptime, or every device is locked out at once
BACKDATE = timedelta(minutes=5)  # for devices whose clock is a little behind
_KEY = "authority"


@dataclass(frozen=True)
class Identity:
    """Who a client certificate says is calling."""

    organisation_id: str
    device_id: str
    serial: str
    not_after: datetime
    public_key: ec.EllipticCurvePublicKey


@dataclass(frozen=True)
class Issued:
    """A device's new certificate: the chain, leaf first, and what is recorded of it."""

    chain_pem: str
    serial: str
    not_after: datetime


class Authority:
    """Issues the server's and the devices' certificates."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
        self._key = key
        self._certificate = certificate

    @classmethod
    def make(cls, now: datetime) -> Self:
        """A new authority, self-signed."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Sereno authority")])
        certificate = (
            _builder(name, name, key.public_key(), now, AUTHORITY_DAYS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .sign(key, hashes.SHA256())
        )
        return cls(key, certificate)

    @classmethod
    async def load(cls, store: Store, now: datetime) -> Self:
        """The installation's authority, made on the first start; all nodes get the same."""
        fresh = cls.make(now)
        async with store.transaction(Scope.system()) as tx:
            await tx.execute(insert(settings).values(key=_KEY, value=fresh.stored()).on_conflict_do_nothing())
            value = (await tx.execute(select(settings.c.value).where(settings.c.key == _KEY))).scalar_one()
        key = serialization.load_pem_private_key(str(value["key"]).encode(), None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise SerenoError("E_INTERNAL", "the authority's key is of another kind")
        return cls(key, x509.load_pem_x509_certificate(str(value["certificate"]).encode()))

    def stored(self) -> dict[str, object]:
        """What the database keeps of it, the private key included."""
        return {"key": _key_pem(self._key).decode(), "certificate": self.ca_pem}

    @property
    def ca_pem(self) -> str:
        """The authority's own certificate."""
        return _pem(self._certificate)

    @property
    def fingerprint(self) -> str:
        """sha256:… of the certificate's DER, as join codes carry it."""
        return sha256(self._certificate.public_bytes(serialization.Encoding.DER))

    def server_certificate(self, now: datetime) -> tuple[bytes, bytes]:
        """(key, chain with the CA) for a listener, as PEM; made anew at each start and never stored."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, SERVER_NAME)])
        certificate = (
            _builder(name, self._certificate.subject, key.public_key(), now, SERVER_DAYS)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(
                x509.SubjectAlternativeName([x509.DNSName(SERVER_NAME), x509.DNSName("localhost")]), critical=False
            )
            .sign(self._key, hashes.SHA256())
        )
        return _key_pem(key), (_pem(certificate) + self.ca_pem).encode()

    def issue(self, request_der: bytes, organisation_id: str, device_id: str, now: datetime) -> Issued:
        """A certificate for the key of a PKCS#10 request. Nothing but its key is taken from the request.

        Raises E_BAD_REQUEST when it is damaged, not signed by its own key, or of another kind than ECDSA P-256.
        """
        if len(request_der) > CSR_BYTES_MAX:
            raise BadInput("E_LIMIT", f"a certificate request has at most {CSR_BYTES_MAX} bytes")
        try:
            request = x509.load_der_x509_csr(request_der)
            key = request.public_key()
            signed = request.is_signature_valid
        except (ValueError, TypeError, InvalidSignature) as error:
            raise BadInput("E_BAD_REQUEST", "the certificate request cannot be read") from error
        if not signed:
            raise BadInput("E_BAD_REQUEST", "the certificate request is not signed by its own key")
        if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
            raise BadInput("E_BAD_REQUEST", "the certificate request's key is not ECDSA P-256")
        return self.renew(key, organisation_id, device_id, now)

    def renew(self, key: ec.EllipticCurvePublicKey, organisation_id: str, device_id: str, now: datetime) -> Issued:
        """A new certificate for a key that this device has shown before."""
        name = x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation_id),
                x509.NameAttribute(NameOID.COMMON_NAME, device_id),
            ]
        )
        certificate = (
            _builder(name, self._certificate.subject, key, now, CERTIFICATE_DAYS)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        chain = _pem(certificate) + self.ca_pem
        return Issued(chain, f"{certificate.serial_number:x}", certificate.not_valid_after_utc)


def identity(certificate_pem: bytes) -> Identity:
    """Reads a client certificate whose signature TLS has checked already. Raises E_NOT_SIGNED_IN for anything odd."""
    try:
        certificate = x509.load_pem_x509_certificate(certificate_pem)
        (device,) = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        (organisation,) = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
        key = certificate.public_key()
    except ValueError as error:
        raise SerenoError("E_NOT_SIGNED_IN", "the client certificate names no device") from error
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise SerenoError("E_NOT_SIGNED_IN", "the client certificate's key is not ECDSA")
    return Identity(
        organisation_id=str(organisation.value),
        device_id=str(device.value),
        serial=f"{certificate.serial_number:x}",
        not_after=certificate.not_valid_after_utc,
        public_key=key,
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATE)
        .not_valid_after(now + timedelta(days=days))
    )


def _usage(*, signs_certificates: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
