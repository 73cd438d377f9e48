"""Joining: everything or nothing, and nothing is sent before the authority is the one the code names."""

import errno
from pathlib import Path

import pytest
from cryptography import x509
from tests.agent.certificates import authority
from tests.agent.enrollment_server import EnrollmentServer, enrolling

from sereno_agent.cli import main
from sereno_agent.config import read_joined
from sereno_agent.folders import Folders
from sereno_agent.join import join
from sereno_proto import ids, join_code, sshsig
from sereno_proto.errors import SerenoError


@pytest.fixture
def server(tmp_path: Path) -> EnrollmentServer:
    return EnrollmentServer(tmp_path / "organisation")


def refused(folders: Folders, word: str, name: str = "web-1") -> str:
    with pytest.raises(SerenoError) as caught:
        join(folders, word, name)
    assert not folders.state.exists(), "a failed join leaves nothing"
    assert "\n" not in caught.value.line()
    return caught.value.code


def test_joining_keeps_identity_keys_pins_and_address(tmp_path: Path, server: EnrollmentServer) -> None:
    folders = Folders(tmp_path / "state")
    with enrolling(server) as port:
        outcome = join(folders, server.code(port), "web-1")
    (request,) = server.requests
    signer = sshsig.FileSigner(folders.identity_key)
    assert outcome.joined == read_joined(folders.joined)
    assert outcome.joined.device_id == ids.device_id(signer.public_key.raw_ed25519())
    assert outcome.joined.link_address == "127.0.0.1:4433"
    assert outcome.joined.organisation_id == ids.organisation_id(server.root_text)
    assert outcome.root_digest == ids.sha256(server.root_text)
    assert folders.root_text.read_bytes() == server.root_text
    assert folders.roster_text.read_bytes() == server.roster_text
    assert folders.ca_pem.read_bytes() == server.authority.pem
    leaf = x509.load_pem_x509_certificate(folders.client_pem.read_bytes())
    leaf.verify_directly_issued_by(server.authority.certificate)
    statement = join_code.read_statement(request.statement)
    assert (statement.name, statement.csr_digest) == ("web-1", ids.sha256(request.csr_der))
    assert sshsig.verify(request.statement, request.statement_signature, sshsig.JOIN_NAMESPACE) == signer.public_key
    for path in folders.state.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
    assert not (folders.state / ".joining").exists()


def test_joining_twice_is_refused_and_the_identity_stays(tmp_path: Path, server: EnrollmentServer) -> None:
    folders = Folders(tmp_path / "state")
    with enrolling(server) as port:
        join(folders, server.code(port), "web-1")
        before = folders.identity_key.read_bytes()
        with pytest.raises(SerenoError, match="E_ALREADY_JOINED"):
            join(folders, server.code(port), "web-2")
    assert folders.identity_key.read_bytes() == before
    assert len(server.requests) == 1


def test_another_authority_gets_nothing(tmp_path: Path, server: EnrollmentServer) -> None:
    with enrolling(server) as port:
        word = server.code(port, ca_fingerprint=authority().fingerprint)
        assert refused(Folders(tmp_path / "state"), word) == "E_CA_FINGERPRINT"
    assert server.requests == []


def test_a_server_that_shows_the_right_authority_without_its_key_gets_nothing(
    tmp_path: Path, server: EnrollmentServer
) -> None:
    """The attacker's own leaf, followed by the true authority's certificate, which anybody can have."""
    true = server.authority
    attacker = authority()
    key, chain = attacker.pair("sereno-server")
    server.authority = type("Stitched", (), {"pair": lambda *_: (key, chain.replace(attacker.pem, true.pem))})()
    with enrolling(server) as port:
        server.authority = true
        assert refused(Folders(tmp_path / "state"), server.code(port)) == "E_SERVER_UNREACHABLE"
    assert server.requests == []


@pytest.mark.parametrize("code", ["E_JOIN_TOKEN_USED", "E_JOIN_TOKEN_EXPIRED", "E_JOIN_TOKEN_UNKNOWN"])
def test_the_servers_refusal_is_shown_by_its_code(tmp_path: Path, server: EnrollmentServer, code: str) -> None:
    server.refuse = f"{code}: no"
    with enrolling(server) as port:
        assert refused(Folders(tmp_path / "state"), server.code(port)) == code


def test_a_server_that_is_down_is_said_to_be(tmp_path: Path, server: EnrollmentServer) -> None:
    assert refused(Folders(tmp_path / "state"), server.code(1)) == "E_SERVER_UNREACHABLE"


def other_root(reply, request, other: EnrollmentServer) -> None:
    reply.root_text = other.root_text
    reply.root_signatures[:] = [other.root_signature]
    reply.roster_text = other.roster_text
    reply.roster_signatures[:] = [other.roster_signature]


def test_another_root_is_refused(tmp_path: Path, server: EnrollmentServer) -> None:
    other = EnrollmentServer(tmp_path / "other")
    server.bend = lambda reply, request: other_root(reply, request, other)
    with enrolling(server) as port:
        assert refused(Folders(tmp_path / "state"), server.code(port)) == "E_ROOT_DIGEST"


def unsigned_root(reply, request, server) -> None:
    del reply.root_signatures[:]


def unsigned_roster(reply, request, server) -> None:
    del reply.roster_signatures[:]


def changed_roster(reply, request, server) -> None:
    reply.roster_text = reply.roster_text.replace(b"role: approver", b"role: administrator")


def other_device(reply, request, server) -> None:
    key = x509.load_der_x509_csr(request.csr_der).public_key()
    reply.device_id = "dev_other"
    reply.certificate_pem = server.authority.issue("dev_other", key).decode()


def other_key(reply, request, server) -> None:
    reply.certificate_pem = server.authority.pair(reply.device_id)[1].decode()


def other_authority(reply, request, server) -> None:
    key = x509.load_der_x509_csr(request.csr_der).public_key()
    reply.certificate_pem = authority().issue(reply.device_id, key).decode()


def no_certificate(reply, request, server) -> None:
    reply.certificate_pem = "nonsense"


def bad_address(reply, request, server) -> None:
    reply.link_address = "nowhere"


@pytest.mark.parametrize(
    ("bend", "code"),
    [
        (unsigned_root, "E_ROOT_THRESHOLD"),
        (unsigned_roster, "E_ROSTER_UNSIGNED"),
        (changed_roster, "E_SIGNATURE_INVALID"),
        (other_device, "E_CERTIFICATE_IDENTITY"),
        (other_key, "E_CERTIFICATE_IDENTITY"),
        (other_authority, "E_CERTIFICATE_IDENTITY"),
        (no_certificate, "E_CERTIFICATE_IDENTITY"),
        (bad_address, "E_BAD_REQUEST"),
    ],
)
def test_a_lying_server_is_refused(tmp_path: Path, server: EnrollmentServer, bend, code: str) -> None:
    server.bend = lambda reply, request: bend(reply, request, server)
    with enrolling(server) as port:
        assert refused(Folders(tmp_path / "state"), server.code(port)) == code


def test_an_older_roster_than_the_codes_is_refused(tmp_path: Path, server: EnrollmentServer) -> None:
    with enrolling(server) as port:
        word = server.code(port, roster_version_min=4)
        assert refused(Folders(tmp_path / "state"), word) == "E_ROSTER_LOWER"


def test_a_code_is_not_spent_where_there_is_no_room(tmp_path: Path, server: EnrollmentServer) -> None:
    def full(path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", path)

    folders = Folders(tmp_path / "state")
    with enrolling(server) as port:
        with pytest.raises(SerenoError, match="E_DISK_FULL"):
            join(folders, server.code(port), "web-1", hold=full)
        assert server.requests == []
        assert not folders.state.exists()
        join(folders, server.code(port), "web-1")
    assert not (folders.state / "room").exists()


@pytest.mark.parametrize("word", ["", "nonsense", "sereno-join.", "sereno-join.AAAA", "sereno-join." + "A" * 5000])
def test_a_damaged_code_is_refused(tmp_path: Path, word: str) -> None:
    assert refused(Folders(tmp_path / "state"), word) == "E_JOIN_CODE"


@pytest.mark.parametrize("name", ["Web", "a_b", "-a", "a" * 64, "a\nb"])
def test_a_bad_name_is_refused(tmp_path: Path, server: EnrollmentServer, name: str) -> None:
    assert refused(Folders(tmp_path / "state"), server.code(1), name) == "E_NAME"


def test_a_join_that_was_killed_does_not_hinder_the_next(tmp_path: Path, server: EnrollmentServer) -> None:
    folders = Folders(tmp_path / "state")
    (folders.state / ".joining" / "identity").mkdir(parents=True)
    (folders.state / ".joining" / "identity" / "identity.key").write_text("half")
    (folders.state / "identity").mkdir()
    (folders.state / "identity" / "identity.key").write_text("placed, but joined.json was not")
    with enrolling(server) as port:
        assert join(folders, server.code(port), "web-1").joined.name == "web-1"
    assert sshsig.FileSigner(folders.identity_key)


def test_an_existing_state_folder_keeps_what_was_in_it_when_joining_fails(
    tmp_path: Path, server: EnrollmentServer
) -> None:
    folders = Folders(tmp_path / "state")
    folders.state.mkdir()
    folders.policy.write_text("# mine\n")
    with pytest.raises(SerenoError, match="E_SERVER_UNREACHABLE"):
        join(folders, server.code(1), "web-1")
    assert [path.name for path in folders.state.iterdir()] == ["policy.toml"]


def test_the_command_prints_the_digest_to_compare_and_one_line_when_refused(
    tmp_path: Path, server: EnrollmentServer, capsys: pytest.CaptureFixture[str]
) -> None:
    state = str(tmp_path / "state")
    with enrolling(server) as port:
        assert main(["join", server.code(port), "--state", state, "--name", "web-1"]) == 0
        assert f"Root: {ids.sha256(server.root_text)}" in capsys.readouterr().out
        assert main(["join", server.code(port), "--state", state]) == 1
    error = capsys.readouterr().err
    assert error.startswith("sereno-agent: E_ALREADY_JOINED")
    assert error.count("\n") == 1
    assert main(["history", "--state", state]) == 0
    assert "device.joined" in capsys.readouterr().out
    assert main(["status", "--state", state]) == 0
    assert "web-1" in capsys.readouterr().out
    assert main(["lockdown", "on", "--state", state]) == 0
    assert Folders(Path(state)).lockdown.exists()
    assert main(["lockdown", "off", "--state", state]) == 0
    assert main(["leave", "--state", state]) == 0
    assert main(["run", "--state", state]) == 1
    assert "E_NOT_JOINED" in capsys.readouterr().err
