"""A renewed certificate is taken when it is ours, and never else."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.agent.executor.house import House, code_of

from sereno_proto.v1.runs_pb2 import OfferCertificate


def name(common):
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, one) for one in common])


class Authority:
    def __init__(self, now):
        self.now = now
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._build(["Sereno authority"], self.key.public_key(), now, days=365)

    def issue(self, names, public, *, days=30, ago=0):
        leaf = self._build(names, public, self.now - timedelta(days=ago), days)
        return (pem(leaf) + pem(self.certificate)).decode()

    def _build(self, names, public, start, days):
        return (
            x509.CertificateBuilder()
            .subject_name(name(names))
            .issuer_name(name(["Sereno authority"]))
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + timedelta(days=days))
            .sign(self.key, hashes.SHA256())
        )


def pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)


@pytest.fixture
def joined(house: House):
    house.tls_key = ec.generate_private_key(ec.SECP256R1())
    house.authority = Authority(house.now)
    house.folders.ca_pem.write_bytes(pem(house.authority.certificate))
    house.folders.client_key.write_bytes(
        house.tls_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    house.folders.client_pem.write_text("the old one")
    return house


def offer(house, chain):
    return house.command(offer_certificate=OfferCertificate(certificate_pem=chain))


def test_our_own_renewed_certificate_is_taken(joined):
    chain = joined.authority.issue([joined.id], joined.tls_key.public_key())
    assert offer(joined, chain).WhichOneof("body") == "accepted"
    assert joined.folders.client_pem.read_text() == chain


@pytest.mark.parametrize(
    "forge",
    [
        lambda house: house.authority.issue(["dev_" + "a" * 32], house.tls_key.public_key()),
        lambda house: house.authority.issue([house.id, "dev_" + "a" * 32], house.tls_key.public_key()),
        lambda house: house.authority.issue([], house.tls_key.public_key()),
        lambda house: house.authority.issue([house.id], ec.generate_private_key(ec.SECP256R1()).public_key()),
        lambda house: house.authority.issue([house.id], house.key("root")._key.public_key()),
        lambda house: Authority(house.now).issue([house.id], house.tls_key.public_key()),
        lambda house: house.authority.issue([house.id], house.tls_key.public_key(), ago=31),
        lambda house: pem(house.authority.certificate).decode(),
        lambda house: "",
        lambda house: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ],
    ids=[
        *("another device", "two names", "no name", "another key", "a root key", "another authority", "expired"),
        *("the authority's own", "nothing", "garbage"),
    ],
)
def test_any_other_is_refused_and_the_old_one_stays(joined, forge):
    assert code_of(offer(joined, forge(joined))) == "E_CERTIFICATE_IDENTITY"
    assert joined.folders.client_pem.read_text() == "the old one"


def test_a_chain_without_end_is_refused(joined):
    assert code_of(offer(joined, "x" * 40_000)) == "E_LIMIT"
