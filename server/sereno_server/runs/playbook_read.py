"""From a playbook's YAML to its typed parts; everything it names is checked against the catalogue of this release."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from sereno_diagnostics import registry as checks
from sereno_diagnostics.parameters import KINDS, Parameter, read_value
from sereno_playbooks import registry as actions
from sereno_playbooks.registry import ON_FAILURE
from sereno_proto.errors import BadInput
from sereno_proto.limits import REQUIRE_WITHIN_S_MAX, STEP_NAME_CHARS_MAX, STEPS_MAX
from sereno_server.runs import playbook_text
from sereno_server.runs.playbook_parts import Call, Condition, Declared, Given, Match, Playbook, PlaybookStep
from sereno_server.runs.playbook_text import Node

_NAME: Final = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)+")
_PARAMETER: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")
_COMPARED: Final = re.compile(r"(<=|>=|==|!=|<|>) ?(-?[0-9]{1,15}(?:\.[0-9]{1,9})?)")
_REFERENCE: Final = "parameters."


def read(text: str, file: Path) -> Playbook:
    """The playbook of a text; raises BadInput naming file and line."""
    root = playbook_text.read(text, file)
    values = root.mapping(
        required=("name", "title", "summary"), optional=("matches", "parameters", "diagnose", "steps")
    )
    name = values["name"].word()
    if not _NAME.fullmatch(name):
        raise values["name"].syntax("a name is made of words with dots between: disk.free_space")
    declared = _parameters(values["parameters"]) if "parameters" in values else {}
    diagnose = tuple(_diagnose(item, declared) for item in _items(values.get("diagnose")))
    steps = tuple(_step(item, declared) for item in _items(values.get("steps")))
    if "steps" not in values:
        steps = tuple(PlaybookStep(call.name, "check", call, (), (), "continue") for call in diagnose)
    if not 1 <= len(steps) <= STEPS_MAX:
        raise values.get("steps", root).syntax(f"a playbook has 1 to {STEPS_MAX} steps, or checks to diagnose by")
    return Playbook(
        name=name,
        title=values["title"].text(),
        summary=values["summary"].text().strip(),
        line=values["name"].line,
        matches=tuple(map(_match, _items(values.get("matches")))),
        parameters=declared,
        diagnose=diagnose,
        steps=steps,
    )


def check_include(call: Call, included: Playbook, including: Playbook) -> None:
    """Refuses an include that gives a parameter the other does not know, lacks one, or gives one of another kind."""
    for name, value in call.given.items():
        if name not in included.parameters:
            raise BadInput("E_PARAMETER", f"{call.where}: {included.name} knows no parameter {name!r}")
        declared = included.parameters[name]
        if value.parameter:
            found = including.parameters[value.parameter].kind
            if found != declared.kind:
                raise BadInput("E_PARAMETER", f"{call.where}: {name} must be a {declared.kind}, not a {found}")
        else:
            read_value(Parameter(name, declared.kind, declared.summary), value.literal)
    for name, declared in included.parameters.items():
        if not declared.optional and name not in call.given:
            raise BadInput("E_PARAMETER", f"{call.where}: {included.name} needs the parameter {name}")


def _match(node: Node) -> Match:
    values = node.mapping(required=("alert",), optional=("resource", "objects"))
    objects = tuple(item.text() for item in _items(values.get("objects")))
    return Match(values["alert"].word(), values["resource"].word() if "resource" in values else "", objects)


def _parameters(node: Node) -> dict[str, Declared]:
    declared = {}
    for name, entry in node.entries():
        if not _PARAMETER.fullmatch(name):
            raise entry.syntax(f"{name[:80]!r} is no parameter name")
        values = entry.mapping(required=("kind",), optional=("summary", "optional"))
        kind = values["kind"].word()
        if kind not in KINDS:
            raise values["kind"].syntax(f"a kind is one of {', '.join(KINDS)}, not {kind!r}")
        summary = values["summary"].text() if "summary" in values else ""
        declared[name] = Declared(kind, summary, "optional" in values and values["optional"].truth())
    return declared


def _diagnose(node: Node, declared: Mapping[str, Declared]) -> Call:
    return _check_call(node.mapping(required=("check",), optional=("with",)), declared)


def _step(node: Node, declared: Mapping[str, Declared]) -> PlaybookStep:
    values = node.mapping(optional=("name", "check", "action", "include", "with", "when", "require", "on_failure"))
    kinds = [kind for kind in ("check", "action", "include") if kind in values]
    if len(kinds) != 1:
        raise node.syntax("a step has exactly one of check, action and include")
    (kind,) = kinds
    on_failure = values["on_failure"].word() if "on_failure" in values else "undo"
    if on_failure not in ON_FAILURE:
        raise values["on_failure"].syntax(f"on_failure is one of {', '.join(ON_FAILURE)}")
    if kind == "include" and (present := {"when", "require", "on_failure"} & values.keys()):
        raise node.syntax(f"an include has no {', '.join(sorted(present))}: its own steps have")
    call = {"check": _check_call, "action": _action_call, "include": _include_call}[kind](values, declared)
    name = values["name"].text() if "name" in values else call.name
    if not name.isprintable() or not 1 <= len(name) <= STEP_NAME_CHARS_MAX:
        raise node.syntax(f"a step's name has 1 to {STEP_NAME_CHARS_MAX} printable signs")
    return PlaybookStep(
        name=name,
        kind=kind,
        call=call,
        require=tuple(_condition(item, declared) for item in _items(values.get("require"))),
        when=tuple(_condition(item, declared) for item in _items(values.get("when"))),
        on_failure=on_failure,
    )


def _condition(node: Node, declared: Mapping[str, Declared]) -> Condition:
    values = node.mapping(required=("check", "figure", "is"), optional=("with", "within_s"))
    call = _check_call(values, declared)
    figure = values["figure"].word()
    known = checks.get(call.name).FIGURES
    if figure not in known:
        raise values["figure"].wrong("E_PARAMETER", f"{call.name} has no figure {figure!r}; it has {', '.join(known)}")
    compared = _COMPARED.fullmatch(values["is"].text())
    if not compared:
        raise values["is"].syntax('a figure is compared with one number, as in "< 70"')
    within_s = values["within_s"].whole(0, REQUIRE_WITHIN_S_MAX) if "within_s" in values else 0
    return Condition(call, figure, compared[1], float(compared[2]), within_s)


def _check_call(values: Mapping[str, Node], declared: Mapping[str, Declared]) -> Call:
    node = values["check"]
    name = node.word()
    if name not in checks.names():
        raise node.wrong("E_CHECK_UNKNOWN", f"no check is called {name!r}")
    return _call(node, checks.get(name).PARAMETERS, values.get("with"), declared)


def _action_call(values: Mapping[str, Node], declared: Mapping[str, Declared]) -> Call:
    node = values["action"]
    name = node.word()
    if name not in actions.names():
        raise node.wrong("E_ACTION_UNKNOWN", f"no action is called {name!r}")
    return _call(node, actions.get(name).PARAMETERS, values.get("with"), declared)


def _include_call(values: Mapping[str, Node], declared: Mapping[str, Declared]) -> Call:
    node = values["include"]
    return Call(node.word(), _given(values.get("with"), declared), _where(node))


def _call(node: Node, wanted: Sequence[Parameter], given_node: Node | None, declared: Mapping[str, Declared]) -> Call:
    """A call whose parameters are all known, all there, and of the right kind."""
    call = Call(node.word(), _given(given_node, declared), _where(node))
    place = given_node or node
    kinds = {parameter.name: parameter for parameter in wanted}
    for key, value in call.given.items():
        if key not in kinds:
            raise place.wrong("E_PARAMETER", f"{call.name} knows no parameter {key[:80]!r}")
        if value.parameter:
            found = declared[value.parameter].kind
            if found != kinds[key].kind:
                raise place.wrong("E_PARAMETER", f"{key} must be a {kinds[key].kind}, not a {found}")
        else:
            try:
                read_value(kinds[key], value.literal)
            except BadInput as error:
                raise place.wrong("E_PARAMETER", error.what) from error
    for parameter in wanted:
        if parameter.default is None and parameter.name not in call.given:
            raise place.wrong("E_PARAMETER", f"{call.name} needs the parameter {parameter.name}")
    return call


def _given(node: Node | None, declared: Mapping[str, Declared]) -> dict[str, Given]:
    given = {}
    for name, value in node.entries() if node else ():
        text = value.word()
        if not text.startswith(_REFERENCE):
            given[name] = Given(literal=text)
            continue
        parameter = text.removeprefix(_REFERENCE)
        if parameter not in declared:
            raise value.wrong("E_PARAMETER", f"the playbook declares no parameter {parameter!r}")
        given[name] = Given(parameter=parameter)
    return given


def _items(node: Node | None) -> list[Node]:
    return node.items() if node else []


def _where(node: Node) -> str:
    return f"{node.file}:{node.line}"
