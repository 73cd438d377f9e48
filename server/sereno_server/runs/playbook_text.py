"""Reads a playbook's YAML as plain values that remember their line. No tags, anchors, merges or repeated keys."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import yaml

from sereno_proto.errors import BadInput
from sereno_proto.limits import PLAYBOOK_BYTES_MAX, TEXT_CHARS_MAX

_SHELL_KEYS: Final = frozenset(
    {"shell", "command", "commands", "cmd", "script", "run", "exec", "bash", "sh", "powershell", "python", "raw"}
)
_SHELL_SIGNS: Final = re.compile(r"[;&|`$<>(){}\\\n]|^-|^/|\s")
_DEPTH_MAX: Final = 16
# Brackets in a row take the reader of YAML quadratic time, before it says that there are too many.
_TOO_DEEP: Final = re.compile(rf"(?:[\[{{][\s?:,-]{{0,8}}){{{_DEPTH_MAX + 1}}}")


class Node:
    """A value of the file with its line. Getters refuse what is not of the wanted kind, naming file and line."""

    def __init__(self, file: Path, node: yaml.Node) -> None:
        self.file = file
        self.line = node.start_mark.line + 1
        self._node = node

    def wrong(self, code: str, what: str) -> BadInput:
        """The error that names file and line."""
        return BadInput(code, f"{self.file}:{self.line}: {what}")

    def syntax(self, what: str) -> BadInput:
        """The error for something that is no playbook."""
        return self.wrong("E_PLAYBOOK_SYNTAX", what)

    def text(self) -> str:
        """A scalar, as it is written."""
        if not isinstance(self._node, yaml.ScalarNode):
            raise self.syntax("a text is needed here")
        value = str(self._node.value)
        if len(value) > TEXT_CHARS_MAX:
            raise self.syntax(f"a text has at most {TEXT_CHARS_MAX} signs")
        return value

    def word(self) -> str:
        """A scalar that names something; a shell command in its place is refused with E_PLAYBOOK_SHELL."""
        value = self.text()
        if _SHELL_SIGNS.search(value):
            raise self.wrong("E_PLAYBOOK_SHELL", f"{value[:80]!r} looks like a shell command; playbooks have none")
        return value

    def whole(self, low: int, high: int) -> int:
        """A whole number within bounds."""
        if not re.fullmatch(r"[0-9]{1,9}", self.text()) or not low <= int(self.text()) <= high:
            raise self.syntax(f"a whole number from {low} to {high} is needed here")
        return int(self.text())

    def truth(self) -> bool:
        """Gives true or false."""
        if self.text() not in {"true", "false"}:
            raise self.syntax("true or false is needed here")
        return self.text() == "true"

    def items(self) -> list["Node"]:
        """The items of a list."""
        if not isinstance(self._node, yaml.SequenceNode):
            raise self.syntax("a list is needed here")
        return [Node(self.file, node) for node in self._node.value]

    def entries(self) -> Iterator[tuple[str, "Node"]]:
        """Keys and values of a mapping."""
        if not isinstance(self._node, yaml.MappingNode):
            raise self.syntax("a mapping of keys and values is needed here")
        seen = set()
        for key_node, value_node in self._node.value:
            key = Node(self.file, key_node)
            name = key.text()
            if name in seen:
                raise key.syntax(f"{name} is given twice")
            seen.add(name)
            yield name, Node(self.file, value_node)

    def mapping(self, *, required: tuple[str, ...] = (), optional: tuple[str, ...] = ()) -> dict[str, "Node"]:
        """A mapping with only these keys; a key that would hold a shell command is refused with E_PLAYBOOK_SHELL."""
        values = {}
        for name, value in self.entries():
            if name in _SHELL_KEYS:
                raise value.wrong("E_PLAYBOOK_SHELL", f"{name}: playbooks hold no shell commands")
            if name not in {*required, *optional}:
                raise value.syntax(f"unknown key {name[:80]!r}; known are {', '.join((*required, *optional))}")
            values[name] = value
        for name in required:
            if name not in values:
                raise self.syntax(f"the key {name} is missing")
        return values


def read(text: str, file: Path) -> Node:
    """The document's root; raises BadInput with E_PLAYBOOK_SYNTAX naming file and line."""
    if len(text.encode()) > PLAYBOOK_BYTES_MAX:
        raise BadInput("E_PLAYBOOK_SYNTAX", f"{file}: longer than {PLAYBOOK_BYTES_MAX} bytes")
    if _TOO_DEEP.search(text):
        raise BadInput("E_PLAYBOOK_SYNTAX", f"{file}: nested too deeply")
    depth = 0
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEPTH_MAX:
                raise BadInput("E_PLAYBOOK_SYNTAX", f"{file}: nested too deeply")
            if getattr(event, "tag", None) or getattr(event, "anchor", None):
                where = f":{event.start_mark.line + 1}" if event.start_mark else ""
                raise BadInput("E_PLAYBOOK_SYNTAX", f"{file}{where}: tags, anchors and references are not allowed")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        what = getattr(error, "problem", None) or str(error).splitlines()[0]
        where = f":{mark.line + 1}" if mark else ""
        raise BadInput("E_PLAYBOOK_SYNTAX", f"{file}{where}: {what}") from error
    except RecursionError as error:
        raise BadInput("E_PLAYBOOK_SYNTAX", f"{file}: nested too deeply") from error
    if node is None:
        raise BadInput("E_PLAYBOOK_SYNTAX", f"{file}: holds no playbook")
    return Node(file, node)
