"""How full a folder is: against its quota, or, when it has none, the file system it lies on."""

from sereno_diagnostics.findings import FAILING, FINE, NOTE, SERIOUS, bytes_text, finding
from sereno_diagnostics.parameters import Parameter, Values
from sereno_diagnostics.reading import Reader
from sereno_proto.errors import Refused
from sereno_proto.v1.runs_pb2 import Finding, Severity

TITLE = "Space used"
PARAMETERS = (Parameter("folder", "folder", "the folder to measure"),)
READS = ()
SEVERITIES = {"failing": "95 % used", "serious": "80 % used, or it cannot be measured", "note": "60 % used"}
FIGURES = {
    "used_bytes": "bytes used: by the folder's files, or on the file system when there is no quota",
    "quota_bytes": "bytes there may be: the quota, or the file system's size",
    "used_percent": "used of quota",
    "free_percent": "what is left of quota, never below 0",
    "filesystem_free_percent": "what is left of the file system below",
}

_LEVELS = ((95.0, FAILING), (80.0, SERIOUS), (60.0, NOTE))  # percent used, from which severity


def check(values: Values, reader: Reader) -> list[Finding]:
    """One finding with all figures."""
    folder = reader.allowed.folder(str(values["folder"]))
    try:
        filesystem = reader.filesystem(folder)
        files = reader.files(folder)
    except Refused as error:
        return [finding(SERIOUS, f"{folder.name} cannot be measured", evidence=[("why", error.what)])]
    used = sum(file.size_bytes for file in files) if folder.quota_bytes else filesystem.used_bytes
    size = folder.quota_bytes or filesystem.size_bytes
    percent = 100 * used / size if size else 0.0
    severity = _severity(percent)
    return [
        finding(
            severity,
            f"{folder.name} is {percent:.0f} % full: {bytes_text(used)} of {bytes_text(size)}",
            advice="Find what grows, then free space before it is full." if severity >= SERIOUS else "",
            evidence=[
                ("folder", str(folder.path)),
                ("files", str(len(files))),
                ("limit", "quota of the policy" if folder.quota_bytes else "size of the file system"),
                ("file system", f"{bytes_text(filesystem.free_bytes)} of {bytes_text(filesystem.size_bytes)} free"),
            ],
            figures={
                "used_bytes": used,
                "quota_bytes": size,
                "used_percent": percent,
                "free_percent": max(0.0, 100 - percent),
                "filesystem_free_percent": 100 * filesystem.free_bytes / max(filesystem.size_bytes, 1),
            },
        )
    ]


def _severity(percent: float) -> Severity.ValueType:
    return next((severity for level, severity in _LEVELS if percent >= level), FINE)
