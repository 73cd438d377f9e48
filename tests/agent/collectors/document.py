"""Writes docs/collectors.md from the collectors themselves and the recorded machines.

`python -m tests.agent.collectors.document`; a test fails when it is stale.
"""

import ast
import re
from pathlib import Path

from tests.agent.collectors import recorded, test_node_exporter

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "collectors.md"
FOLDER = ROOT / "agent" / "sereno_agent" / "collectors"
SYSTEMS = {"linux": "Linux", "windows": "Windows", "darwin": "macOS"}
LINE = re.compile(r"(\w+)\{(.*)\} (gauge|counter) \S+")

HEAD = (Path(__file__).parent / "page_head.md").read_text()


def described(path: Path) -> tuple[str, dict[str, object]]:
    """A file's docstring and its plain constants, without importing it: it may be of another system."""
    tree = ast.parse(path.read_text())
    constants = {}
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            code = ast.unparse(node.value)
            if re.fullmatch(r"[\d_.* ]+|True|False", code):
                constants[node.target.id] = eval(code)  # arithmetic of numbers only
    return ast.get_docstring(tree) or "", constants


def series() -> dict[str, dict[str, tuple[tuple[str, ...], str]]]:
    """Of each collector, the series that the recorded machines have: name -> labels and kind."""
    found: dict[str, dict[str, tuple[tuple[str, ...], str]]] = {}
    for host in recorded.hosts():
        collector = ""
        for line in (recorded.HOSTS / host / "expected.txt").read_text().splitlines():
            if line.startswith("# "):
                collector = line[2:]
            elif match := LINE.fullmatch(line):
                labels = tuple(re.findall(r'(\w+)="', match[2]))
                found.setdefault(collector, {})[match[1]] = (labels, match[3])
    for collector, names in READ_HERE.items():
        found.setdefault(collector, {}).update(names)
    return found


def _levels(label: str, *names: str) -> dict[str, tuple[tuple[str, ...], str]]:
    return dict.fromkeys(names, ((label,), "gauge"))


# What reads the machine itself and so is not recorded.
READ_HERE = {
    "agent_cost": {
        "agent_resident_bytes": ((), "gauge"),
        "agent_wait_seconds": ((), "gauge"),
        "agent_cpu_seconds": ((), "counter"),
        "agent_children_cpu_seconds": ((), "counter"),
    },
    "databases": {
        **_levels("database", "database_up", "database_connect_seconds"),
        "database_query_seconds": (("database", "query"), "gauge"),
        "database_value": (("column", "database", "query", "row"), "gauge"),
        **_levels("bound", "database_used", "database_maximum"),
    },
    "filesystems": _levels(
        "mount",
        "filesystem_used_bytes",
        "filesystem_size_bytes",
        "filesystem_inodes_used",
        "filesystem_inodes",
        "filesystem_readonly",
    ),
    "network_filesystems": _levels("mount", "filesystem_hanging"),
    "watched_folders": _levels("folder", "folder_used_bytes", "folder_files", "folder_quota_bytes"),
}


def interval(constants: dict[str, object]) -> str:
    ms = constants.get("INTERVAL_MS", 0)
    assert isinstance(ms, int)
    if not ms:
        return "each cycle (15 s)"
    sizes = ((3_600_000, "h"), (60_000, "min"), (1000, "s"))
    return next(f"every {ms // size} {unit}" for size, unit in sizes if ms >= size)


def page() -> str:
    """The whole text."""
    files: dict[str, list[Path]] = {}
    for path in sorted(FOLDER.glob("*.py")):
        if path.stem != "__init__":
            name, _, system = path.stem.rpartition("_")
            files.setdefault(name if system in SYSTEMS else path.stem, []).append(path)
    known = series()
    shared = sum(map(len, (test_node_exporter.SAME, test_node_exporter.LESS, test_node_exporter.PRESSURE)))
    parts = [HEAD.replace("{shared}", str(shared))]
    for name, paths in sorted(files.items()):
        # The file of Linux tells most.
        best = next((path for path in paths if path.stem.endswith("_linux")), paths[0])
        text, constants = described(best)
        where = ", ".join(
            next((shown for system, shown in SYSTEMS.items() if path.stem.endswith(f"_{system}")), "other systems")
            for path in sorted(paths, key=lambda path: (not path.stem.endswith("_linux"), path.stem))
        )
        if len(paths) == 1 and where == "other systems":
            where = "every system"
        apart = ", apart" if constants.get("APART") else ""
        parts.append(f"\n### {name}\n\n*{where}; {interval(constants)}{apart}*\n\n{text}\n")
        rows = [
            f"| `{name}` | {', '.join(f'`{label}`' for label in labels)} | {kind} |"
            for name, (labels, kind) in sorted(known.get(name, {}).items())
        ]
        if rows:
            parts.append("\n".join(["\n| series | labels | kind |", "|---|---|---|", *rows]) + "\n")
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page())
