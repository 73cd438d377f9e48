"""Updates that wait, and which of them are about security, as the lists of the package manager have them."""

from sereno_diagnostics import updates
from sereno_diagnostics.findings import FINE, NOTE, SERIOUS, ago, counted, finding, untold
from sereno_diagnostics.parameters import Values
from sereno_diagnostics.reading import Reader
from sereno_proto.v1.runs_pb2 import Finding

TITLE = "Pending updates"
PARAMETERS = ()
READS = ("apt_waiting", "dnf_waiting", "dnf_security", "/var/lib/dpkg/status", "/etc/dnf", "/var/lib/apt/lists")
TIMEOUT_S = 58.0
SEVERITIES = {"serious": "a security update waits", "note": "other updates wait, or the lists are older than 3 days"}
FIGURES = {
    "waiting": "updates that wait",
    "security": "of them about security; missing where the manager does not tell them apart",
    "lists_age_s": "how old the lists are; missing where that is not known",
}
ROWS_SHOWN = 24
_OLD_S = 3 * 86_400


def check(_values: Values, reader: Reader) -> list[Finding]:
    """One finding, the security updates as evidence. Nothing is fetched."""
    named: list[str] = []
    if reader.look("/var/lib/dpkg/status") is not None:
        text = reader.told("apt_waiting")
        counts = None if text is None else updates.parse_apt(text)
        named = updates.security_of_apt(text or "")
    elif reader.look("/etc/dnf") is not None:
        told = [reader.told(command) for command in ("dnf_waiting", "dnf_security")]
        counts = None if None in told else updates.parse_dnf(told[0] or "", told[1] or "")
    else:
        counts = None
    if counts is None:
        return untold("Pending updates", "this check asks apt and dnf; there is neither, or it did not answer")
    waiting, security = counts
    figures: dict[str, float] = {"waiting": waiting}
    if security is not None:
        figures["security"] = security
    lists = reader.look("/var/lib/apt/lists")
    age = None if lists is None else max(0.0, reader.now_s() - lists.modified_s)
    if age is not None:
        figures["lists_age_s"] = age
    old = age is not None and age > _OLD_S
    title = f"{counted(waiting, 'update')} waiting, {security or 0} about security" if waiting else "No update waits"
    return [
        finding(
            SERIOUS if security else NOTE if waiting or old else FINE,
            title + (f"; the lists were fetched {ago(age or 0)}" if old else ""),
            advice="Install the security updates in the next window." if security else "",
            evidence=[("security", name) for name in named[:ROWS_SHOWN]],
            figures=figures,
        )
    ]
