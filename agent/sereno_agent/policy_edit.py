"""`sereno-agent policy set`: changes one key of policy.toml and leaves every other byte of it, comments too."""

import json
import os
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from sereno_agent import policy, policy_text
from sereno_proto.errors import BadInput
from sereno_proto.limits import POLICY_BYTES_MAX

_VALUE_LINES_MAX: Final = 1000


def change(path: Path, key: str, words: Sequence[str] | None) -> str:
    """Sets the key to what the words mean, or removes it (None); gives the value as TOML.

    The policy's own strict reader decides what they mean: the first of number, truth, text and list that it accepts.
    Raises BadInput with E_POLICY_INVALID when it accepts none, and E_PARAMETER when the file's form forbids the edit.
    """
    where = tuple(key.split("."))
    if not all(part and part.replace("-", "").replace("_", "").isalnum() for part in where):
        raise BadInput("E_PARAMETER", f"{key!r} is no key; one is like actions.allow or folders.app-logs.path")
    try:
        before = path.read_text()
    except FileNotFoundError:
        before = ""
    except (OSError, ValueError) as error:
        raise policy_text.invalid(path, 0, str(error)) from error
    candidates = [None] if words is None else _meanings(words)
    for number, candidate in enumerate(candidates, 1):
        after = edited(before, where, candidate)
        try:
            policy.parse(after, path)
        except BadInput:
            if number == len(candidates):
                raise
            continue
        if len(after.encode()) > POLICY_BYTES_MAX:
            raise BadInput("E_LIMIT", f"a policy has at most {POLICY_BYTES_MAX} bytes")
        _replace(path, after)
        return "" if candidate is None else _toml(candidate)
    raise AssertionError


def edited(text: str, where: tuple[str, ...], value: object | None) -> str:
    """The text with that key set, or removed; raises BadInput with E_PARAMETER when only a hand can do it."""
    try:
        wanted: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise BadInput("E_PARAMETER", "the policy cannot be read as it is", "mend it by hand first") from None
    _put(wanted, where, value)
    lines = text.splitlines(keepends=True)
    for attempt in _attempts(lines, where, value):
        try:
            if _pruned(tomllib.loads(attempt)) == _pruned(wanted):
                return attempt
        except tomllib.TOMLDecodeError:
            continue
    raise BadInput("E_PARAMETER", f"{'.'.join(where)} cannot be edited in this file's form", "edit it by hand")


def _attempts(lines: list[str], where: tuple[str, ...], value: object | None) -> list[str]:
    """Texts that may be what is wanted: the key's lines replaced, or one put into its table, or a table added."""
    line = [] if value is None else [f"{where[-1]} = {_toml(value)}\n"]
    positions = policy_text.lines("".join(lines))
    at, table = positions.get(where, 0), positions.get(where[:-1], 0)
    made = []
    if at:
        ends = range(at, min(len(lines), at + _VALUE_LINES_MAX) + 1)
        made += ["".join([*lines[: at - 1], *line, *lines[end:]]) for end in ends]
    if table:
        made.append("".join([*lines[:table], *line, *lines[table:]]))
    whole = "".join(lines)
    gap = "" if not whole else "\n" if whole.endswith("\n") else "\n\n"
    made.append(f"{whole}{gap}[{'.'.join(where[:-1])}]\n{''.join(line)}")
    return made


def _put(document: dict[str, Any], where: tuple[str, ...], value: object | None) -> None:
    for part in where[:-1]:
        found = document.setdefault(part, {})
        if not isinstance(found, dict):
            raise BadInput("E_PARAMETER", f"{part} is no table")
        document = found
    if value is None:
        if where[-1] not in document:
            raise BadInput("E_PARAMETER", f"{'.'.join(where)} is not set")
        del document[where[-1]]
    else:
        document[where[-1]] = value


def _pruned(value: object) -> object:
    """Without tables that hold nothing: whether an empty one stands there makes no difference."""
    if not isinstance(value, dict):
        return value
    return {key: kept for key, inner in value.items() if (kept := _pruned(inner)) != {}}


def _meanings(words: Sequence[str]) -> list[object]:
    if len(words) != 1:
        return [list(words)]
    word = words[0]
    made: list[object] = []
    if word.isascii() and word.lstrip("-").isdigit():
        made.append(int(word))
    if word in {"true", "false"}:
        made.append(word == "true")
    return [*made, word, [word]]


def _toml(value: object) -> str:
    """As TOML writes it: as JSON does, but for the one control that JSON allows and TOML does not."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _replace(path: Path, text: str) -> None:
    """Puts the text in place in one step, with the mode and owner that the file had."""
    new = path.with_name(f".{path.name}.new")
    try:
        found: os.stat_result | None = path.stat()
    except FileNotFoundError:
        found = None
    if not path.parent.is_dir():
        raise BadInput("E_STATE_FOLDER", f"{path.parent} does not exist")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    with os.fdopen(descriptor, "w") as file:
        if found is not None:
            os.fchmod(descriptor, found.st_mode & 0o777)
            if (found.st_uid, found.st_gid) != (os.geteuid(), os.getegid()) and os.geteuid() == 0:
                os.fchown(descriptor, found.st_uid, found.st_gid)
        elif os.geteuid() == 0:
            os.fchmod(descriptor, 0o644)  # the core reads it as another user when installed so
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    new.replace(path)
