"""Ways with what an action or check is given: paths, options, newlines, hosts, arguments; and with targets on disk."""

from pathlib import Path

from tests.hostile.stage import HostileStage, afterwards, changed_policy
from tests.hostile.way import way
from tests.hostile.ways.on_plans import FOLDER, asked, tidy

from sereno_proto.v1.runs_pb2 import Step


@way("E_PARAMETER")
def a_folder_above_the_allowed_one(stage: HostileStage) -> None:
    asked(stage, tidy(folder="app-logs/../.."))


@way("E_PARAMETER")
def an_argument_that_looks_like_an_option(stage: HostileStage) -> None:
    asked(stage, tidy(folder="--no-preserve-root"))


@way("E_PARAMETER")
def a_unit_name_with_a_newline(stage: HostileStage) -> None:
    step = Step(name="restart", action="restart_service", parameters={"service": "nginx.service\nssh.service"})
    changed_policy(
        stage, lambda text: text.replace("allow = [", 'allow = ["restart_service", '), lambda: asked(stage, step)
    )


@way("E_PARAMETER")
def a_unit_instead_of_the_policys_name_for_it(stage: HostileStage) -> None:
    stage.check("service", service="ssh.service")


@way("E_PARAMETER")
def a_parameter_that_the_action_does_not_know(stage: HostileStage) -> None:
    asked(stage, tidy(**FOLDER, command="id"))


@way("E_VERSION_UNKNOWN")
def content_that_only_the_server_has(stage: HostileStage) -> None:
    parameters = {"file": "app-config", "digest": "sha256:" + "e" * 64}
    asked(stage, Step(name="put back", action="restore_file", parameters=parameters))


@way("E_PARAMETER")
def a_digest_that_is_a_path(stage: HostileStage) -> None:
    asked(stage, Step(name="put back", action="restore_file", parameters={"file": "app-config", "digest": "../../id"}))


@way("E_POLICY_FORBIDS")
def another_action_than_the_policy_allows(stage: HostileStage) -> None:
    asked(stage, Step(name="kill", action="kill_process", parameters={"process": "app"}))


@way("E_OUTSIDE_POLICY")
def a_folder_under_a_name_that_the_policy_has_not(stage: HostileStage) -> None:
    asked(stage, tidy(folder="home"))


@way("E_TARGET_DRIFTED")
def a_target_replaced_by_a_link(stage: HostileStage) -> None:
    """To a file that the machine's owner would miss."""
    text = stage.make_plan()
    signatures = stage.all_signatures(text)
    target = stage.place.app_logs / "app.log.2"
    precious = stage.place.folder / "precious"
    precious.write_bytes(target.read_bytes())
    target.unlink()
    target.symlink_to(precious)
    with afterwards(stage, target.unlink):
        stage.execute(text, signatures)


@way("E_TARGET_DRIFTED")
def a_target_replaced_by_a_hard_link(stage: HostileStage) -> None:
    text = stage.make_plan()
    signatures = stage.all_signatures(text)
    target = stage.place.app_logs / "app.log.3"
    precious = stage.place.folder / "precious-too"
    precious.write_bytes(target.read_bytes())
    target.unlink()
    target.hardlink_to(precious)
    with afterwards(stage, target.unlink):
        stage.execute(text, signatures)


@way("E_TARGET_DRIFTED")
def a_target_with_other_bytes(stage: HostileStage) -> None:
    text = stage.make_plan()
    signatures = stage.all_signatures(text)
    with (stage.place.app_logs / "app.log.1").open("ab") as file:
        file.write(b"one more line\n")
    stage.execute(text, signatures)


@way("E_OUTSIDE_POLICY")
def the_whole_folder_replaced_by_a_link(stage: HostileStage) -> None:
    text = stage.make_plan()
    signatures = stage.all_signatures(text)
    logs = stage.place.app_logs
    aside = logs.with_name("logs-aside")
    logs.rename(aside)
    logs.symlink_to(aside)
    with afterwards(stage, lambda: (logs.unlink(), aside.rename(logs))):
        stage.execute(text, signatures)


@way("E_OUTSIDE_POLICY")
def a_link_in_the_allowed_folder_before_the_plan(stage: HostileStage) -> None:
    logs = stage.place.app_logs
    aside = logs.with_name("logs-aside")
    logs.rename(aside)
    logs.symlink_to(aside)
    with afterwards(stage, lambda: (logs.unlink(), aside.rename(logs))):
        asked(stage, tidy())


@way("E_PROTECTED_PATH")
def serenos_own_folder_under_a_name_of_a_careless_policy(stage: HostileStage) -> None:
    logs, own = stage.place.app_logs.resolve(), stage.place.agent.resolve()
    changed_policy(stage, lambda text: text.replace(f'"{logs}"', f'"{own / "plans"}"'), lambda: asked(stage, tidy()))


@way("E_POLICY_INVALID")
def a_plan_while_the_policy_is_gone(stage: HostileStage) -> None:
    path, aside = stage.place.agent / "policy.toml", Path(f"{stage.place.agent / 'policy.toml'}.aside")
    text = stage.make_plan()
    signatures = stage.all_signatures(text)
    path.rename(aside)
    with afterwards(stage, lambda: aside.rename(path)):
        stage.execute(text, signatures)


# --- checks: they only read, and only what the policy names -----------------------------------------------------------


@way("E_CHECK_UNKNOWN")
def a_check_of_the_servers_own(stage: HostileStage) -> None:
    stage.check("read_file", path="/etc/shadow")


@way("E_OUTSIDE_POLICY")
def a_host_that_the_policy_does_not_name(stage: HostileStage) -> None:
    stage.check("dns_resolution", host="metadata")


@way("E_PARAMETER")
def a_host_by_its_address(stage: HostileStage) -> None:
    stage.check("host_reachable", host="169.254.169.254")


@way("E_OUTSIDE_POLICY")
def a_url_that_the_policy_does_not_name(stage: HostileStage) -> None:
    stage.check("http_probe", url="intranet")


@way("E_PARAMETER")
def a_url_in_full(stage: HostileStage) -> None:
    stage.check("http_probe", url="http://169.254.169.254/latest/meta-data")


@way("E_OUTSIDE_POLICY")
def a_plugin_that_the_policy_does_not_name(stage: HostileStage) -> None:
    stage.check("plugin", plugin="check-by-ssh")


@way("E_PARAMETER")
def an_argument_for_a_plugin(stage: HostileStage) -> None:
    stage.check("plugin", plugin="load", arguments="; id")


@way("E_PARAMETER")
def a_pattern_for_a_log(stage: HostileStage) -> None:
    stage.check("log_errors", log="app", pattern="(a+)+$")


@way("E_PARAMETER")
def a_number_that_is_none(stage: HostileStage) -> None:
    stage.check("recent_changes", hours="nan")


@way("E_PARAMETER")
def a_number_without_bound(stage: HostileStage) -> None:
    stage.check("recent_changes", hours="99999999999")
