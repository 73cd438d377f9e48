"""Renews a certificate by the command that the policy gives for it, and looks whether a later one is there."""

from datetime import UTC, datetime
from typing import Final

from sereno_diagnostics.allowed import WatchedCertificate
from sereno_diagnostics.parameters import Parameter, Values
from sereno_playbooks import subjects
from sereno_playbooks.action import Draft, Outcome, Site
from sereno_proto.errors import Refused
from sereno_proto.planned_step import CANNOT_BE_UNDONE, PlannedStep, Subject

RISK = "medium"
UNDO = f"{CANNOT_BE_UNDONE}: what an authority has issued stays so; the earlier one would have expired sooner"
LIMITS = {"certificates-max": 1}
NEEDS = ("system",)
PARAMETERS = (Parameter("certificate", "certificate", "the certificate"),)

_TIMEOUT_S: Final = 300.0
_SAID_CHARS_MAX: Final = 400


def plan(values: Values, site: Site) -> Draft:
    """The certificate with its end now."""
    named = _named(values, site)
    until = _until(named, site)
    return Draft(
        effect=f"Renews {named.path}, which ends at {until[6:]}, by: {site.redact(' '.join(named.renew))}",
        undo=UNDO,
        subjects=(Subject("certificate", named.name, until, "later"),),
        bounds={"certificates-max": 1},
    )


def verify(step: PlannedStep, values: Values, site: Site) -> None:
    """Refuses when the certificate ends sooner than when the plan was made."""
    _waiting(step, values, site)


def apply(step: PlannedStep, values: Values, site: Site) -> str:
    """Runs the command, and shows that the certificate now ends later."""
    named = _named(values, site)
    if not _waiting(step, values, site):
        return f"{named.path} was renewed already"
    before = step.subjects[0].before
    site.record({"certificate": named.name, "before": before})
    ended = site.programs.owners(named.renew, _TIMEOUT_S)
    if ended.exit_code:
        said = site.redact(" ".join((ended.errors or ended.output).split()))[-_SAID_CHARS_MAX:]
        raise Refused("E_PROGRAM_FAILED", f"{named.renew[0]} ended with {ended.exit_code}: {said}")
    now = _until(named, site)
    if now <= before:
        raise Refused("E_REQUIRE_FAILED", f"{named.path} still ends at {now[6:]}")
    return f"{named.path} ends at {now[6:]}, it ended at {before[6:]}"


def revert(_step: PlannedStep, _values: Values, _entries: list[dict[str, object]], _site: Site) -> Outcome:
    """Says that it cannot."""
    return Outcome(UNDO, complete=False)


def _waiting(step: PlannedStep, values: Values, site: Site) -> bool:
    named = _named(values, site)
    subject = subjects.only(step, "certificate", named.name)
    if subject is None:
        return False
    now = _until(named, site)
    if now < subject.before:
        raise Refused("E_TARGET_DRIFTED", f"{named.path} ends at {now[6:]}, it ended at {subject.before[6:]}")
    return now == subject.before


def _named(values: Values, site: Site) -> WatchedCertificate:
    named = site.allowed.certificate(str(values["certificate"]))
    if not named.renew:
        raise Refused("E_POLICY_FORBIDS", f"the policy gives no command to renew {named.name}")
    return named


def _until(named: WatchedCertificate, site: Site) -> str:
    """`until-2026-12-01T10:00:00Z` of the first certificate in the file."""
    shown, error = site.machine.certificates(str(named.path))
    if not shown:
        raise Refused("E_NOT_FOUND", f"{named.path} cannot be read: {error}")
    return datetime.fromtimestamp(shown[0].not_after_s, UTC).strftime("until-%Y-%m-%dT%H:%M:%SZ")
