"""SSHSIG against the real ssh-keygen, both ways, and against everything that is almost a signature."""

import base64
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.proto.software_token import SoftwareToken

from sereno_proto import sshsig
from sereno_proto.errors import SerenoError
from sereno_proto.keys import SK_ECDSA_P256, SK_ED25519, parse_public
from sereno_proto.sshsig import FileSigner

NAMESPACE = sshsig.APPROVE_NAMESPACE
MESSAGE = b"sereno plan v1\nplan: pln_1\n"
KINDS = {"ed25519": [], "ecdsa": ["-b", "256"], "rsa": ["-b", "3072"]}

needs_ssh_keygen = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="no ssh-keygen on this machine")


def ssh_keygen(*arguments, text=b""):
    return subprocess.run(["ssh-keygen", *map(str, arguments)], input=text, capture_output=True, check=False)


def refused(code, message, armored, namespace=NAMESPACE):
    with pytest.raises(SerenoError) as caught:
        sshsig.verify(message, armored, namespace)
    assert caught.value.code == code


@pytest.fixture(scope="module")
def signer(tmp_path_factory):
    return sshsig.generate(tmp_path_factory.mktemp("keys") / "key")


@pytest.fixture(scope="module")
def armored(signer):
    return signer.sign(MESSAGE, NAMESPACE)


def parts(armored):
    return base64.b64decode("".join(armored.splitlines()[1:-1]))


def armor(blob):
    return f"-----BEGIN SSH SIGNATURE-----\n{base64.b64encode(blob).decode()}\n-----END SSH SIGNATURE-----\n"


@needs_ssh_keygen
@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_each_side_verifies_what_the_other_signed(tmp_path, kind):
    path = tmp_path / "key"
    ssh_keygen("-q", "-t", kind, *KINDS[kind], "-N", "", "-C", "noa@example", "-f", path)
    public = parse_public((tmp_path / "key.pub").read_text())

    theirs = ssh_keygen("-Y", "sign", "-f", path, "-n", NAMESPACE, text=MESSAGE).stdout.decode()
    assert sshsig.verify(MESSAGE, theirs, NAMESPACE) == public
    refused("E_NAMESPACE", MESSAGE, theirs, sshsig.REQUEST_NAMESPACE)
    refused("E_SIGNATURE_INVALID", MESSAGE + b"\n", theirs)

    ours = FileSigner(path)
    assert ours.public_key == public
    assert verified_by_ssh_keygen(tmp_path, public, ours.sign(MESSAGE, NAMESPACE))
    fingerprint = ssh_keygen("-l", "-f", path).stdout.decode().split()[1]
    assert public.fingerprint == fingerprint


def verified_by_ssh_keygen(folder, public, signature):
    (folder / "allowed").write_text(f"noa {public.line}\n")
    (folder / "sig").write_text(signature)
    arguments = ("-Y", "verify", "-f", folder / "allowed", "-I", "noa", "-n", NAMESPACE, "-s", folder / "sig")
    return ssh_keygen(*arguments, text=MESSAGE).returncode == 0


@needs_ssh_keygen
@pytest.mark.slow
@pytest.mark.parametrize("kind", [SK_ED25519, SK_ECDSA_P256])
def test_ssh_keygen_agrees_with_our_token_of_software(tmp_path, kind):
    token = SoftwareToken(kind)
    assert verified_by_ssh_keygen(tmp_path, token.public_key, token.sign(MESSAGE, NAMESPACE))


@needs_ssh_keygen
@pytest.mark.slow
def test_a_key_with_a_passphrase_signs_only_with_it(tmp_path):
    pytest.importorskip("bcrypt")
    path = tmp_path / "key"
    ssh_keygen("-q", "-t", "ed25519", "-N", "a secret", "-f", path)
    for passphrase in (None, b"wrong"):
        with pytest.raises(SerenoError) as caught:
            FileSigner(path, passphrase)
        assert caught.value.code == "E_KEY_FILE"
    signature = FileSigner(path, b"a secret").sign(MESSAGE, NAMESPACE)
    assert sshsig.verify(MESSAGE, signature, NAMESPACE)


@needs_ssh_keygen
@pytest.mark.slow
@pytest.mark.parametrize("arguments", [("rsa", "-b", "2048"), ("ecdsa", "-b", "384")])
def test_a_weak_or_other_key_is_not_accepted(tmp_path, arguments):
    path = tmp_path / "key"
    ssh_keygen("-q", "-t", *arguments, "-N", "", "-f", path)
    with pytest.raises(SerenoError) as caught:
        parse_public((tmp_path / "key.pub").read_text())
    assert caught.value.code == "E_KEY_TYPE"
    theirs = ssh_keygen("-Y", "sign", "-f", path, "-n", NAMESPACE, text=MESSAGE).stdout.decode()
    refused("E_KEY_TYPE", MESSAGE, theirs)


@pytest.mark.parametrize("kind", [SK_ED25519, SK_ECDSA_P256])
def test_a_token_that_was_touched_signs(kind):
    token = SoftwareToken(kind)
    key = sshsig.verify(MESSAGE, token.sign(MESSAGE, NAMESPACE), NAMESPACE)
    assert key == token.public_key
    assert key.touch


@pytest.mark.parametrize("kind", [SK_ED25519, SK_ECDSA_P256])
def test_a_token_that_nobody_touched_does_not(kind):
    refused("E_SIGNATURE_INVALID", MESSAGE, SoftwareToken(kind, flags=0).sign(MESSAGE, NAMESPACE))


def test_the_tokens_flags_are_signed():
    token = SoftwareToken(flags=0)
    blob = parts(token.sign(MESSAGE, NAMESPACE))
    refused("E_SIGNATURE_INVALID", MESSAGE, armor(blob[:-5] + b"\x01" + blob[-4:]))


def test_a_token_made_for_a_website_is_not_accepted():
    with pytest.raises(SerenoError) as caught:
        SoftwareToken(application="https://example.com")
    assert caught.value.code == "E_KEY_TYPE"


@given(st.data())
def test_any_changed_byte_is_refused_or_another_key(signer, armored, data):
    blob = bytearray(parts(armored))
    position = data.draw(st.integers(0, len(blob) - 1))
    blob[position] ^= data.draw(st.integers(1, 255))
    with pytest.raises(SerenoError):
        sshsig.verify(MESSAGE, armor(bytes(blob)), NAMESPACE)


@given(st.binary(max_size=200))
def test_any_other_text_is_refused(armored, text):
    if text != MESSAGE:
        refused("E_SIGNATURE_INVALID", text, armored)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "",
        lambda text: "yes",
        lambda text: text[:-10],
        lambda text: text.replace("SSH", "PGP"),
        lambda text: text + text,
        lambda text: "x" + text,
        lambda text: armor(parts(text) + b"\0"),
        lambda text: armor(parts(text)[:-1]),
        lambda text: armor(b"SSHSIG" + b"\0\0\0\2" + parts(text)[10:]),
        lambda text: armor(b"\xff" * 200),
        lambda text: text * 40,
        lambda text: text.replace("\n", "!\n", 2),
        lambda text: text.replace("sha", "é") + "é",
    ],
)
def test_what_is_no_signature_is_refused(armored, change):
    refused("E_SIGNATURE_FORMAT", MESSAGE, change(armored))


def test_windows_line_ends_do_not_spoil_a_signature(signer, armored):
    assert sshsig.verify(MESSAGE, armored.replace("\n", "\r\n"), NAMESPACE) == signer.public_key


def test_a_key_file_belongs_to_its_owner_and_is_never_overwritten(tmp_path):
    path = tmp_path / "key"
    key = sshsig.generate(path).public_key
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(SerenoError) as caught:
        sshsig.generate(path)
    assert caught.value.code == "E_KEY_FILE"
    assert FileSigner(path).public_key == key


@pytest.mark.parametrize("content", [None, b"", b"not a key"])
def test_a_key_file_that_is_none_says_so(tmp_path, content):
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SerenoError) as caught:
        FileSigner(path)
    assert caught.value.code == "E_KEY_FILE"


BENT = {
    "as it was": lambda blob: blob,
    "cut": lambda blob: blob[:-1],
    "with a byte behind it": lambda blob: blob + b"\0",
    "of another version": lambda blob: blob.replace(b"SSHSIG\0\0\0\1", b"SSHSIG\0\0\0\2", 1),
    "for another purpose": lambda blob: blob.replace(NAMESPACE.encode(), NAMESPACE.replace("v1", "v2").encode(), 1),
    "with another digest": lambda blob: blob.replace(b"sha512", b"sha256", 1),
    "with an unknown digest": lambda blob: blob.replace(b"sha512", b"sha384", 1),
    "with one bit of it flipped": lambda blob: blob[:-5] + bytes([blob[-5] ^ 1]) + blob[-4:],
}


@needs_ssh_keygen
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa", SK_ED25519, SK_ECDSA_P256])
def test_we_take_nothing_that_ssh_keygen_refuses(tmp_path, kind):
    """The same bent signatures for both: the verdicts agree on every one."""
    if kind in KINDS:
        ssh_keygen("-q", "-t", kind, *KINDS[kind], "-N", "", "-f", tmp_path / "key")
        signer = FileSigner(tmp_path / "key")
    else:
        signer = SoftwareToken(kind)
    good = parts(signer.sign(MESSAGE, NAMESPACE))
    ours, theirs = {}, {}
    for name, bend in BENT.items():
        bent = armor(bend(good))
        try:
            ours[name] = sshsig.verify(MESSAGE, bent, NAMESPACE) == signer.public_key
        except SerenoError:
            ours[name] = False
        theirs[name] = verified_by_ssh_keygen(tmp_path, signer.public_key, bent)
    assert ours == theirs
    assert [name for name, taken in ours.items() if taken] == ["as it was"]


@needs_ssh_keygen
@pytest.mark.slow
def test_a_signature_over_a_shorter_digest_is_taken_as_ssh_keygen_takes_it(tmp_path):
    path = tmp_path / "key"
    ssh_keygen("-q", "-t", "ed25519", "-N", "", "-f", path)
    theirs = ssh_keygen("-Y", "sign", "-O", "hashalg=sha256", "-f", path, "-n", NAMESPACE, text=MESSAGE).stdout.decode()
    assert b"sha256" in parts(theirs)
    assert sshsig.verify(MESSAGE, theirs, NAMESPACE) == FileSigner(path).public_key
