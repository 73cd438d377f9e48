"""A backtest's report for people: the same fragment in the console and in a file of its own, without any script."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from markupsafe import Markup

from sereno_server.prediction.device_backtest import Drawing, Report
from sereno_server.prediction.device_replay import OPEN, Said
from sereno_server.reads.running_out import fate, resource_name
from sereno_server.reads.words import Words
from sereno_server.web import assets
from sereno_server.web.i18n import translations
from sereno_server.web.rendering import ENVIRONMENT

WIDTH, HEIGHT, TOP = 1000.0, 200.0, 14.0
STYLES = ("style.css", "console.css")
SAID_MAX = 200


@dataclass(frozen=True)
class Line:
    """An upright line of a chart: alarm (said), onset, full (came true), run."""

    kind: str
    x: float


@dataclass(frozen=True)
class Chart:
    """One picture, 1000 wide and 200 high. bands: polygons; medians: paths."""

    name: str
    path: str
    capacity_y: float
    bands: tuple[str, ...]
    medians: tuple[str, ...]
    lines: tuple[Line, ...]
    said: int


def fragment(report: Report, words: Words) -> Markup:
    """The report as HTML, to put into a page."""
    template = ENVIRONMENT.get_template("backtest_report.html")
    html = template.render(
        report=report,
        words=words,
        say=words.say,
        say_n=words.say_n,
        charts=[_chart(one, report) for one in report.drawings],
        chart_name=lambda chart: chart.name,
        sentence=lambda one: said_sentence(one, words),
        scores=scores(report, words),
        rows=report.said[:SAID_MAX],
        named=lambda one: resource_name(one.resource, one.object, words),
        begun=report.start,
        ended=report.end,
        now=report.end,
    )
    return Markup(html)  # noqa: S704 (our own template, which escapes every value)


def file(report: Report, words: Words | None = None) -> str:
    """The report as one HTML file: styles inside, no script, nothing from elsewhere."""
    words = words or Words("en", UTC, translations("en"))
    styles = "\n".join((assets.FOLDER / name).read_text(encoding="utf-8") for name in STYLES)
    return ENVIRONMENT.get_template("backtest_file.html").render(
        words=words,
        say=words.say,
        headline=headline(report, words),
        report=report,
        styles=Markup(styles),  # noqa: S704 (our own stylesheets)
        body=fragment(report, words),
    )


def headline(report: Report, words: Words) -> str:
    """What it would have told, and how much of that was right."""
    told = [one for one in report.said if one.kind in {"forecast", "anomaly"}]
    hit, miss = (sum(one.outcome == name for one in told) for name in ("hit", "miss"))
    if not told:
        return words.say("{name}: nothing would have been predicted.", name=report.device)
    return words.say_n(
        "{name}: {n} warning; {hit} came true, {miss} did not.",
        "{name}: {n} warnings; {hit} came true, {miss} did not.",
        len(told),
        name=report.device,
        hit=words.number(hit),
        miss=words.number(miss),
    )


def scores(report: Report, words: Words) -> list[tuple[str, list[int], int]]:
    """A row a kind: its name; hits, misses, prevented, withdrawn, open; all."""
    kinds = {
        "forecast": words.say("Forecasts"),
        "anomaly": words.say("Anomalies"),
        "rule": words.say("Rules"),
        "template": words.say("Log templates"),
    }
    found = []
    for kind, name in kinds.items():
        counts = [report.count(kind, outcome) for outcome in ("hit", "miss", "prevented", "withdrawn", OPEN)]
        found.append((name, counts, sum(one.kind == kind for one in report.said)))
    return found


def said_sentence(one: Said, words: Words) -> str:
    """What it would have said at that moment."""
    if one.kind == "forecast":
        if one.full_at is None:
            return words.say("{what} grows towards its limit", what=resource_name(one.resource, one.object, words))
        return words.say(
            "{what} {relative}, at {clock}",
            what=fate(one.resource, one.object, words),
            relative=words.relative(one.full_at, one.at),
            clock=words.clock(one.full_at, one.at),
        )
    if one.kind == "template":
        state = words.say("Burst") if one.object == "burst" else words.say("New")
        return f"{state}: {one.title}"
    return one.title


def _chart(drawing: Drawing, report: Report) -> Chart:
    said = [one for one in report.said if one.kind == "forecast" and one.series_id == drawing.series_id]
    start, end = _ms(report.start), _ms(report.end)
    top = max([drawing.capacity, *drawing.values, 1e-9])

    def x(at_ms: float) -> float:
        return round(WIDTH * min(max((at_ms - start) / max(end - start, 1), 0.0), 1.0), 1)

    def y(value: float) -> float:
        return round(HEIGHT - (HEIGHT - TOP) * min(max(value / top, 0.0), 1.0), 1)

    def line(points: Sequence[tuple[float, float]]) -> str:
        return " ".join(f"{x(at)},{y(value)}" for at, value in points)

    bands, medians, lines = [], [], []
    for one in said:
        inside = [step for step in one.path if step[0] <= end]
        if inside:
            bands.append(line([*((s[0], s[3]) for s in inside), *((s[0], s[1]) for s in reversed(inside))]))
            medians.append(line([(step[0], step[2]) for step in inside]))
        if one.onset_at is not None and one.onset_at >= report.start:
            lines.append(Line("onset", x(_ms(one.onset_at))))
        lines.append(Line("alarm", x(_ms(one.at))))
        if one.outcome == "hit" and one.lead_s is not None:
            lines.append(Line("full", x(_ms(one.at) + one.lead_s * 1000)))
    lines += [Line("run", x(_ms(one.at))) for one in report.happened if one.kind == "run" and one.at >= report.start]
    values = zip(drawing.times, drawing.values, strict=True)
    name = f"{drawing.resource} {drawing.object}".strip()
    return Chart(
        name, line(list(values)), y(drawing.capacity), tuple(bands), tuple(medians), tuple(lines), len(said)
    )  # fmt: skip


def _ms(at: datetime) -> float:
    return at.timestamp() * 1000
