"""Rehearsing a playbook: what a run does for figures that were recorded, told in lines. No device, nothing changed.

The order is that of the device's own driver (sereno_agent.executor.run): when, do, require, undo in reverse.
tests/server/runs/test_rehearse.py holds the two beside each other.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from sereno_diagnostics.compare import holds
from sereno_proto.errors import BadInput
from sereno_proto.planned_step import Require, require_text
from sereno_proto.v1.runs_pb2 import Finding, Requirement, Step
from sereno_server.runs.playbook_parts import Playbook
from sereno_server.runs.playbooks import Library

GOLDEN: Final = ".golden.json"
BYTES_MAX: Final = 1 << 20
_EXAMPLES: Final = {"digest": "sha256:" + "ab" * 32, "number": "1", "version": "1.0-1", "settings": "workers=4"}
_MEETS: Final = {"<": -1.0, "<=": 0.0, ">": 1.0, ">=": 0.0, "==": 0.0, "!=": 1.0}
_MISSES: Final = {"<": 0.0, "<=": 1.0, ">": 0.0, ">=": -1.0, "==": 1.0, "!=": 0.0}

Figures = dict[str, list[dict[str, float]]]  # by check, one reading after the other; the last one stays


@dataclass(frozen=True)
class Case:
    """A rehearsal: what checks read, which actions fail with which code, and the lines that come of it."""

    case: str
    parameters: Mapping[str, str]
    figures: Figures
    fails: Mapping[str, str] = field(default_factory=dict)
    lines: Sequence[str] = ()


def rehearse(steps: Sequence[Step], case: Case) -> list[str]:
    """The lines of a run of these steps."""
    return list(_Rehearsal(case).run(steps))


def golden_path(playbook: Path) -> Path:
    """Where the golden run of a playbook's file stands."""
    return playbook.with_name(playbook.stem + GOLDEN)


def read_golden(path: Path) -> list[Case]:
    """The recorded cases; raises BadInput naming the file."""
    try:
        content = path.read_bytes()
        return [Case(**row) for row in json.loads(content[:BYTES_MAX])]
    except (OSError, ValueError, TypeError) as error:
        what = f"{path}: no golden run: {error}"
        raise BadInput("E_PLAYBOOK_SYNTAX", what, "record one: sereno playbook test --record") from error


def write_golden(path: Path, cases: Sequence[Case]) -> None:
    """Records the cases with their lines."""
    path.write_text(json.dumps([asdict(case) for case in cases], indent=1) + "\n")


def cases_of(library: Library, playbook: Playbook) -> list[Case]:
    """The cases that every playbook has: it works, it is not needed, it does not help, its first action is refused."""
    parameters = {name: _EXAMPLES.get(one.kind, f"example-{one.kind}") for name, one in playbook.parameters.items()}
    steps = library.compile(playbook.name, parameters)
    actions = [step for step in steps if step.action]
    cases = [Case("it works", parameters, _figures(steps))]
    if any(step.when for step in steps):
        cases.append(Case("it is not needed", parameters, _figures(steps, needed=False)))
    last = max((number for number, step in enumerate(steps) if step.require), default=-1)
    if last >= 0:
        cases.append(Case("it does not help", parameters, _figures(steps, fruitless=last)))
    if actions:
        fails = {actions[0].action: "E_TARGET_DRIFTED"}
        cases.append(Case("the first action is refused", parameters, _figures(steps), fails))
    return cases


def _figures(steps: Sequence[Step], *, needed: bool = True, fruitless: int = -1) -> Figures:
    """What checks read, in order, so that conditions hold or not; -1: every requirement holds."""
    figures: Figures = {}

    def read(condition: Requirement, offset: float) -> None:
        figures.setdefault(condition.check, []).append({condition.figure: condition.value + offset})

    for number, step in enumerate(steps):
        if step.when and not needed:
            read(step.when[0], _MISSES[step.when[0].comparison])
            continue
        for condition in step.when:
            read(condition, _MEETS[condition.comparison])
        if step.check:
            figures.setdefault(step.check, []).append({})
        for condition in step.require:
            read(condition, (_MISSES if number == fruitless else _MEETS)[condition.comparison])
            if number == fruitless:
                return figures
    return figures


class _Rehearsal:
    def __init__(self, case: Case) -> None:
        self._left = {check: list(readings) for check, readings in case.figures.items()}
        self._fails = case.fails

    def run(self, steps: Sequence[Step]) -> Iterator[str]:
        applied: list[int] = []
        for number, step in enumerate(steps, 1):
            unmet = next((one for one in step.when if not self._holds(one)), None)
            if unmet is not None:
                yield f"{number} skipped: {words(unmet)} does not hold"
                continue
            yield f"{number} begun: {step.name}: {_call(step.action or step.check, step.parameters)}"
            failure = self._do(number, step, applied)
            if not failure:
                yield f"{number} done"
                continue
            yield f"{number} failed: {failure}"
            if step.on_failure == "continue":
                continue
            if step.on_failure != "stop":
                yield from (f"{one} undone" for one in reversed(applied))
            yield f"failed at step {number}"
            return
        yield "succeeded"

    def _do(self, number: int, step: Step, applied: list[int]) -> str:
        if step.check:
            self._read(step.check)
        elif step.action in self._fails:
            return self._fails[step.action]
        else:
            applied.append(number)
        for condition in step.require:
            if not any(self._holds(condition) for _ in range(condition.within_s + 1)):
                return f"E_REQUIRE_FAILED {words(condition)} does not hold"
        return ""

    def _holds(self, condition: Requirement) -> bool:
        finding = Finding(check=condition.check, figures=self._read(condition.check))
        return holds([finding], condition.figure, condition.comparison, condition.value)

    def _read(self, check: str) -> dict[str, float]:
        readings = self._left.get(check, [{}])
        return readings.pop(0) if len(readings) > 1 else readings[0]


def words(condition: Requirement) -> str:
    """`service(service=web).active == 1`, as plans say it."""
    parameters = dict(sorted(condition.parameters.items()))
    compared = (condition.figure, condition.comparison, condition.value, condition.within_s)
    return require_text(Require(condition.check, parameters, *compared))


def _call(name: str, parameters: Mapping[str, str]) -> str:
    return f"{name}({', '.join(f'{key}={value}' for key, value in sorted(parameters.items()))})"


def difference(case: Case, lines: Sequence[str]) -> str:
    """Where what was recorded and what comes of it now part; empty when they are the same."""
    for number, (before, now) in enumerate(zip([*case.lines, ""], [*lines, ""], strict=False), 1):
        if before != now:
            return f"{case.case}, line {number}: recorded {before or 'nothing'!r}, now {now or 'nothing'!r}"
    return ""


def as_rows(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """The steps in words, for `sereno playbook show`."""
    return [
        {
            "step": number,
            "name": step.name,
            "does": _call(step.action or step.check, step.parameters),
            "when": "; ".join(map(words, step.when)),
            "require": "; ".join(map(words, step.require)),
            "on_failure": step.on_failure,
        }
        for number, step in enumerate(steps, 1)
    ]
