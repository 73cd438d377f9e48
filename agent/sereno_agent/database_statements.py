"""Which statements may be sent: one that reads, and is plainly seen to. Whatever is in doubt is refused.

This is the first of three walls: the transaction is read-only too, and the role should be. A statement is refused here
that a database would perhaps have allowed; it is written by the machine's owner, who can write it more plainly.
"""

import re
from itertools import pairwise
from typing import Final

from sereno_proto.errors import BadInput

_FIRST: Final = {
    "postgresql": frozenset({"select", "with", "values", "table", "show"}),
    "mysql": frozenset({"select", "with", "values", "table", "show"}),
    "sqlite": frozenset({"select", "with", "values"}),
}
# What may follow one of the first words and write, lock, or leave the database all the same.
_DENIED: Final = frozenset(
    """
    insert update delete merge into create alter drop grant revoke copy call lock attach detach vacuum reindex refresh
    execute prepare handler set outfile dumpfile procedure begin commit rollback savepoint import
    """.split()  # noqa: SIM905, words to read
)
# Functions that write, wait, lock, stop others, or read and write files.
_FUNCTIONS: Final = re.compile(
    r"pg_(terminate|cancel)_backend|pg_reload_conf|pg_rotate_logfile.*|pg_promote|pg_switch_\w+|pg_create_\w+|pg_drop_\w+"
    r"|pg_read_\w+|pg_ls_\w+|pg_stat_file|pg_file_\w+|pg_logical_\w+|pg_replication_\w+|pg_(try_)?advisory_\w+|pg_notify"
    r"|pg_(start|stop)_backup|pg_backup_\w+|pg_wal_replay_\w+|pg_export_snapshot|pg_sleep\w*|pg_import_\w+"
    r"|pg_stat_reset\w*|pg_stat_statements_reset|pg_log_\w+|lo_\w+|lowrite|loread|dblink\w*|nextval|setval|set_config"
    r"|\w+_to_xml\w*|cursor_to_\w+"
    r"|load_file|sleep|benchmark|get_lock|release_(all_)?locks?|is_used_lock|master_pos_wait|source_pos_wait"
    r"|wait_for_executed_gtid_set|sys_exec|sys_eval|lib_mysqludf\w*"
    r"|load_extension|writefile|readfile|edit|fts3_tokenizer|zipfile|sqlar_\w+",
)
_TOKEN: Final = re.compile(
    r"""(?P<text>'(?:[^']|'')*')|(?P<name>"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[A-Za-z0-9_ ]+\])"""
    r"""|(?P<word>[A-Za-z_@][A-Za-z0-9_@]*)|(?P<number>\d[\d.eE]*)|(?P<space>[ \t\r\n]+)|(?P<sign>.)""",
    re.DOTALL,
)


def require_reading(statement: str, kind: str) -> str:
    """The statement without a semicolon at its end; raises BadInput with E_DATABASE_WRITES when it may do more."""
    body = statement.strip().removesuffix(";").rstrip()
    if "\\" in body:
        raise _refused("it holds a backslash, which databases read in different ways")
    words: list[str] = []
    before = ""
    for token in _TOKEN.finditer(body):
        kind_of, text = str(token.lastgroup), token.group()
        if kind_of == "sign":
            _require_sign(text, before, kind)
        elif kind_of == "word":
            words.append(text.lower())
        if kind_of in {"word", "name"}:
            _require_function(text.strip('"`[]').lower())
        before = text if kind_of != "space" else ""
    if not words or words[0] not in _FIRST[kind]:
        raise _refused(f"it must begin with {', '.join(sorted(_FIRST[kind])).upper()}")
    denied = _DENIED & set(words)
    if denied:
        raise _refused(f"it holds {', '.join(sorted(denied)).upper()}")
    if any(pair in {("for", "share"), ("for", "key"), ("for", "no")} for pair in pairwise(words)):
        raise _refused("it locks rows")
    return body


def _require_sign(sign: str, before: str, kind: str) -> None:
    if sign in "'\"`":
        raise _refused("a quote is not closed")
    if sign == ";":
        raise _refused("it is more than one statement")
    if (sign == "-" and before == "-") or (sign == "*" and before == "/") or (sign == "#" and kind == "mysql"):
        raise _refused("it holds a comment, in which some databases find statements")
    if sign == "$" or (sign == "&" and before.lower() == "u"):
        raise _refused(f"it holds {sign}, by which texts and names can be hidden")
    if not sign.isascii() or not sign.isprintable():
        raise _refused(f"it holds the sign {sign!r} outside of a text")


def _require_function(name: str) -> None:
    if _FUNCTIONS.fullmatch(name):
        raise _refused(f"{name} does more than read")


def _refused(what: str) -> BadInput:
    return BadInput("E_DATABASE_WRITES", what)
