"""A small Enrollment server in this process, and an organisation whose documents it hands out."""

import datetime as dt
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import grpc
from cryptography import x509
from tests.agent.certificates import Authority, authority

from sereno_proto import ids, join_code, sshsig
from sereno_proto.join_code import JoinCode
from sereno_proto.root import Root, write_root
from sereno_proto.roster import DEFAULT_THRESHOLDS, Person, Roster, RosterKey, write_roster
from sereno_proto.v1.enrollment_pb2 import JoinReply, JoinRequest
from sereno_proto.v1.enrollment_pb2_grpc import EnrollmentServicer, add_EnrollmentServicer_to_server

NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)


class EnrollmentServer(EnrollmentServicer):
    """Admits whoever asks; a test bends the reply."""

    def __init__(self, folder: Path, made: Authority | None = None) -> None:
        self.authority = made or authority()
        folder.mkdir(exist_ok=True)
        root_key = sshsig.generate(folder / "root")
        person = sshsig.generate(folder / "person")
        self.root_text = write_root(Root("Demo", 1, (root_key.public_key,)))
        roster = Roster(
            organisation_id=ids.organisation_id(self.root_text),
            version=3,
            issued=NOW,
            expires=NOW + dt.timedelta(days=30),
            persons=(Person("ana", "Ana", "approver", (RosterKey("approve", person.public_key),)),),
            thresholds=DEFAULT_THRESHOLDS,
        )
        self.roster_text = write_roster(roster)
        self.root_signature = root_key.sign(self.root_text, sshsig.ROOT_NAMESPACE)
        self.roster_signature = root_key.sign(self.roster_text, sshsig.ROSTER_NAMESPACE)
        self.requests: list[JoinRequest] = []
        self.bend: Callable[[JoinReply, JoinRequest], None] = lambda reply, request: None
        self.refuse = ""

    def Join(self, request, context):  # noqa: N802, the method of the .proto
        self.requests.append(request)
        if self.refuse:
            context.abort(grpc.StatusCode.PERMISSION_DENIED, self.refuse)
        device_id = ids.device_id(request.identity_key)
        key = x509.load_der_x509_csr(request.csr_der).public_key()
        reply = JoinReply(
            device_id=device_id,
            certificate_pem=self.authority.issue(device_id, key).decode(),
            ca_pem=self.authority.pem.decode(),
            root_text=self.root_text,
            root_signatures=[self.root_signature],
            roster_text=self.roster_text,
            roster_signatures=[self.roster_signature],
            link_address="127.0.0.1:4433",
        )
        self.bend(reply, request)
        return reply

    def code(self, port: int, **other: object) -> str:
        fields = {
            "enroll_address": f"127.0.0.1:{port}",
            "ca_fingerprint": self.authority.fingerprint,
            "root_digest": ids.sha256(self.root_text),
            "roster_version_min": 3,
            "token": "t" * 32,
            "expires": NOW + dt.timedelta(hours=1),
        }
        return join_code.write(JoinCode(**{**fields, **other}))


@contextmanager
def enrolling(server: EnrollmentServer) -> Iterator[int]:
    with ThreadPoolExecutor(1) as threads:
        grpc_server = grpc.server(threads)
        add_EnrollmentServicer_to_server(server, grpc_server)
        pair = server.authority.pair("sereno-server")
        port = grpc_server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
        grpc_server.start()
        try:
            yield port
        finally:
            grpc_server.stop(0).wait()
