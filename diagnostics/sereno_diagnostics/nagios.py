"""What a Nagios plugin writes: `text | 'label'=value[unit];warn;crit;min;max ...`, more text below. Pure."""

import math
import re
from typing import Final, NamedTuple

_FIGURE: Final = re.compile(
    r"(?:'((?:[^']|''){1,200})'|([^\s'=]{1,200}))=(-?[\d.]{1,40}(?:[eE][+-]?\d+)?)([A-Za-z%]{0,10})((?:;[^\s;]{0,40}){0,4})"
)
_LINES_MAX: Final = 200
_FIGURES_MAX: Final = 256


class Figure(NamedTuple):
    """One measured value. limits: warning, critical, least and greatest, as the plugin wrote them."""

    label: str
    value: float
    unit: str
    limits: tuple[str, ...]

    @property
    def words(self) -> str:
        """As people read it."""
        names = ("warning", "critical", "least", "greatest")
        limits = [f"{name} {limit}" for name, limit in zip(names, self.limits, strict=False) if limit]
        return ", ".join([f"{self.value:g} {self.unit}".rstrip(), *limits])


class Said(NamedTuple):
    """The first line's text, the further lines' texts, and all figures."""

    text: str
    more: tuple[str, ...]
    figures: tuple[Figure, ...]


def parse(output: str) -> Said:
    """Figures stand behind the first bar of the first line, and behind the first bar of what follows."""
    first, *rest = output.splitlines()[:_LINES_MAX] or [""]
    text, _, data = first.partition("|")
    more, _, below = "\n".join(rest).partition("|")
    found = list(_figures(f"{data} {below}"))
    return Said(text.strip(), tuple(line.strip() for line in more.splitlines() if line.strip()), tuple(found))


def _figures(text: str) -> list[Figure]:
    found = []
    for match in list(_FIGURE.finditer(text))[:_FIGURES_MAX]:
        try:
            value = float(match[3])
        except ValueError:
            continue  # 1.2.3
        if math.isfinite(value):
            label = (match[1] or match[2]).replace("''", "'")
            found.append(Figure(label, value, match[4], tuple(match[5].split(";")[1:])))
    return found
