"""Signers of people: key files, ssh-agent, and what is said when neither works."""

import os
import subprocess
import sys

import pytest

from sereno_proto import sshsig
from sereno_proto.errors import SerenoError
from sereno_server.cli.signing import signer_for

SCRIPT = """
import sys
from sereno_proto import sshsig
from sereno_server.cli.signing import signer_for
signer = signer_for(sys.argv[1], "key")
print(sshsig.verify(b"text", signer.sign(b"text", sshsig.APPROVE_NAMESPACE), sshsig.APPROVE_NAMESPACE).fingerprint)
"""


def keygen(path, *kind):
    subprocess.run(["ssh-keygen", "-q", "-N", "", "-f", path, "-t", *kind], check=True)


@pytest.mark.slow
def test_a_key_in_ssh_agent_signs_by_its_pub_file(tmp_path):
    for name, kind in (("ed", ["ed25519"]), ("ec", ["ecdsa"]), ("rsa", ["rsa", "-b", "3072"])):
        keygen(tmp_path / name, *kind)
    sock = tmp_path / "agent"
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(sock)], stdout=subprocess.DEVNULL)
    try:
        environment = {**os.environ, "SSH_AUTH_SOCK": str(sock)}
        for name in ("ed", "ec", "rsa"):
            key = str(tmp_path / name)
            add = ["ssh-add", "-q", key]
            for _ in range(50):
                if subprocess.run(add, env=environment, stderr=subprocess.DEVNULL, check=False).returncode == 0:
                    break
            public = sshsig.FileSigner(tmp_path / name).public_key
            (tmp_path / name).unlink()
            for how in (f"{key}.pub", f"agent:{public.fingerprint}"):
                said = subprocess.run(
                    [sys.executable, "-c", SCRIPT, how], env=environment, capture_output=True, text=True, check=True
                )
                assert said.stdout.strip() == public.fingerprint
    finally:
        agent.terminate()
        agent.wait()


def test_a_key_file_signs(tmp_path):
    made = sshsig.generate(tmp_path / "key")
    signature = signer_for(str(tmp_path / "key"), "key").sign(b"text", sshsig.LOGIN_NAMESPACE)
    assert sshsig.verify(b"text", signature, sshsig.LOGIN_NAMESPACE) == made.public_key


@pytest.mark.parametrize("key", ["", "/nowhere/key", "/nowhere/key.pub"])
def test_what_cannot_sign_is_one_error_with_a_remedy(key):
    with pytest.raises(SerenoError) as refused:
        signer_for(key, "sign-in key of noa")
    assert refused.value.code in {"E_CONFIG", "E_KEY_FILE"}
    assert refused.value.remedy
