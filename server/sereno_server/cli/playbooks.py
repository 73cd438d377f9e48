"""Playbooks: what there is, what one does step by step, and whether those of one's own are right."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from sereno_proto.errors import BadInput, Refused
from sereno_server.cli.options import Json
from sereno_server.cli.printing import listing, out, plain, say
from sereno_server.runs import rehearse
from sereno_server.runs.playbooks import LIBRARY, Library, load_library, playbook_files

app = typer.Typer(no_args_is_help=True)

Folders = Annotated[
    list[Path] | None, typer.Argument(help="Folders of one's own, laid out as the library: disk/free_space.yaml.")
]


@app.command("list")
def list_playbooks(folders: Folders = None, *, as_json: Json = False) -> None:
    """List the playbooks that come with Sereno, and those of the folders."""
    library = _library(folders)
    rows = [
        {
            "name": book.name,
            "risk": library.risk_of(book.name),
            "parameters": [name + ("" if not one.optional else "?") for name, one in book.parameters.items()],
            "title": book.title,
            "summary": book.summary,
        }
        for _, book in sorted(library.playbooks.items())
    ]
    if not as_json:
        rows = [{**row, "parameters": " ".join(map(str, row["parameters"]))} for row in rows]
    listing(rows, ("name", "risk", "parameters", "title"), as_json=as_json)


@app.command()
def show(name: Annotated[str, typer.Argument(metavar="PLAYBOOK")], folders: Folders = None) -> None:
    """Show a playbook: its steps in words, when each is done, and what must hold after it."""
    library = _library(folders)
    book = library.get(name)
    say(f"{book.name}: {book.title} ({library.risk_of(name)} risk)")
    say(" ".join(book.summary.split()))
    for match in book.matches:
        say(f"for alerts: {match.alert} {match.resource}".rstrip())
    for key, one in book.parameters.items():
        say(f"parameter {key}: {one.kind}, {one.summary}{' (may be left out)' if one.optional else ''}")
    example = rehearse.cases_of(library, book)[0]
    for row in rehearse.as_rows(library.compile(name, example.parameters)):
        out.print(plain(f"{row['step']}. {row['name']}: {row['does']}"), markup=False)
        for key, before in (("when", "only when"), ("require", "then required:")):
            if row[key]:
                out.print(plain(f"     {before} {row[key]}"), markup=False)


@app.command()
def lint(folders: Folders = None) -> None:
    """Check playbooks, beside those that come with Sereno; the first fault is told with file and line."""
    say(f"{len(_library(folders).playbooks)} playbooks, no fault")


@app.command("test")
def rehearsal(
    folders: Folders = None,
    *,
    record: Annotated[
        bool, typer.Option("--record", help="Write what comes of them now; review the difference.")
    ] = False,
) -> None:
    """Rehearse playbooks for recorded findings, and compare the lines with their golden runs (NAME.golden.json).

    Without folders those that come with Sereno.
    """
    library = _library(folders)
    cases = wrong = 0
    for folder in folders or [LIBRARY]:
        for path, name in playbook_files(folder):
            golden = rehearse.golden_path(path)
            known = rehearse.read_golden(golden) if golden.exists() or not record else []
            known = known or rehearse.cases_of(library, library.get(name))
            told = [(case, rehearse.rehearse(library.compile(name, case.parameters), case)) for case in known]
            cases += len(told)
            if record:
                rehearse.write_golden(golden, [replace(case, lines=lines) for case, lines in told])
            for difference in filter(None, (rehearse.difference(*one) for one in told if one[0].lines)):
                wrong += not record
                say(f"{path}:{library.get(name).line}: {difference}")
    if wrong:
        what = f"{wrong} of {cases} golden runs differ"
        raise Refused(
            "E_PLAYBOOK_GOLDEN", what, "mend the playbook, or review and record: sereno playbook test --record"
        )
    say(f"{cases} golden runs {'recorded' if record else 'as recorded'}")


def _library(folders: list[Path] | None) -> Library:
    for folder in folders or ():
        if not folder.is_dir():
            raise BadInput("E_PLAYBOOK_SYNTAX", f"{folder} is no folder", "name the folder that holds them")
    return load_library([LIBRARY, *(folder for folder in folders or () if folder.resolve() != LIBRARY.resolve())])
