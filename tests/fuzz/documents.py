"""The signed documents, the join code, checkpoints and keys: what is taken writes itself anew in the same bytes."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.fuzz.keys import PASSKEYS, SIGNERS
from tests.fuzz.target import BrokenLaw, add
from tests.proto.test_grants import GRANT, LASTING
from tests.proto.test_plan import PLAN

from sereno_proto import join_code
from sereno_proto.checkpoint import Checkpoint, read_checkpoint
from sereno_proto.checkpoint_signature import sign_checkpoint, verify_checkpoint
from sereno_proto.denial import Denial, read_denial, write_denial
from sereno_proto.device_name import DeviceName, read_device_name, write_device_name
from sereno_proto.grants import read_grant, write_grant
from sereno_proto.join_code import JoinCode, JoinStatement, read_statement, write_statement
from sereno_proto.passkey_statement import PasskeyStatement
from sereno_proto.passkey_statement import read_statement as read_passkey
from sereno_proto.passkey_statement import write_statement as write_passkey
from sereno_proto.plan import read_plan, write_plan
from sereno_proto.planned_step import Subject, Target
from sereno_proto.root import Root, read_root, write_root
from sereno_proto.roster import DEFAULT_THRESHOLDS, Person, Roster, RosterKey, read_roster, write_roster

NOW = datetime(2026, 11, 21, 20, 0, 0, tzinfo=UTC)
DIGEST = "sha256:" + "a" * 64


def same(read: Callable[[bytes], Any], write: Callable[[Any], bytes]) -> Callable[[bytes], bool]:
    """The law of a document: one text, one meaning."""

    def attempt(data: bytes) -> bool:
        if write(read(data)) != data:
            raise BrokenLaw("taken, and written anew as another text")
        return True

    return attempt


def plans() -> list[bytes]:
    step = replace(
        GRANT.steps[0],
        subjects=(Subject("service", "nginx.service", "failed", "active"),),
        targets=(Target("/var/log/é \n: x", 7, "growing", "truncated", 9), Target("/x", 8, "absent", DIGEST)),
        diff=("--- a", "+++ b", "+ x "),
    )
    return [write_plan(PLAN), write_plan(replace(PLAN, steps=(step, *PLAN.steps)))]


def roots() -> list[bytes]:
    keys = tuple(signer.public_key for signer in SIGNERS.values())
    return [write_root(Root("Acme España", 2, keys)), write_root(Root("A", 1, keys[:1]))]


def rosters() -> list[bytes]:
    noa = Person("noa", "Noa L.", "technician", (RosterKey("approve", SIGNERS["ed25519"].public_key),))
    ana = Person("ana", "Ana", "approver", tuple(RosterKey("approve", key.public_key) for key in PASSKEYS.values()))
    made = Roster("org_" + "a" * 32, 1, NOW, NOW + timedelta(days=90), (noa, ana), DEFAULT_THRESHOLDS)
    return [write_roster(made), write_roster(replace(made, persons=(noa,)))]


def codes() -> list[bytes]:
    return [join_code.write(JoinCode("h.example:7444", DIGEST, DIGEST, 3, "t" * 32, NOW)).encode()]


def attempt_code(data: bytes) -> bool:
    word = data.decode("latin-1")
    if join_code.write(join_code.read(word)) != "".join(word.split()):
        raise BrokenLaw("taken, and written anew as another code")
    return True


@cache
def note() -> tuple[bytes, Ed25519PrivateKey]:
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    return sign_checkpoint(Checkpoint("org_" + "a" * 32, 7, hashlib.sha256(b"").digest()), key), key


def attempt_checkpoint(data: bytes) -> bool:
    honest, key = note()
    read_checkpoint(data)
    taken = verify_checkpoint(data, key.public_key())
    if taken.body != read_checkpoint(honest).body:
        raise BrokenLaw("a checkpoint that nobody signed")
    return True


def statements() -> list[bytes]:
    made = [PasskeyStatement("org_" + "a" * 32, "noa", key.public_key, NOW) for key in PASSKEYS.values()]
    return [write_passkey(one) for one in made]


add("plan", plans, same(read_plan, write_plan))
add("roster", rosters, same(read_roster, write_roster))
add("root", roots, same(read_root, write_root))
add("grants", lambda: [write_grant(GRANT), write_grant(LASTING)], same(read_grant, write_grant))
add("join_code", codes, attempt_code)
add(
    "join_statement",
    lambda: [write_statement(JoinStatement("dev_" + "a" * 32, "web-1", DIGEST, DIGEST))],
    same(read_statement, write_statement),
)
add("passkey_statement", statements, same(read_passkey, write_passkey))
add(
    "denial",
    lambda: [write_denial(Denial(DIGEST, "org_" + "a" * 32, "run_1", "not now: é \n"))],
    same(read_denial, write_denial),
)
add(
    "device_name",
    lambda: [write_device_name(DeviceName("org_" + "a" * 32, "dev_" + "a" * 32, "web-1", NOW))],
    same(read_device_name, write_device_name),
)
add("checkpoint", lambda: [note()[0]], attempt_checkpoint)
