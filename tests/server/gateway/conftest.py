"""A running gateway on real ports, an organisation with root and roster, and machines that join it over real TLS."""

import asyncio
import contextlib
import functools
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import insert

from sereno_proto import ids, join_code, sshsig
from sereno_proto.limits import PROTOCOL_VERSION
from sereno_proto.root import Root, write_root
from sereno_proto.roster import DEFAULT_THRESHOLDS, Person, Roster, RosterKey, write_roster
from sereno_proto.v1.enrollment_pb2 import JoinReply, JoinRequest
from sereno_proto.v1.enrollment_pb2_grpc import EnrollmentStub
from sereno_proto.v1.link_pb2 import Down, Hello, SampleBatch, SampleMatrix, SeriesName, SeriesNames, Up
from sereno_proto.v1.link_pb2_grpc import LinkStub
from sereno_server.config import Settings
from sereno_server.gateway.authority import SERVER_NAME, Authority
from sereno_server.gateway.gateway import Gateway
from sereno_server.gateway.join_codes import make_join_code
from sereno_server.store import samples
from sereno_server.store.engine import Scope, Store
from sereno_server.store.events import Event, Events, emit
from sereno_server.store.tables import organisations, rosters

WAIT_S = 20.0


def utc_now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


@dataclass
class Organisation:
    """Root and rosters, made on the way."""

    root_signer: sshsig.FileSigner
    person_signer: sshsig.FileSigner
    root_text: bytes

    @property
    def id(self) -> str:
        return ids.organisation_id(self.root_text)

    def roster(self, version: int) -> tuple[bytes, str]:
        now = utc_now()
        person = Person("noa", "Noa", "technician", (RosterKey("approve", self.person_signer.public_key),))
        roster = Roster(self.id, version, now, now + timedelta(days=30), (person,), dict(DEFAULT_THRESHOLDS))
        text = write_roster(roster)
        return text, self.root_signer.sign(text, sshsig.ROSTER_NAMESPACE)


@dataclass
class Machine:
    """What an agent has: an identity key, a TLS key, and after joining a certificate."""

    folder: Path
    name: str = "laptop"
    identity: sshsig.FileSigner = field(init=False)
    tls_key: ec.EllipticCurvePrivateKey = field(init=False)
    chain: bytes = b""
    reply: JoinReply = field(default_factory=JoinReply)

    def __post_init__(self) -> None:
        self.identity = sshsig.generate(self.folder / f"{self.name}-{os.urandom(4).hex()}.key")
        self.tls_key = ec.generate_private_key(ec.SECP256R1())

    @property
    def id(self) -> str:
        return ids.device_id(self.identity.public_key.raw_ed25519())

    @property
    def key_pem(self) -> bytes:
        return self.tls_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def request(self, token: str) -> JoinRequest:
        csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(self.tls_key, hashes.SHA256())
        csr_der = csr.public_bytes(serialization.Encoding.DER)
        statement = join_code.write_statement(
            join_code.JoinStatement(self.id, self.name, ids.sha256(token.encode()), ids.sha256(csr_der))
        )
        return JoinRequest(
            token=token,
            name=self.name,
            identity_key=self.identity.public_key.raw_ed25519(),
            csr_der=csr_der,
            statement=statement,
            statement_signature=self.identity.sign(statement, sshsig.JOIN_NAMESPACE),
            agent_version="1.2.3",
            platform="linux",
        )


class Stream:
    """An open Link stream and what is said over it."""

    def __init__(self, call: Any, epoch: bytes) -> None:
        self.call = call
        self.epoch = epoch

    async def send(self, **body: Any) -> None:
        await self.call.write(Up(epoch=self.epoch, **body))

    async def read(self, kind: str = "") -> Down:
        """The next message, or the next of that kind."""
        async with asyncio.timeout(WAIT_S):
            while True:
                down = await self.call.read()
                assert down is not grpc.aio.EOF, await self.call.details()
                if not kind or down.WhichOneof("body") == kind:
                    return down

    async def refused(self) -> str:
        """The details with which the server ended the stream."""
        async with asyncio.timeout(WAIT_S):
            try:
                while await self.call.read() is not grpc.aio.EOF:
                    pass
            except grpc.aio.AioRpcError as error:
                return f"{error.details()}"
            return f"{await self.call.details()}"

    async def names(self, *names: str) -> None:
        series = [SeriesName(id=number, name=name, kind=1) for number, name in enumerate(names, 1)]
        await self.send(names=SeriesNames(series=series))

    async def samples(self, sequence: int, times: list[int], values: list[list[float]]) -> None:
        await self.send(sequence=sequence, samples=sample_batch(times, values))

    async def acknowledged(self, sequence: int) -> list[Any]:
        """Waits until the server has committed up to sequence; gives all problems on the way."""
        problems: list[Any] = []
        while True:
            found = (await self.read("acknowledge")).acknowledge
            problems += found.problems
            if found.sequence >= sequence:
                return problems


def sample_batch(times: list[int], values: list[list[float]]) -> SampleBatch:
    matrix = SampleMatrix(series=range(1, len(values[0]) + 1), time_ms=times, values=np.array(values, "<f8").tobytes())
    return SampleBatch(matrices=[matrix])


@dataclass
class Scene:
    """A gateway that runs, and its organisation."""

    store: Store
    gateway: Gateway
    authority: Authority
    settings: Settings
    organisation: Organisation
    folder: Path

    @property
    def system(self) -> Scope:
        return Scope.system()

    async def publish(self, version: int) -> None:
        text, signature = self.organisation.roster(version)
        async with self.store.transaction(Scope(self.organisation.id)) as tx:
            await tx.execute(
                insert(rosters).values(
                    organisation_id=self.organisation.id,
                    version=version,
                    roster_text=text,
                    signatures=[signature],
                    expires_at=utc_now() + timedelta(days=30),
                )
            )
            await emit(tx, Event("roster", self.organisation.id, str(version)))

    async def code(self, valid_s: float = 3600) -> join_code.JoinCode:
        async with self.store.transaction(Scope(self.organisation.id)) as tx:
            word = await make_join_code(
                tx,
                self.organisation.id,
                "ada",
                f"localhost:{self.settings.enroll_port}",
                self.authority.fingerprint,
                utc_now(),
                valid_s,
            )
        return join_code.read(word)

    async def join(self, machine: Machine, request: JoinRequest | None = None) -> JoinReply:
        """Joins, with a fresh code unless a request is given."""
        request = request or machine.request((await self.code()).token)
        credentials = grpc.ssl_channel_credentials(self.authority.ca_pem.encode())
        async with self.channel(self.settings.enroll_port, credentials) as channel:
            reply = await EnrollmentStub(channel).Join(request, timeout=WAIT_S)
        machine.chain = reply.certificate_pem.encode()
        machine.reply = reply
        return reply

    async def joined(self, name: str = "laptop") -> Machine:
        machine = Machine(self.folder, name)
        await self.join(machine)
        return machine

    def channel(self, port: int, credentials: Any) -> Any:
        options = (("grpc.ssl_target_name_override", SERVER_NAME), ("grpc.use_local_subchannel_pool", 1))
        return grpc.aio.secure_channel(f"localhost:{port}", credentials, options=options)

    @contextlib.asynccontextmanager
    async def link(self, key_pem: bytes | None, chain: bytes | None) -> AsyncIterator[Any]:
        """A bare Connect call with this client certificate, or none."""
        credentials = grpc.ssl_channel_credentials(self.authority.ca_pem.encode(), key_pem, chain)
        async with self.channel(self.settings.link_port, credentials) as channel:
            call = LinkStub(channel).Connect()
            try:
                yield call
            finally:
                call.cancel()

    @contextlib.asynccontextmanager
    async def connect(self, machine: Machine, *, epoch: bytes = b"e" * 16, **hello: Any) -> AsyncIterator[Stream]:
        """A stream that has said hello."""
        said = {"protocol_version": PROTOCOL_VERSION, "boot_id": b"boot", "clock_ms": now_ms(), "roster_version": 1}
        async with self.link(machine.key_pem, machine.chain) as call:
            stream = Stream(call, epoch)
            with contextlib.suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
                await stream.send(hello=Hello(**(said | hello)))
            yield stream

    async def read(self, machine: Machine) -> dict[str, tuple[list[int], list[float]]]:
        """Every stored sample of the machine by the text of its series."""
        async with self.store.transaction(Scope(self.organisation.id)) as tx:
            found = await samples.read(tx, self.organisation.id, machine.id, None, 0, 2**60)
            known = await samples.series_ids(tx, self.organisation.id, machine.id)
        texts = {number: text for text, number in known.items()}
        return {texts[number]: (times.tolist(), values.tolist()) for number, (times, values) in found.items()}


def now_ms() -> int:
    return int(datetime.now(UTC).timestamp() * 1000)


async def _until(true: Callable[[], Any]) -> None:
    """Waits until the condition holds; with a deadline."""
    async with asyncio.timeout(WAIT_S):
        while not (await found if asyncio.iscoroutine(found := true()) else found):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def _running(url: str, folder: Path, clock: Callable[[], datetime] = utc_now) -> AsyncIterator[Scene]:
    store = Store(url)
    authority = await Authority.load(store, clock())
    events = Events(url)
    settings = Settings(
        link_host="127.0.0.1", link_port=0, enroll_host="127.0.0.1", enroll_port=0, collect_interval_ms=1000, node="one"
    )
    gateway = Gateway(settings, store, events, authority, clock)
    bound = await gateway.start()
    tasks = [asyncio.create_task(events.run()), asyncio.create_task(gateway.run())]
    root_signer, person = (sshsig.generate(folder / f"{os.urandom(4).hex()}.key") for _ in range(2))
    organisation = Organisation(root_signer, person, write_root(Root("Acme", 1, (root_signer.public_key,))))
    async with store.transaction(Scope.system()) as tx:
        signature = root_signer.sign(organisation.root_text, sshsig.ROOT_NAMESPACE)
        await tx.execute(
            insert(organisations).values(
                organisation_id=organisation.id,
                name="Acme",
                root_text=organisation.root_text,
                root_signatures=[signature],
            )
        )
    scene = Scene(store, gateway, authority, bound, organisation, folder)
    await scene.publish(1)
    try:
        yield scene
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await store.close()


@pytest.fixture
def running(database_url: str, tmp_path: Path) -> Callable[..., Any]:
    """`async with running() as scene`: a gateway on free ports; `clock=` gives it another clock."""
    return functools.partial(_running, database_url, tmp_path)


@pytest.fixture
def until() -> Callable[..., Any]:
    """`await until(condition)`: polls a function, plain or async, with a deadline."""
    return _until


@pytest.fixture
def machine_in(tmp_path: Path) -> Callable[[str], Machine]:
    """Makes a machine that has not joined."""
    return functools.partial(Machine, tmp_path)
