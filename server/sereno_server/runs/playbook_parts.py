"""The typed parts of a playbook, once it was read and checked."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Match:
    """An alert that the playbook is proposed for; resource '' means any, and so do no objects."""

    alert: str
    resource: str
    objects: tuple[str, ...] = ()

    def fits(self, alert: str, resource: str, thing: str | None) -> bool:
        """Whether it is such an alert; thing: what it is about, None when that does not matter."""
        if self.alert != alert or self.resource not in {resource, ""}:
            return False
        return thing is None or not self.objects or thing in self.objects


@dataclass(frozen=True)
class Declared:
    """A parameter of the playbook."""

    kind: str
    summary: str
    optional: bool


@dataclass(frozen=True)
class Given:
    """A value in `with`: a reference to a parameter, or a literal. absent: an include left it out."""

    parameter: str = ""
    literal: str = ""
    absent: bool = False


@dataclass(frozen=True)
class Call:
    """A check, action or playbook by name with what it is given; where: file and line."""

    name: str
    given: Mapping[str, Given]
    where: str

    def substituted(self, values: Mapping[str, Given]) -> "Call":
        """The same call with an include's values in place of references to parameters."""
        given = {
            name: values.get(value.parameter, Given(absent=True)) if value.parameter else value
            for name, value in self.given.items()
        }
        return replace(self, given=given)

    def filled(self, parameters: Mapping[str, str]) -> dict[str, str] | None:
        """What is given, with the parameters' values; None when one of them is not there."""
        filled = {}
        for name, value in self.given.items():
            if value.absent or (value.parameter and value.parameter not in parameters):
                return None
            filled[name] = parameters[value.parameter] if value.parameter else value.literal
        return filled


@dataclass(frozen=True)
class Condition:
    """A figure of a check, compared with a value."""

    call: Call
    figure: str
    comparison: str
    value: float
    within_s: int


@dataclass(frozen=True)
class PlaybookStep:
    """One line of a playbook. kind: check, action or include."""

    name: str
    kind: str
    call: Call
    require: tuple[Condition, ...]
    when: tuple[Condition, ...]
    on_failure: str

    def substituted(self, values: Mapping[str, Given]) -> "PlaybookStep":
        """The same step with an include's values in place of references to parameters."""
        return replace(
            self,
            call=self.call.substituted(values),
            require=tuple(replace(item, call=item.call.substituted(values)) for item in self.require),
            when=tuple(replace(item, call=item.call.substituted(values)) for item in self.when),
        )


@dataclass(frozen=True)
class Playbook:
    """A playbook as read; line: where its name stands.

    One without steps of its own looks and changes nothing: its steps are the checks that it diagnoses by.
    """

    name: str
    title: str
    summary: str
    line: int
    matches: tuple[Match, ...] = ()
    parameters: Mapping[str, Declared] = field(default_factory=dict)
    diagnose: tuple[Call, ...] = ()
    steps: tuple[PlaybookStep, ...] = ()

    @property
    def needs(self) -> int:
        """How many parameters it cannot do without."""
        return sum(not one.optional for one in self.parameters.values())
