"""Public keys: one form each, nothing left over, nothing weak."""

import base64

import pytest

from sereno_proto import sshsig
from sereno_proto.errors import SerenoError
from sereno_proto.keys import from_ed25519_bytes, parse_blob, parse_public
from sereno_proto.wire import mpint, string


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    return sshsig.generate(tmp_path_factory.mktemp("keys") / "key").public_key


def refused(line):
    with pytest.raises(SerenoError) as caught:
        parse_public(line)
    assert caught.value.code == "E_KEY_TYPE"


def line(blob, kind="ssh-ed25519"):
    return f"{kind} {base64.b64encode(blob).decode()}"


def test_a_line_reads_back_with_or_without_comment(key):
    assert parse_public(key.line) == parse_public(key.line + " noa@example\n") == parse_blob(key.blob) == key
    assert from_ed25519_bytes(key.raw_ed25519()) == key
    assert key.fingerprint.startswith("SHA256:")


def test_a_line_that_is_no_key_is_refused(key):
    for bad in (
        "",
        "ssh-ed25519",
        "ssh-ed25519 !!!",
        key.line.replace("ssh-ed25519", "ssh-rsa"),
        key.line + "\n" + key.line,
        key.line.replace("AAAA", "AAA"),
        "x" * 5000,
        line(key.blob + b"\0"),
        line(key.blob[:-1]),
        line(string(b"ssh-dss") + string(b"x"), "ssh-dss"),
        line(string(b"ssh-ed25519") + string(b"\0" * 31)),
        line(string(b"ecdsa-sha2-nistp256") + string(b"nistp256") + string(b"\4" + b"\1" * 64), "ecdsa-sha2-nistp256"),
        line(string(b"ecdsa-sha2-nistp256") + string(b"nistp384") + string(b"\4" + b"\1" * 64), "ecdsa-sha2-nistp256"),
        line(string(b"ssh-rsa") + mpint(65537) + mpint((1 << 2047) + 1), "ssh-rsa"),
        line(string(b"ssh-rsa") + mpint(65537) + mpint((1 << 9000) + 1), "ssh-rsa"),
        line(string(b"ssh-rsa") + mpint((1 << 40) + 1) + mpint((1 << 3071) + 1), "ssh-rsa"),
        line(string(b"ssh-rsa") + mpint(2) + mpint((1 << 3071) + 1), "ssh-rsa"),
        line(string(b"ssh-rsa") + string(b"\0\0\1\0\1") + mpint((1 << 3071) + 1), "ssh-rsa"),
        line(b""),
        line(b"\xff\xff\xff\xff"),
    ):
        refused(bad)


def test_only_an_ed25519_key_is_an_identity(tmp_path):
    from tests.proto.software_token import SoftwareToken

    with pytest.raises(SerenoError) as caught:
        SoftwareToken().public_key.raw_ed25519()
    assert caught.value.code == "E_KEY_TYPE"
