"""Whatever is written into the ledger is said in words on its page."""

import ast
from pathlib import Path

from sereno_proto.v1.runs_pb2 import RunState
from sereno_server import __file__ as server
from sereno_server.reads.words import Words
from sereno_server.runs.rows import FINAL
from sereno_server.web.deeds import deed

WORDS = Words()


def written():
    """Every verb that the server's code names where it writes into the ledger."""
    for path in Path(server).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                called = getattr(node.func, "id", getattr(node.func, "attr", ""))
                given = [*node.args, *(one.value for one in node.keywords if one.arg == "verb")]
                if called in {"record", "_told", "write_ledger", "change"}:
                    texts = (one.value for one in given if isinstance(one, ast.Constant))
                    yield from (text for text in texts if isinstance(text, str) and "." in text)


def test_every_verb_has_words():
    verbs = set(written())
    assert {"ticket.open", "grant.sign", "sign_in.link", "predictor.mute", "ticket.reopen"} <= verbs
    states = {name.removeprefix("RUN_STATE_").lower() for name in RunState.keys()[1:]}
    verbs |= {f"run.{state}" for state in states | FINAL} | {
        f"grant.{state}" for state in ("active", "denied", "revoked")
    }
    assert sorted(verb for verb in verbs if deed(verb, WORDS) == verb) == []
    assert deed("of.tomorrow", WORDS) == "of.tomorrow"
