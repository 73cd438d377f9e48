"""What a ticket's evidence gives for a playbook's parameters, and which playbook is proposed so."""

import dataclasses
from datetime import UTC, datetime

import pytest

from sereno_server.alerts.sources.notices import SEVERITY
from sereno_server.desk.evidence import alike
from sereno_server.desk.facts import AlertFact, CauseFact, Facts, FindingFact
from sereno_server.desk.suggest import suggest
from sereno_server.prediction.resources import KINDS
from sereno_server.rules.catalogue import RULES
from sereno_server.runs.playbooks import shipped_library

NOW = datetime(2026, 11, 22, tzinfo=UTC)
DIGEST = "sha256:" + "a" * 64
NAMES = (
    *("folder app-logs", "service web", "service mysql", "process worker", "package nginx", "certificate site"),
    *("mount data", "volume var-lib", "volume lib", "database orders", "log app"),
)
# Alerts at which no check of the device could look, each with the reason.
NOBODY_LOOKS = {
    "silent": "a device that is silent answers no check",
    "duplicate_identity": "two machines go by one identity, and nobody knows which of them would answer",
}


def facts(kind: str, resource: str, thing: str, **more) -> Facts:
    alert = AlertFact("alr_1", kind, resource, thing, "firing", None, NOW, None)
    given = {"alerts": (alert,), "names": NAMES, **more}
    return Facts("org_a", "tkt_1", "dev_1", f"{kind}:dev_1:{resource}:{thing}", "open", "predicted", 1, NOW, **given)


def cause(kind: str, **more) -> CauseFact:
    return CauseFact("chg_1", 1, 0.8, **{"kind": kind, "name": "", "before_digest": "", **more})


def found(check: str, *keys: str, **figures: float) -> FindingFact:
    return FindingFact(check, "serious", tuple((key, "") for key in keys), figures)


FILE = cause("file", name="web-config", before_digest=DIGEST)
UPGRADE = cause("package", object="2 packages", diff="-libc6 2.36-9\n+libc6 2.36-10\n-nginx 1.22.1-9\n+nginx 1.24.0-1")
ALONE = cause("package", object="nginx", diff="-1.22.1-9\n+1.24.0-1")
WEB = {"service": "web"}
PROPOSALS = [
    (facts("service_down", "service", "web"), "service.start", WEB),
    (facts("service_failed", "service", "web", causes=(FILE,)), "service.restore_settings", {
        **WEB, "file": "web-config", "digest": DIGEST}),
    (facts("service_failed", "service", "web", causes=(UPGRADE,)), "package.roll_back", {
        **WEB, "package": "nginx", "version": "1.22.1-9"}),
    (facts("service_failed", "service", "web", causes=(ALONE,)), "package.roll_back", {
        **WEB, "package": "nginx", "version": "1.22.1-9"}),
    (facts("service_failed", "service", "mysql.service"), "service.start", {"service": "mysql"}),
    (facts("service_failed", "service", "postgresql.service"), "", {}),  # which the policy does not name
    (facts("service_restarting", "service", "web", causes=(FILE,)), "service.settle_loop", {
        **WEB, "file": "web-config", "digest": DIGEST}),
    (facts("service_restarting", "service", "web"), "", {}),
    (facts("certificate_expired", "certificate", "site"), "certificate.renew", {"certificate": "site"}),
    (facts("exhaustion", "memory", ""), "", {}),
    (facts("exhaustion", "memory", "", findings=(found("leak_suspects", "mysqld"),)), "memory.restart_service", {
        "service": "mysql"}),
    (facts("exhaustion", "memory", "", findings=(found("leak_suspects", "sh"),)), "", {}),
    (facts("exhaustion", "process_ids", "", findings=(found("zombies", "web (71)", zombies=40),)),
     "process.clear_zombies", WEB),
    (facts("exhaustion", "process_ids", "", findings=(found("zombies", "web (71)", zombies=1),)), "", {}),
    (facts("exhaustion", "filesystem", "/var/lib"), "disk.extend_volume", {"volume": "var-lib"}),
    (facts("exhaustion", "filesystem", "/var"), "disk.shrink_journal", {}),
    (facts("exhaustion", "filesystem", "/var", findings=(found("journal_disk", used_bytes=1e6),)), "", {}),
    (facts("exhaustion", "filesystem", "/srv"), "", {}),
    (facts("exhaustion", "filesystem", "/srv",
           findings=(found("deleted_open_files", "/srv/app-logs/app.log", held_bytes=5e9),)),
     "disk.empty_deleted_logs", {"folder": "app-logs"}),
    (facts("filesystem_readonly", "filesystem_state", "/data"), "filesystem.make_writable", {"mount": "data"}),
    (facts("filesystem_readonly", "filesystem_state", "/data", findings=(found("filesystem_errors", errors=3),)),
     "", {}),
    (facts("temperature_near_critical", "temperature", "cpu package", findings=(found("cpu_hogs", "worker"),)),
     "process.slow_down", {"process": "worker"}),
    (facts("clock_offset", "clock", ""), "clock.resync", {}),
]  # fmt: skip


@pytest.mark.parametrize(("known", "playbook", "parameters"), PROPOSALS)
def test_a_proposal_gets_its_parameters_from_the_evidence(known, playbook, parameters):
    suggested = suggest(known)
    assert suggested.playbook == playbook
    assert suggested.diagnose
    if playbook:
        assert suggested.parameters == parameters


def test_when_the_device_refuses_the_better_one_the_next_is_proposed():
    narrower = suggest(facts("service_failed", "service", "web", causes=(FILE,))).narrower
    assert (narrower.playbook, narrower.parameters) == ("service.start", WEB)


def test_of_several_names_that_fit_none_is_taken():
    two = (found("leak_suspects", "mysq"),)
    names = ("service mysql", "service mysqlrouter")
    suggested = suggest(dataclasses.replace(facts("exhaustion", "memory", "", findings=two), names=names))
    assert suggested.playbook == ""


@pytest.mark.parametrize(
    ("word", "names", "name"),
    [
        ("/", {"root", "data"}, "root"),
        ("/var/lib/app", {"app", "lib-app"}, "lib-app"),
        ("/srv/App.Logs", {"app-logs"}, "app-logs"),
        ("nginx.service", {"nginx", "service"}, "nginx"),
        ("../../etc", {"etc"}, "etc"),
        ("/var", {"data"}, ""),
    ],
)
def test_names_that_are_worded_like_a_path(word, names, name):
    assert alike(word, names) == name


def alerts() -> list[tuple[str, str]]:
    """Every kind of alert there can be, with its resource."""
    notices = [(code.removeprefix("E_").lower(), "") for code in SEVERITY]
    rules = [(rule.name, rule.resource) for rule in RULES.values()]
    return [*rules, *notices, *(("exhaustion", kind.resource) for kind in KINDS), ("silent", ""), ("anomaly", "")]


@pytest.mark.parametrize(("kind", "resource"), alerts())
def test_every_alert_has_a_playbook_or_a_reason_why_not(kind, resource):
    """Whatever a device is like: what looks needs no name that its policy might not have, but for what is named."""
    if kind in NOBODY_LOOKS:
        assert shipped_library().matching(kind, resource) == []
        return
    thing = {"folder": "app-logs", "certificate": "site", "database": "orders connections"}.get(resource, "x")
    suggested = suggest(facts(kind, resource, thing))
    assert suggested is not None
    assert [check for check in suggested.diagnose if check.check != "recent_changes"]


def test_every_playbook_matches_alerts_that_exist():
    known = set(alerts())
    for playbook in shipped_library().playbooks.values():
        for match in playbook.matches:
            assert any(match.alert == kind and match.resource in {"", resource} for kind, resource in known), playbook
