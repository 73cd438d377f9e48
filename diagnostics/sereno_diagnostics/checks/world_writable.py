"""Files of a folder that everybody may write to, and programs in it that run as their owner."""

import stat

from sereno_diagnostics.findings import FINE, NOTE, SERIOUS, counted, finding
from sereno_diagnostics.parameters import Parameter, Values
from sereno_diagnostics.reading import Reader
from sereno_proto.errors import Refused
from sereno_proto.v1.runs_pb2 import Finding

TITLE = "Files that everybody may write to"
PARAMETERS = (Parameter("folder", "folder", "the folder to look into"),)
READS = ()
TIMEOUT_S = 45.0
SEVERITIES = {"serious": "everybody may write to a program, or the folder cannot be read", "note": "to other files"}
FIGURES = {
    "files": "files looked at",
    "writable": "everybody may write to",
    "programs": "of them programs",
    "setuid": "run as owner",
}
ROWS_SHOWN = 20


def check(values: Values, reader: Reader) -> list[Finding]:
    """One finding that names them."""
    folder = reader.allowed.folder(str(values["folder"]))
    try:
        files = reader.files(folder)
    except Refused as error:
        return [finding(SERIOUS, f"{folder.name} cannot be read", evidence=[("why", error.what)])]
    writable = [one for one in files if one.mode & stat.S_IWOTH]
    programs = [one for one in writable if one.mode & (stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)]
    others = [one for one in writable if one not in programs]
    setuid = [one for one in files if one.mode & (stat.S_ISUID | stat.S_ISGID)]
    title = f"Nobody but owners and groups may write to {counted(len(files), 'file')} of {folder.name}"
    if writable:
        count = counted(len(writable), "file")
        title = f"Everybody may write to {count} of {folder.name}, {len(programs)} of them programs"
    return [
        finding(
            SERIOUS if programs else NOTE if writable or setuid else FINE,
            title,
            advice="Take the right to write away from others: chmod o-w." if writable else "",
            evidence=[
                *((one.path, stat.filemode(one.mode)) for one in [*programs, *others]),
                *((one.path, f"runs as its owner: {stat.filemode(one.mode)}") for one in setuid),
            ][:ROWS_SHOWN],
            figures={
                "files": len(files),
                "writable": len(writable),
                "programs": len(programs),
                "setuid": len(setuid),
            },
        )
    ]
