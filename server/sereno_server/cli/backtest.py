"""What would Sereno have told: the production code over files, in one pass without look-ahead."""

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from sereno_proto.errors import BadInput
from sereno_server.cli.options import Json
from sereno_server.cli.printing import listing, say
from sereno_server.cli.server_settings import ConfigFile, settings_of_a_server

if TYPE_CHECKING:
    from sereno_server.config import Settings
    from sereno_server.prediction.device_backtest import Report

app = typer.Typer(no_args_is_help=True)


@app.command()
def metrics(
    in_dir: Annotated[Path, typer.Argument(help="Folder of *.csv with timestamp,value or timestamp,value,capacity.")],
    out_dir: Annotated[Path, typer.Argument(help="Gets files of the same names: timestamp,value,score,alarm,full_at.")],
) -> None:
    """Replay recorded metrics through anomaly detection and exhaustion."""
    from sereno_server.prediction.backtest import backtest_metrics  # noqa: PLC0415  loads numpy

    say(f"{backtest_metrics(in_dir, out_dir)} rows")


@app.command()
def logs(
    in_file: Annotated[Path, typer.Argument(help="One log message a line.")],
    out_file: Annotated[Path, typer.Argument(help="Gets one template id a line.")],
) -> None:
    """Find the templates of recorded log lines."""
    from sereno_server.prediction.backtest import backtest_logs  # noqa: PLC0415  loads numpy

    say(f"{backtest_logs(in_file, out_file)} lines")


@app.command()
def device(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The device's name or id.")],
    *,
    start: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M"], help="UTC.")],
    end: Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M"], help="UTC.")] = None,
    report: Annotated[Path | None, typer.Option("--report", metavar="FILE.html", help="Write a page of it.")] = None,
    config: ConfigFile = None,
    as_json: Json = False,
) -> None:
    """Replay what is stored of a device, on the server's machine: what it would have said, and what happened."""
    if report is not None and not report.absolute().parent.is_dir():  # said before the long work, not after it
        raise BadInput("E_BACKTEST_INPUT", f"{report.parent} is no folder", "choose another file")
    last = (end or datetime.now(UTC)).replace(tzinfo=UTC)
    made = asyncio.run(_device(settings_of_a_server(config), name, start.replace(tzinfo=UTC), last))
    if report is not None:
        _write(report, made)
    _tell(made, as_json=as_json)
    if report is not None and not as_json:
        say(f"\n{report}")


async def _device(settings: "Settings", name: str, start: datetime, end: datetime) -> "Report":
    from sereno_server.cli.local_store import local_store  # noqa: PLC0415  loads the database
    from sereno_server.prediction.device_backtest import backtest_device, find_device  # noqa: PLC0415

    columns = (TextColumn("replaying"), BarColumn(), TaskProgressColumn())
    async with local_store(settings) as store:
        found = await find_device(store, name)
        with Progress(*columns, console=Console(file=sys.stderr), transient=True) as bar:
            task = bar.add_task("replaying", total=1.0)
            return await backtest_device(store, found, start, end, lambda share: bar.update(task, completed=share))


def _write(path: Path, made: "Report") -> None:
    from sereno_server.web.backtest_view import file  # noqa: PLC0415  loads templates

    try:
        path.write_text(file(made), encoding="utf-8")
    except OSError as error:
        raise BadInput(
            "E_BACKTEST_INPUT", f"{path} cannot be written: {error.strerror}", "choose another file"
        ) from error


def _tell(made: "Report", *, as_json: bool) -> None:
    if as_json:
        from pydantic import TypeAdapter  # noqa: PLC0415  slow to load

        from sereno_server.prediction.device_backtest import Report as Made  # noqa: PLC0415

        listing([TypeAdapter(Made).dump_python(made, mode="json")], (), as_json=True)
        return
    from sereno_server.reads.words import Words  # noqa: PLC0415
    from sereno_server.web.backtest_view import said_sentence  # noqa: PLC0415  loads templates

    words = Words()
    columns = ("at", "kind", "said", "outcome", "why", "lead")
    rows = [
        {
            "at": one.at.isoformat(),
            "kind": one.kind,
            "said": said_sentence(one, words),
            "outcome": one.outcome,
            "why": one.why,
            "lead": words.span(one.lead_s) if one.lead_s is not None else "",
        }
        for one in made.said
    ]
    listing(rows, columns, as_json=False)
    if made.happened:
        say("\nwhat really happened")
        happened = [{"at": one.at.isoformat(), "kind": one.kind, "title": one.title} for one in made.happened]
        listing(happened, ("at", "kind", "title"), as_json=False)
    hit, miss = (made.count("forecast", name) + made.count("anomaly", name) for name in ("hit", "miss"))
    say(f"\n{made.samples} samples; {hit} came true, {miss} did not; {made.false_days:.1f} false days")
