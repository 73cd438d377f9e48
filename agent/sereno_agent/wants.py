"""What the server wishes of this device. It may narrow what is collected, slow it down, and hide more; never widen.

Whatever it wishes beyond that is shown beside what is in force (`sereno-agent policy show`), and nothing else.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from sereno_agent.policy import Policy
from sereno_proto.limits import WISH_CHARS_MAX, WISHES_MAX
from sereno_proto.v1.link_pb2 import Settings


class Wants(NamedTuple):
    """The server's wishes, bounded. Empty means: no wish."""

    collect_interval_ms: int = 0
    collectors_denied: tuple[str, ...] = ()
    redact_words: tuple[str, ...] = ()  # plain words, never patterns: a pattern of the server's could stall the agent
    actions: tuple[str, ...] = ()  # what it would like to be allowed; only shown


def read(settings: Settings) -> Wants:
    """The wishes of a message; what exceeds the bounds is left out."""
    return Wants(
        settings.collect_interval_ms,
        _bounded(settings.collectors_denied),
        _bounded(settings.redact_words),
        _bounded(settings.actions_wanted),
    )


def narrow(policy: Policy, wants: Wants) -> Policy:
    """The policy with the wishes that make it stricter."""
    if not wants.collectors_denied and not wants.redact_words:
        return policy
    return replace(
        policy,
        collectors_denied=policy.collectors_denied | frozenset(wants.collectors_denied),
        redact=(*policy.redact, *(re.escape(word) for word in wants.redact_words)),
    )


def load(path: Path) -> Wants:
    """The wishes as last heard; none when there is no such file or it cannot be read."""
    try:
        found = json.loads(path.read_text())
        return Wants(
            int(found["collect_interval_ms"]),
            *(_bounded(found[key]) for key in ("collectors_denied", "redact_words", "actions")),
        )
    except (OSError, ValueError, TypeError, KeyError):
        return Wants()


def save(path: Path, wants: Wants) -> None:
    """Keeps the wishes for the next start; a disk that refuses them is no reason to stop."""
    new = path.with_suffix(".new")
    try:
        new.write_text(json.dumps(wants._asdict()))
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)


def _bounded(words: Iterable[str]) -> tuple[str, ...]:
    kept = [word for word in words if isinstance(word, str) and 0 < len(word) <= WISH_CHARS_MAX]
    return tuple(kept[:WISHES_MAX])
