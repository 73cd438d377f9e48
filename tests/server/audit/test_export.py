"""An export is verified by a stranger: with the standalone program alone, in a Python that knows nothing of Sereno."""

import base64
import json
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sereno_proto import merkle
from sereno_proto.checkpoint import Checkpoint
from sereno_proto.checkpoint_signature import sign_checkpoint, verifier_key
from sereno_server.access.sign_in import utc_now
from sereno_server.audit import standalone
from sereno_server.audit.chain import digest_row, genesis
from sereno_server.audit.ledger import digest_of
from sereno_server.audit.standalone import FORMAT, WrongError

ORG = "org_a"
KEY = Ed25519PrivateKey.generate()
OTHER = Ed25519PrivateKey.generate()


def chained(count, actor="noa"):
    rows, previous, at = [], genesis(ORG).digest, utc_now()
    for position in range(1, count + 1):
        payload = {"n": position, "words": "año"}
        fields = {
            "id": f"led_{position}", "at": at, "actor": actor, "verb": "run.sign", "object": "run_1",
            "payload_digest": digest_of(payload), "position": position, "previous": previous,
        }  # fmt: skip
        previous = digest_row(organisation_id=ORG, **fields)
        at_text = at.isoformat(timespec="microseconds")
        rows.append({**fields, "at": at_text, "payload": payload, "digest": previous})
    return rows


def note(rows, size=None, key=KEY):
    node = merkle.nodes_of([merkle.leaf_hash(row["digest"].encode()) for row in rows])
    size = len(rows) if size is None else size
    return sign_checkpoint(Checkpoint(ORG, size, merkle.root(size, node)), key).decode()


def lines(rows, checkpoint=None, key=KEY):
    header = {"format": FORMAT, "checkpoint": checkpoint or note(rows), "verifier_key": verifier_key(key.public_key())}
    return [json.dumps(one) for one in (header, *rows)]


HONEST = chained(11)


def edited(position, **changes):
    return [{**row, **changes} if row["position"] == position else row for row in HONEST]


def test_an_honest_export_is_verified_beside_every_earlier_checkpoint():
    for size in range(12):
        said = standalone.verify(lines(HONEST), note(HONEST, size) if size else "")
        assert said.startswith("11 rows, unbroken")
    assert standalone.verify(lines(edited(3, payload=None))).startswith("11 rows")  # erased, not edited


LIES = {
    "a field edited": lines(edited(4, actor="iker"), note(HONEST)),
    "a payload edited": lines(edited(4, payload={"n": 5}), note(HONEST)),
    "a row deleted": lines([row for row in HONEST if row["position"] != 4], note(HONEST)),
    "two rows swapped": lines([*HONEST[:3], HONEST[4], HONEST[3], *HONEST[5:]], note(HONEST)),
    "the end cut off": lines(HONEST[:8], note(HONEST)),
    "the end cut off, and signed": lines(HONEST[:8], note(HONEST[:8])),
    "all written anew, and signed": lines(chained(11, actor="iker")),
    "written anew and longer": lines(chained(15, actor="iker")),
    "signed by another key": lines(HONEST, note(HONEST, key=OTHER)),
    "another organisation's": lines(HONEST, note(HONEST).replace(ORG, "org_b")),
    "no export": ["{}"],
}


@pytest.mark.parametrize("name", LIES)
def test_every_lie_is_found(name):
    with pytest.raises(WrongError):
        standalone.verify(LIES[name], note(HONEST, 10))


def test_one_row_is_proven_to_be_in_the_checkpoint():
    node = merkle.nodes_of([merkle.leaf_hash(row["digest"].encode()) for row in HONEST])
    header = json.loads(lines(HONEST)[0])
    encode = base64.b64encode
    for row in HONEST:
        proof = [encode(one).decode() for one in merkle.inclusion(row["position"] - 1, 11, node)]
        one = {**header, "row": row, "proof": proof}
        assert f"row {row['position']} is one of the 11 rows" in standalone.verify([json.dumps(one)])
        with pytest.raises(WrongError):
            standalone.verify([json.dumps({**one, "row": {**row, "actor": "iker"}})])
        with pytest.raises(WrongError):
            standalone.verify([json.dumps({**one, "row": HONEST[row["position"] % 11]})])


@pytest.mark.parametrize(("rows", "code", "said"), [(HONEST, 0, "11 rows, unbroken"), (HONEST[:8], 1, "WRONG: ")])
def test_the_printed_program_runs_where_there_is_no_sereno(tmp_path, rows, code, said):
    program = tmp_path / "verify_ledger.py"
    program.write_text(Path(standalone.__file__).read_text())
    (tmp_path / "export").write_text("\n".join(lines(rows, note(HONEST))))
    (tmp_path / "witness.json").write_text(json.dumps({"text": note(HONEST, 5)}))
    command = [
        sys.executable,
        "-I",
        str(program),
        str(tmp_path / "export"),
        "--witness",
        str(tmp_path / "witness.json"),
    ]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (ended.returncode, ended.stdout.startswith(said)) == (code, True), ended
