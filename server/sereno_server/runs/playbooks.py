"""Playbooks: YAML without code, loaded and checked with file and line, compiled to the typed steps that devices plan.

    name: disk.free_space             # its place: library/disk/free_space.yaml
    title, summary                    # for people
    matches: [{alert, resource, objects: [/var]}]   # the alerts that it is proposed for; objects: of these only
    parameters: {NAME: {kind: folder|file|service|..., summary, optional: true}}
    diagnose: [{check, with}]         # run by themselves when a ticket opens
    steps:
      - name: …
        check | action | include: NAME
        with: {NAME: parameters.NAME | literal}
        when | require: [{check, with, figure, is: "< 70", within_s: 30}]
        on_failure: undo | stop | continue

A step that uses an optional parameter which is not given is left out. The risk is that of the riskiest action.
Without steps it only looks: its checks run by themselves, and as a run they are its steps.
Errors: E_PLAYBOOK_SYNTAX, E_CHECK_UNKNOWN, E_ACTION_UNKNOWN, E_PARAMETER, E_PLAYBOOK_SHELL, E_PLAYBOOK_CYCLE,
E_PLAYBOOK_UNKNOWN.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import sereno_playbooks
from sereno_diagnostics.parameters import Parameter, read_value
from sereno_playbooks.registry import highest_risk
from sereno_proto.errors import BadInput
from sereno_proto.limits import PLAYBOOK_FILES_MAX, STEPS_MAX
from sereno_proto.v1.runs_pb2 import Requirement, RunCheck, Step
from sereno_server.runs import playbook_read
from sereno_server.runs.playbook_parts import Condition, Given, Playbook, PlaybookStep

LIBRARY: Final = Path(next(iter(sereno_playbooks.__path__))) / "library"


@dataclass(frozen=True)
class Library:
    """All playbooks by name."""

    playbooks: Mapping[str, Playbook]

    def get(self, name: str) -> Playbook:
        """The playbook of that name; raises BadInput with E_PLAYBOOK_UNKNOWN."""
        if name not in self.playbooks:
            raise BadInput("E_PLAYBOOK_UNKNOWN", f"no playbook is called {name[:80]!r}")
        return self.playbooks[name]

    def matching(self, alert: str, resource: str, thing: str | None = None) -> list[Playbook]:
        """The playbooks for an alert of that kind on that resource: those that mend before those that only look.

        Of those that mend the one that needs to be told most comes first: where all of it is known it fits best.
        """
        found = [one for one in self.playbooks.values() if any(m.fits(alert, resource, thing) for m in one.matches)]
        return sorted(found, key=lambda one: (not self.mends(one.name), -one.needs, one.name))

    def mends(self, name: str) -> bool:
        """Whether it changes anything."""
        return any(step.kind == "action" for step in self.steps_of(name))

    def risk_of(self, name: str) -> str:
        """The highest risk of its actions, as this server's copy of them says. The device uses its own."""
        return highest_risk(step.call.name for step in self.steps_of(name) if step.kind == "action")

    def steps_of(self, name: str) -> list[PlaybookStep]:
        """The steps, with those of included playbooks in their place. Raises E_PLAYBOOK_CYCLE and what lint finds."""
        return self._flatten(self.get(name), None, ())

    def compile(self, name: str, parameters: Mapping[str, str]) -> list[Step]:
        """The steps for these parameters. Raises E_PLAYBOOK_UNKNOWN, or E_PARAMETER."""
        check_parameters(self.get(name), parameters)
        steps = [
            Step(
                name=step.name,
                check=step.call.name if step.kind == "check" else "",
                action=step.call.name if step.kind == "action" else "",
                parameters=values,
                require=_requirements(step.require, parameters),
                when=_requirements(step.when, parameters),
                on_failure=step.on_failure,
            )
            for step in self.steps_of(name)
            if (values := step.call.filled(parameters)) is not None
        ]
        if not steps:
            raise BadInput("E_PARAMETER", f"{name} has nothing to do with these parameters")
        return steps

    def diagnose(self, name: str, parameters: Mapping[str, str]) -> list[RunCheck]:
        """The checks that tell more about what the playbook mends."""
        playbook = self.get(name)
        check_parameters(playbook, parameters)
        return [
            RunCheck(check=call.name, parameters=values)
            for call in playbook.diagnose
            if (values := call.filled(parameters)) is not None
        ]

    def _flatten(
        self, playbook: Playbook, values: Mapping[str, Given] | None, above: tuple[str, ...]
    ) -> list[PlaybookStep]:
        """values: what an include gives to the playbook's parameters; None for the playbook that is asked for."""
        path = (*above, playbook.name)
        steps: list[PlaybookStep] = []
        for step in playbook.steps:
            placed = step if values is None else step.substituted(values)
            if step.kind == "include":
                included = self._included(step, playbook, path)
                steps += self._flatten(included, placed.call.given, path)
            else:
                steps.append(placed)
            if len(steps) > STEPS_MAX:
                raise BadInput("E_PLAYBOOK_SYNTAX", f"{step.call.where}: more than {STEPS_MAX} steps in the end")
        return steps

    def _included(self, step: PlaybookStep, playbook: Playbook, path: tuple[str, ...]) -> Playbook:
        name, where = step.call.name, step.call.where
        if name in path:
            circle = " -> ".join((*path, name))
            raise BadInput("E_PLAYBOOK_CYCLE", f"{where}: playbooks include each other in a circle: {circle}")
        if name not in self.playbooks:
            raise BadInput("E_PLAYBOOK_UNKNOWN", f"{where}: no playbook is called {name!r}")
        playbook_read.check_include(step.call, self.playbooks[name], playbook)
        return self.playbooks[name]


def load_library(folders: Sequence[Path] = (LIBRARY,)) -> Library:
    """Reads every *.yaml of the folders; a name given twice, and a cycle of includes, are refused."""
    playbooks: dict[str, Playbook] = {}
    for folder in folders:
        for path, expected in playbook_files(folder):
            playbook = playbook_read.read(_text(path), path)
            if playbook.name != expected:
                raise BadInput("E_PLAYBOOK_SYNTAX", f"{path}:{playbook.line}: by its place its name is {expected}")
            if playbook.name in playbooks:
                raise BadInput("E_PLAYBOOK_SYNTAX", f"{path}:{playbook.line}: {playbook.name} exists already")
            playbooks[playbook.name] = playbook
    library = Library(playbooks)
    for name in playbooks:
        library.steps_of(name)
    return library


def playbook_files(folder: Path) -> list[tuple[Path, str]]:
    """The playbooks' files below a folder with the names that their places give. No links are followed.

    Raises E_PLAYBOOK_SYNTAX beyond PLAYBOOK_FILES_MAX.
    """
    found = [path for path in sorted(folder.rglob("*.yaml")) if path.is_file() and not path.is_symlink()]
    found = [path for path in found if not path.relative_to(folder).parts[0].startswith(".")]
    if len(found) > PLAYBOOK_FILES_MAX:
        raise BadInput("E_PLAYBOOK_SYNTAX", f"{folder}: more than {PLAYBOOK_FILES_MAX} playbooks")
    return [(path, ".".join(path.relative_to(folder).with_suffix("").parts)) for path in found]


@cache
def shipped_library() -> Library:
    """The library that comes with Sereno."""
    return load_library()


class Shelf:
    """The library in use: what comes with Sereno, and what the organisation has added (own.py keeps it fresh)."""

    def __init__(self) -> None:
        self._library: Library | None = None

    def library(self) -> Library:
        """What there is now."""
        return self._library or shipped_library()

    def put(self, library: Library | None) -> None:
        """Takes another library into use; None: only what comes with Sereno."""
        self._library = library


SHELF: Final = Shelf()


def compile_playbook(name: str, parameters: Mapping[str, str]) -> list[Step]:
    """The steps of a playbook in use. Raises E_PLAYBOOK_UNKNOWN, E_PARAMETER."""
    return SHELF.library().compile(name, parameters)


def diagnose_playbook(name: str, parameters: Mapping[str, str]) -> list[RunCheck]:
    """The checks of a playbook in use. Raises E_PLAYBOOK_UNKNOWN, E_PARAMETER."""
    return SHELF.library().diagnose(name, parameters)


def check_parameters(playbook: Playbook, parameters: Mapping[str, str]) -> None:
    """Refuses with E_PARAMETER what the playbook does not declare, what it lacks, and what is of the wrong kind."""
    for name in parameters:
        if name not in playbook.parameters:
            raise BadInput("E_PARAMETER", f"{playbook.name} knows no parameter {name[:80]!r}")
    for name, declared in playbook.parameters.items():
        if name in parameters:
            read_value(Parameter(name, declared.kind, declared.summary), parameters[name])
        elif not declared.optional:
            raise BadInput("E_PARAMETER", f"{playbook.name} needs the parameter {name}")


def _requirements(conditions: Sequence[Condition], parameters: Mapping[str, str]) -> list[Requirement]:
    """What must hold; a condition on an optional parameter that is not given is left out."""
    return [
        Requirement(
            check=condition.call.name,
            parameters=values,
            figure=condition.figure,
            comparison=condition.comparison,
            value=condition.value,
            within_s=condition.within_s,
        )
        for condition in conditions
        if (values := condition.call.filled(parameters)) is not None
    ]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput("E_PLAYBOOK_SYNTAX", f"{path}: {error}") from error
