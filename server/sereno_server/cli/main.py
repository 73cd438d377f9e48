"""The entry point of `sereno`: every group is registered here, and every expected error becomes one line."""

import sys
from typing import Annotated

import typer

from sereno_proto.errors import SerenoError
from sereno_server.cli import (
    approve_site,
    backtest,
    checks,
    contact,
    demo,
    devices,
    grants,
    init,
    ledger,
    login,
    maintenance,
    names,
    passkey,
    playbooks,
    rollouts,
    root,
    roster,
    rules,
    runs,
    schedules,
    scoreboard,
    serve,
    store,
    tickets,
)

app = typer.Typer(
    name="sereno",
    help="Remote assistance and monitoring whose server the devices need not trust.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
roster.app.command("add-passkey")(passkey.add_passkey)


@app.callback()
def options(
    *,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=approve_site.told, help="Release and approval page.")
    ] = False,
) -> None:
    """Remote assistance and monitoring whose server the devices need not trust."""
    del version  # its callback has told


for group in (
    approve_site,
    demo,
    serve,
    init,
    login,
    devices,
    names,
    maintenance,
    rules,
    checks,
    tickets,
    runs,
    scoreboard,
    store,
):
    for command in group.COMMANDS:
        app.command()(command)
for name, group in (
    ("root", root),
    ("roster", roster),
    ("passkey", passkey),
    ("contact", contact),
    ("playbook", playbooks),
    ("playbooks", playbooks),
    ("ledger", ledger),
    ("grants", grants),
    ("rollouts", rollouts),
    ("schedules", schedules),
    ("backtest", backtest),
    ("maintenance", maintenance),
):
    app.add_typer(group.app, name=name, help=(group.__doc__ or "").partition("\n")[0])


def main() -> None:
    """Runs the command line; exit code 1 for an error of ours, 2 for a wrong command line."""
    try:
        app()
    except SerenoError as error:
        sys.stderr.write(error.line() + "\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
