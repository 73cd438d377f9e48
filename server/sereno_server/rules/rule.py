"""What a rule is: which series it looks at, how they are measured, from when on that is wrong, and what to do."""

from dataclasses import dataclass
from typing import Final, Literal

MINUTE: Final = 60.0
HOUR: Final = 3600.0
DAY: Final = 86_400.0

SCALES: Final = {"%": 0.01, " min": MINUTE}  # of a unit in what is measured

SEVERITIES: Final = ("note", "watch", "soon", "failing")
Severity = Literal["note", "watch", "soon", "failing"]  # a note is shown and never alarms


@dataclass(frozen=True)
class Text:
    """Words in every language of the console. `{object}` stands for what it is about."""

    en: str
    es: str

    def said(self, language: str, **values: str) -> str:
        """The words in this language, English where it has none."""
        return (self.es if language == "es" else self.en).format(**values)


@dataclass(frozen=True)
class Value:
    """The sample itself."""


@dataclass(frozen=True)
class Size:
    """The sample without its sign."""


@dataclass(frozen=True)
class Beyond:
    """The sample less the one of the series `of` with the same labels."""

    of: str


@dataclass(frozen=True)
class Share:
    """The sample as a part of the one of the series `of` with the same labels."""

    of: str


@dataclass(frozen=True)
class Rise:
    """By how much a counter rose within these seconds. Where it starts anew it does not rise."""

    within_s: float


@dataclass(frozen=True)
class Falls:
    """How often it went backwards within these seconds."""

    within_s: float


@dataclass(frozen=True)
class Elsewhere:
    """Not measured from samples: another part of the prediction says when it holds."""

    when: Text


Measure = Value | Size | Beyond | Share | Rise | Falls | Elsewhere


@dataclass(frozen=True)
class Rule:
    """One rule: a condition that begins to hold, and ends.

    It begins when the figure is at `limit` or worse for `hold_s`. It ends when the figure was better than `clear` for
    `clear_s`, or when nothing was measured for `absent_s` while the device (or the series `beside`) was.
    object: the labels that name what it is about. every_s: how often it is measured. after_good: what was never seen in
    order does not count, because it is meant to be so. falling: low figures are wrong.
    """

    name: str
    series: str
    resource: str
    object: str
    says: Text  # without the figure: this is also how its ticket is called
    advice: Text
    severity: Severity
    limit: float
    clear: float
    measure: Measure = Value()
    where: tuple[tuple[str, str], ...] = ()
    falling: bool = False
    hold_s: float = 0.0
    clear_s: float = 0.0
    every_s: float = MINUTE
    absent_s: float = 7 * DAY
    beside: str = ""
    after_good: bool = False
    unit: str | None = None  # how the figure is shown: "", "%" (of a share), " °C", " s", " min"; None = not at all

    @property
    def partner(self) -> str:
        """The other series that is measured against, or none."""
        return self.measure.of if isinstance(self.measure, Beyond | Share) else ""

    def limit_text(self, value: float) -> str:
        """A limit with its unit."""
        return f"{value / SCALES.get(self.unit or '', 1.0):g}{self.unit or ''}"

    def title(self, thing: str, figure: float, language: str = "en") -> str:
        """What is so, with its figure where that says more."""
        said = self.says.said(language, object=thing)
        if self.unit is None:
            return said
        return f"{said}: {round(figure / SCALES.get(self.unit, 1.0), 1) + 0.0:g}{self.unit}"
