"""When the policy's certificates end: those in files, and those that something shows where it listens.

`certificate_left_seconds` falls below 0 once one has expired. A certificate is renewed in good time or not at all: what
runs out is its grace, the last fifth of its life or 21 days, whichever is shorter (`certificate_grace_used_seconds` of
`certificate_grace_seconds`).
"""

import json
import sys
from typing import Any, Final

from sereno_agent.policy import Policy
from sereno_agent.reading import Collect, Reading, Surroundings

INTERVAL_MS: Final = 60_000
DEADLINE_S: Final = 90.0
APART: Final = True
LOOK_S: Final = 3600.0
GRACE_S: Final = 21 * 86_400.0
GRACE_SHARE: Final = 0.2
_PROBE: Final = (sys.executable, "-P", "-s", "-B", "-m", "sereno_agent.probe_certificates")


def make(surroundings: Surroundings) -> Collect:
    """Looks once an hour, or when the policy changes; in between only time passes."""
    looked_at = float("-inf")
    policy: Policy | None = None
    known: dict[str, Any] = {}

    def collect(reading: Reading) -> None:
        nonlocal looked_at, policy, known
        now_s, in_force = surroundings.monotonic(), surroundings.policy()
        if now_s - looked_at >= LOOK_S or in_force is not policy:
            looked_at, policy, known = now_s, in_force, _look(surroundings, in_force)
        for name, told in known.items():
            if "error" in told:
                reading.notice("E_COLLECTOR", f"certificate {name}: {told['error']}")
            else:
                _write(reading, name, told, surroundings.now_ms() / 1000)

    return collect


def _look(surroundings: Surroundings, policy: Policy) -> dict[str, Any]:
    if not policy.certificates:
        return {}
    request = {
        name: {"listen": certificate.listen} if certificate.listen else {"path": str(certificate.path)}
        for name, certificate in policy.certificates.items()
    }
    answer = surroundings.host.ask(*_PROBE, request=json.dumps(request).encode() + b"\n", timeout_s=60.0)
    try:
        return dict(json.loads(answer or ""))
    except ValueError:
        return {name: {"error": "the worker that reads certificates did not answer"} for name in request}


def _write(reading: Reading, name: str, told: dict[str, float], now_s: float) -> None:
    label = ("certificate", name)
    left_s = told["not_after"] - now_s
    grace_s = min(GRACE_S, GRACE_SHARE * (told["not_after"] - told["not_before"]))
    reading.gauge("certificate_expires_seconds", told["not_after"], label)
    reading.gauge("certificate_left_seconds", left_s, label)
    if grace_s > 0:
        reading.gauge("certificate_grace_used_seconds", min(grace_s, max(0.0, grace_s - left_s)), label)
        reading.gauge("certificate_grace_seconds", grace_s, label)
