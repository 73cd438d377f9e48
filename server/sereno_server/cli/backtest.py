"""What would Sereno have told: the production code over files, in one pass without look-ahead."""

from pathlib import Path
from typing import Annotated

import typer

from sereno_server.cli.printing import say

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
