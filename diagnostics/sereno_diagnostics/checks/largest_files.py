"""Which files of a folder are largest, and which of them grow: sizes, taken twice a moment apart."""

from sereno_diagnostics.findings import FINE, NOTE, SERIOUS, bytes_text, counted, finding
from sereno_diagnostics.parameters import Parameter, Values
from sereno_diagnostics.reading import Entry, Reader
from sereno_proto.errors import Refused
from sereno_proto.v1.runs_pb2 import Finding

TITLE = "Largest files"
PARAMETERS = (Parameter("folder", "folder", "the folder to look into"),)
READS = ()
SEVERITIES = {"serious": "the folder cannot be read", "note": "some file grows"}
FIGURES = {
    "files": "how many files there are",
    "total_bytes": "bytes of all files",
    "largest_bytes": "bytes of the largest file",
    "growth_bytes_per_s": "growth of all files together; negative when they shrink; missing when it was not measured",
}

FILES_SHOWN = 10
BETWEEN_S = 1.0
FIRST_WALK_S_MAX = 1.0  # a folder so big that one look takes longer is not looked at twice


def check(values: Values, reader: Reader) -> list[Finding]:
    """One finding with the largest files as evidence, the largest first."""
    folder = reader.allowed.folder(str(values["folder"]))
    try:
        started = reader.clock()
        before = reader.files(folder)
        looked = reader.clock()
        growth: dict[tuple[str, int], float] = {}
        figures: dict[str, float] = {}
        files = before
        if looked - started <= FIRST_WALK_S_MAX and not reader.truncated:
            reader.sleep(BETWEEN_S)
            files = reader.files(folder)
            elapsed = max(reader.clock() - looked, 0.001)
            growth = _growth(before, files, elapsed)
            figures["growth_bytes_per_s"] = (_total(files) - _total(before)) / elapsed
    except Refused as error:
        return [finding(SERIOUS, f"{folder.name} cannot be read", evidence=[("why", error.what)])]
    if not files:
        return [finding(FINE, f"{folder.name} holds no files", figures={"files": 0, "total_bytes": 0})]
    files = sorted(files, key=lambda file: (-file.size_bytes, file.path))
    figures |= {"files": len(files), "total_bytes": _total(files), "largest_bytes": files[0].size_bytes}
    growing = [file for file in files if growth.get((file.path, file.inode), 0) > 0]
    return [
        finding(
            NOTE if growing else FINE,
            _title(folder.name, files, growing, growth),
            evidence=[(file.path, _row(file, growth)) for file in files[:FILES_SHOWN]],
            figures=figures,
        )
    ]


def _title(folder: str, files: list[Entry], growing: list[Entry], growth: dict[tuple[str, int], float]) -> str:
    largest = files[0]
    title = (
        f"{largest.path} is the largest of {counted(len(files), 'file')} in {folder}: {bytes_text(largest.size_bytes)}"
    )
    if not growing:
        return title
    fastest = max(growing, key=lambda file: growth[file.path, file.inode])
    speed = bytes_text(growth[fastest.path, fastest.inode])
    return f"{title}, and grows by {speed}/s" if fastest is largest else f"{title}; {fastest.path} grows by {speed}/s"


def _row(file: Entry, growth: dict[tuple[str, int], float]) -> str:
    speed = growth.get((file.path, file.inode), 0)
    return bytes_text(file.size_bytes) + (f", {'+' if speed > 0 else ''}{bytes_text(speed)}/s" if speed else "")


def _growth(before: list[Entry], after: list[Entry], elapsed_s: float) -> dict[tuple[str, int], float]:
    sizes = {(file.path, file.inode): file.size_bytes for file in before}
    return {
        (file.path, file.inode): (file.size_bytes - sizes.get((file.path, file.inode), 0)) / elapsed_s for file in after
    }


def _total(files: list[Entry]) -> int:
    return sum(file.size_bytes for file in files)
