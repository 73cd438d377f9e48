"""What somebody asks of the whole fleet: `openssl < 3.0.15`, `nginx`, `lib*ssl*`, `user.deploy`, `Debian 12`. Pure."""

import re
from dataclasses import dataclass
from fnmatch import translate

from sereno_server.reads.versions import Format, compare_asked

KINDS = ("package", "service", "user", "group", "port", "mount", "network", "hardware", "system")
_COMPARED = re.compile(r"^\s*(\S+?)\s*(<=|>=|==|!=|<<|>>|<|>|=)\s*(.+?)\s*$")
_MEANS = {"<<": "<", ">>": ">", "==": "="}


@dataclass(frozen=True)
class Query:
    """name: a fact's name, with or without its kind, `*` for anything. Without an operator: every value."""

    name: str = ""
    operator: str = ""
    value: str = ""
    words: tuple[str, ...] = ()

    def keys(self) -> list[str]:
        """The keys that the name may mean, as they are stored; with `*` they are patterns."""
        kind, dot, _ = self.name.partition(".")
        if dot and kind in KINDS:
            return [self.name]
        return [*(f"{kind}.{self.name}" for kind in KINDS), f"service.{self.name}.service"]

    def fits(self, value: str, format_: Format) -> bool:
        """Whether a fact's value is what is asked for."""
        if not self.operator:
            return True
        if self.operator in {"=", "!="}:
            equal = compare_asked(value, self.value, format_) == 0 or _alike(self.value, value)
            return equal == (self.operator == "=")
        order = compare_asked(value, self.value, format_)
        return order < 0 if self.operator[0] == "<" and order else order > 0 if order else "=" in self.operator


def parse(text: str) -> Query | None:
    """The question; None when there is none."""
    text = " ".join(text.split())
    if not text:
        return None
    found = _COMPARED.match(text)
    if found:
        return Query(found[1].lower(), _MEANS.get(found[2], found[2]), found[3])
    if " " not in text:
        return Query(text.lower(), words=(text,))
    return Query(words=tuple(text.split()))


def _alike(pattern: str, value: str) -> bool:
    return re.fullmatch(translate(pattern.lower()), value.lower()) is not None
