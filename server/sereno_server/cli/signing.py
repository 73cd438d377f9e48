"""Signers for people: a key file, or a key held by ssh-agent. Both give an armored SSHSIG."""

import base64
import getpass
import os
import sys
from pathlib import Path
from typing import Any

import paramiko
from paramiko.agent import AgentKey

from sereno_proto.errors import BadInput, SerenoError
from sereno_proto.keys import RSA, PublicKey, parse_public
from sereno_proto.sshsig import FileSigner, Signer, armor, signed_data


class AgentSigner:
    """Signs with a key that ssh-agent holds; the private key never comes here."""

    def __init__(self, key: AgentKey, public_key: PublicKey) -> None:
        self._key = key
        self.public_key = public_key

    def sign(self, message: bytes, namespace: str) -> str:
        """Gives the armored signature; the agent may ask its owner, or for a touch, meanwhile."""
        algorithm = "rsa-sha2-512" if self.public_key.type == RSA else None
        try:
            signature: Any = self._key.sign_ssh_data(signed_data(message, namespace), algorithm)
        except paramiko.SSHException as error:
            raise BadInput(
                "E_KEY_FILE", f"ssh-agent did not sign ({error})", "confirm or touch it, and repeat"
            ) from error
        return armor(self.public_key, namespace, bytes(signature))


def signer_for(key: str, what: str) -> Signer:
    """The signer for `agent`, `agent:SHA256:…`, a `.pub` file (its key is in ssh-agent) or a private key file."""
    if not key:
        raise BadInput("E_CONFIG", f"there is no {what}", "name one with --key, or in the CLI's settings")
    if key == "agent" or key.startswith("agent:"):
        return _from_agent(key.partition(":")[2])
    if key.endswith(".pub"):
        return _from_agent(public_key_in(Path(key)).fingerprint)
    return _from_file(Path(key))


def public_key_in(path: Path) -> PublicKey:
    """The key of a .pub file; raises E_KEY_FILE or E_KEY_TYPE."""
    try:
        return parse_public(path.read_text().strip())
    except OSError as error:
        raise BadInput("E_KEY_FILE", f"{path}: {error.strerror}") from error


def _from_file(path: Path) -> Signer:
    try:
        return FileSigner(path)
    except SerenoError as error:
        if "encrypted" not in error.what and "assword" not in error.what:
            raise
        if not sys.stdin.isatty():
            raise BadInput("E_KEY_FILE", error.what, "load it into ssh-agent and name its .pub file") from error
    return FileSigner(path, getpass.getpass(f"Passphrase of {path}: ").encode())


def _from_agent(fingerprint: str) -> Signer:
    if not os.environ.get("SSH_AUTH_SOCK"):
        raise BadInput("E_KEY_FILE", "no ssh-agent runs here", "start one and `ssh-add` the key, or name a key file")
    found = []
    for key in paramiko.Agent().get_keys():
        try:
            public = parse_public(f"{key.get_name()} {base64.b64encode(key.asbytes()).decode()}")
        except SerenoError:
            continue  # of a type that devices do not accept, such as a certificate: not one to choose from
        if fingerprint in {"", public.fingerprint}:
            found.append(AgentSigner(key, public))
    if len(found) != 1:
        which = f"with fingerprint {fingerprint}" if fingerprint else "to choose from"
        raise BadInput("E_KEY_FILE", f"ssh-agent holds {len(found)} keys {which}", "`ssh-add` it, or name its .pub")
    return found[0]
