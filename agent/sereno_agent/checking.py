"""One check in its worker: the policy's names in, findings without secrets out, within the check's own time."""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from sereno_agent import config, plugin, policy, wants
from sereno_agent.folders import Folders
from sereno_agent.redact import REDACTED, Redact, redactor
from sereno_agent.worker_host import WorkerHost
from sereno_diagnostics import registry
from sereno_diagnostics.reading import Reader
from sereno_proto.errors import BadInput, Refused
from sereno_proto.v1.runs_pb2 import CheckResult


def run(name: str, given: Mapping[str, str], in_force: policy.Policy, path: Path, state: Path) -> CheckResult:
    """The check's findings. Raises what it refuses, and E_WORKER_LIMIT when its own time is over."""
    folders = Folders(state)
    databases = config.load(folders.config).databases
    allowed = policy.allowed(
        in_force,
        path,
        state,
        databases={name: database.kind for name, database in databases.items()},
        server=_server(folders),
    )
    reader = Reader(allowed, machine=WorkerHost(databases=databases))
    result = within(registry.timeout_s(name), lambda: registry.run(name, given, reader))
    _redact(result, redactor(wants.narrow(in_force, wants.load(folders.wants)).redact))
    return result


def _server(folders: Folders) -> str:
    try:
        return config.read_joined(folders.joined).link_address
    except BadInput:
        return ""


def within(seconds: float, work: Callable[[], CheckResult]) -> CheckResult:
    """The result, or E_WORKER_LIMIT; what the check had started is ended then, and its thread with this process."""
    made: list[CheckResult | BaseException] = []

    def begin() -> None:
        try:
            made.append(work())
        except BaseException as error:  # noqa: BLE001, raised below
            made.append(error)

    thread = threading.Thread(target=begin, daemon=True)
    thread.start()
    thread.join(seconds)
    if not made:
        plugin.end_descendants()
        raise Refused("E_WORKER_LIMIT", f"the check took longer than its {seconds:g} s and was ended")
    if isinstance(made[0], BaseException):
        raise made[0]
    return made[0]


def _redact(result: CheckResult, redact: Redact) -> None:
    for finding in result.findings:
        finding.title, finding.advice = redact(finding.title), redact(finding.advice)
        for row in finding.evidence:
            # Key and value together too: of `password` and `secret` neither is one alone.
            key = redact(row.key)
            hidden = redact(f"{key}: {row.value}")
            row.key, row.value = key, hidden[len(key) + 2 :] if hidden.startswith(f"{key}: ") else REDACTED
