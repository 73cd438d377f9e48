"""What reads without a signature: the wire, policy, playbooks, plugins, Merkle proofs, and the redaction of logs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.fuzz.target import BrokenLaw, add

from sereno_agent import policy
from sereno_agent.delimited import Decoder, encode
from sereno_agent.logs.recognise import severity
from sereno_agent.redact import redactor
from sereno_diagnostics import nagios
from sereno_proto import merkle
from sereno_proto.v1.link_pb2 import Hello, Up
from sereno_proto.v1.runs_pb2 import Command, ExecutePlan, MakePlan, Signature, Step
from sereno_server.runs import playbook_read
from sereno_server.runs.playbooks import LIBRARY

FILE = Path("fuzzed")
POLICY = rb"""[folders.app-logs]
path = "/var/log/app"
quota_bytes = 100
rotate = ["*.log"]
keep = 2
[services.web]
unit = "nginx.service"
[hosts.db]
name = "db.example.com"
ports = [5432]
[urls.shop]
url = "https://shop.example.com/health"
[plugins.load]
command = ["/usr/lib/nagios/plugins/check_load", "-w", "8"]
[actions]
allow = ["rotate_logs"]
[redact]
patterns = ["x=\\S+"]
"""
SECRETS = {
    "password=": "hunter2Zq9\n",
    "Authorization: Bearer ": "hunter2Zq9 ",
    "postgres://sereno:": "hunter2Zq9@db/x ",
}
_redact = redactor(())


def whole(parse: Callable[[bytes], Any]) -> Callable[[bytes], bool]:
    """A stream of messages in any pieces gives the same messages."""

    def attempt(data: bytes) -> bool:
        taken = Decoder().feed(data, parse)
        decoder = Decoder()
        pieces = [one for start in range(0, len(data), 7) for one in decoder.feed(data[start : start + 7], parse)]
        if pieces != taken:
            raise BrokenLaw("what is read depends on the pieces")
        return bool(taken)

    return attempt


def attempt_policy(data: bytes) -> bool:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return False  # what load() refuses
    taken = policy.parse(text, FILE)
    paths = [str(folder.path) for folder in taken.folders.values()]
    if any(not path.startswith("/") or ".." in path.split("/") for path in paths):
        raise BrokenLaw("a folder that is not absolute")
    return True


def attempt_playbook(data: bytes) -> bool:
    playbook_read.read(data.decode("utf-8", "replace"), FILE)
    return True


def attempt_redaction(data: bytes) -> bool:
    """Whatever lines stand before it: a secret behind its name does not stay."""
    text = data.decode("utf-8", "replace")
    severity(text)
    _redact(text)
    for name, secret in SECRETS.items():
        if "hunter2Zq9" not in text and "hunter2Zq9" in _redact(f"{text}\n{name}{secret}"):
            raise BrokenLaw(f"{name} kept its secret")
    return True


def attempt_plugin(data: bytes) -> bool:
    nagios.parse(data.decode("utf-8", "replace"))
    return True


OLD, SIZE = 5, 13
_NODES = merkle.nodes_of([merkle.leaf_hash(str(number).encode()) for number in range(SIZE)])
_PROOF = [merkle.root(OLD, _NODES), merkle.root(SIZE, _NODES), *merkle.consistency(OLD, SIZE, _NODES)]


def attempt_proof(data: bytes) -> bool:
    """A bent proof never proves that the honest history goes on from another one, or another one from it."""
    parts = [data[start : start + 32] for start in range(0, len(data), 32)]
    if len(parts) < 2 or not merkle.verify_consistency(OLD, parts[0], SIZE, parts[1], parts[2:]):
        return False
    if (parts[0] == _PROOF[0]) != (parts[1] == _PROOF[1]) or (parts[1] == _PROOF[1] and parts != _PROOF):
        raise BrokenLaw("two proofs of one history")
    return True


STEP = Step(name="tidy", action="remove_old_files", parameters={"folder": "app-logs"})
COMMANDS = [
    Command(id="cmd_1", make_plan=MakePlan(run_id="run_1", steps=[STEP])),
    Command(id="cmd_2", execute_plan=ExecutePlan(plan_text=b"x", signatures=[Signature(purpose="approve")])),
]
add("wire_commands", lambda: [b"".join(map(encode, COMMANDS)), encode(COMMANDS[0])], whole(Command.FromString))
add("wire_up", lambda: [encode(Up(epoch=b"e" * 16, hello=Hello(name="web-1")))], whole(Up.FromString))
add("policy", lambda: [POLICY], attempt_policy, (b"[folders.x]\n", b'path = "/x/../y"\n', b"[" * 500, b"'" * 3))
add(
    "playbook",
    lambda: [path.read_bytes() for path in sorted(LIBRARY.rglob("*.yaml"))[:8]],
    attempt_playbook,
    (
        b"&a [",
        b"*a",
        b"<<: *a",
        b"!!python/object/apply:os.system [id]",
        b"- " * 300,
        b"{" * 300,
        b"? ",
        b"shell: id\n",
    ),
)
add(
    "redaction",
    lambda: [name.encode() + b"abc def" for name in SECRETS] + [b"2026-11-21 10:00:00 ERROR app[1]: it failed\n"],
    attempt_redaction,
    (
        b"-----BEGIN PRIVATE KEY-----",
        b"-----END PRIVATE KEY-----",
        b"token" * 500,
        b'"' * 500,
        b"\\" * 500,
        b"a" * 5000,
    ),
)
add(
    "plugin_output",
    lambda: [b"OK - fine | 'a b'=1.5s;2;3;0;9 c=2%\nmore|d=1\n"],
    attempt_plugin,
    (b"'" * 500, b"1." * 400),
)
add("merkle_proof", lambda: [b"".join(_PROOF)], attempt_proof)
