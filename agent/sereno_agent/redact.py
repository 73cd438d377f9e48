"""Secrets are taken out on the device, before anything leaves it."""

import re
from collections.abc import Callable, Sequence
from typing import Final

REDACTED: Final = "[redacted]"

# PWD is also where sudo says that somebody stood: the command behind it is what people look for.
_WORDS: Final = (
    r"password|passwd|passphrase|pwd(?!=/[^;\n]{0,300} ; USER=)|secret|token"
    r"|api[_-]?key|access[_-]?key|private[_-]?key|auth[_-]?key"
    r"|credential|connection[_-]?string"
)
_NEEDS: Final = ("pass", "pwd", "secret", "token", "key", "credential", "string")  # each of the words has one of these
# Repetitions are bounded: a hostile file must not cost quadratic time.
_NAME: Final = rf"(?:{_WORDS})[a-z0-9_.-]{{0,40}}"  # what stands before stays anyway
_PRIVATE_KEY: Final = r"[A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----"
_PEM: Final = re.compile(rf"(?P<keep>-----BEGIN {_PRIVATE_KEY}).*?(?P<after>-----END {_PRIVATE_KEY}|\Z)", re.DOTALL)
_KEY_BEGIN: Final = re.compile(rf"-----BEGIN {_PRIVATE_KEY}")
_KEY_END: Final = re.compile(rf"-----END {_PRIVATE_KEY}")
KEY_LINES_MAX: Final = 200  # of a private key: RSA of 16,384 bits has 200
# The groups named `keep` and `after` stay; what lies between them goes.
# Beside each pattern what a text must have for it to match at all, case folded: most text has none of it.
_BUILT_IN: Final = tuple(
    (needs, re.compile(pattern, re.IGNORECASE))
    for needs, pattern in (
        (
            _NEEDS,
            (
                rf"(?P<keep>{_NAME}[\"']?[ \t]*(?:=>|[:=])[ \t]*)"
                r"(?:\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|[^\s][^\n]*)"
            ),
        ),
        # An option of a command: `--password hunter2`, as sudo, cron and scheduled tasks show it.
        (_NEEDS, rf"(?P<keep>(?<!\S)--?[a-z0-9_-]{{0,40}}?(?:{_WORDS})[ \t]+)(?!-)(?:\"[^\"\n]*\"|'[^'\n]*'|\S+)"),
        (_NEEDS, rf"(?P<keep>{_NAME}>)[^<\n]+"),
        (
            ("requirepass", "masterauth", "identified by", "secret_key_base"),
            r"(?P<keep>\b(?:requirepass|masterauth|IDENTIFIED BY|secret_key_base)[ \t]+)\S+",
        ),
        (
            ("authorization",),
            r"(?P<keep>\bauthorization[\"']?[ \t]*[:=][ \t]*[\"']?(?:bearer|basic|token)[ \t]+)[^\s\"']+",
        ),
        (("://",), r"(?P<keep>\b[a-z][a-z0-9+.-]{0,20}://[^\s:/@]{0,200}:)[^\s@/]+(?P<after>@)"),
        (("akia", "asia"), r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
        (
            ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "xox", "sk-", "glpat-"),
            r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|xox[abprs]-[A-Za-z0-9-]{10,}|sk-[A-Za-z0-9_-]{20,}|glpat-[A-Za-z0-9_-]{20,})",
        ),
        (("eyj",), r"\beyJ[A-Za-z0-9_-]{8,300}\.[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]{4,}"),
        (("$",), r"(?P<keep>\$(?:1|2[aby]|5|6|y|argon2id?)\$)[^\s:\"']+"),
    )
)
_NOT_DIGITS: Final = bytes(set(range(256)) - set(b"0123456789"))
_CARD_DIGITS_MIN: Final = 15
_CARD: Final = re.compile(r"(?<![\d.])(?:\d[ -]?){14,18}\d(?![\d.])")

Redact = Callable[[str], str]


def redactor(patterns: Sequence[str]) -> Redact:
    """A function that takes secrets out of a text: the built-in kinds and the policy's own patterns.

    A pattern of the policy loses its whole match, or only its first group where it has one. Raises re.error.
    """
    own = [re.compile(pattern) for pattern in patterns]

    def redact(text: str) -> str:
        if "PRIVATE KEY" in text:
            text = _PEM.sub(_between, text)
        folded = text.casefold()
        for needs, pattern in _BUILT_IN:
            if any(need in folded for need in needs):
                text = pattern.sub(_between, text)
        if len(text.encode(errors="replace").translate(None, _NOT_DIGITS)) >= _CARD_DIGITS_MIN:
            text = _CARD.sub(_card, text)
        for pattern in own:
            text = pattern.sub(_group, text)
        return text

    return redact


def _between(match: re.Match[str]) -> str:
    groups = match.groupdict()
    return f"{groups.get('keep') or ''}{REDACTED}{groups.get('after') or ''}"


def _group(match: re.Match[str]) -> str:
    if not match.re.groups or match.group(1) is None:
        return REDACTED
    start, end = match.start(1) - match.start(), match.end(1) - match.start()
    whole = match.group()
    return whole[:start] + REDACTED + whole[end:]


def _card(match: re.Match[str]) -> str:
    digits = [int(character) for character in match.group() if character.isdigit()]
    doubled = [digit if place % 2 == 0 else digit * 2 - 9 * (digit > 4) for place, digit in enumerate(digits[::-1])]  # noqa: PLR2004, Luhn
    return REDACTED if sum(doubled) % 10 == 0 and len(set(digits)) > 1 else match.group()


def continued(text: str, redact: Redact, key_lines: int) -> tuple[str, int]:
    """Redacts one record of a stream; gives it, and how many more records may belong to a private key begun in it.

    A key's lines look harmless one by one, so each goes until the key's end, or until there were too many for a key.
    """
    before = ""
    if key_lines:
        end = _KEY_END.search(text)
        if end is None:
            return REDACTED, key_lines - 1
        before, text = REDACTED, text[end.start() :]
    begins = list(_KEY_BEGIN.finditer(text)) if "PRIVATE KEY" in text else []
    open_ended = bool(begins) and _KEY_END.search(text, begins[-1].end()) is None
    return before + redact(text), KEY_LINES_MAX if open_ended else 0
