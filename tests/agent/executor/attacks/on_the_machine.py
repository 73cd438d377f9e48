"""Attacks on what is done: targets, policy, the actions' code, lockdown."""

from tests.agent.executor.attacks.attack import attack
from tests.agent.executor.house import step

from sereno_proto.v1.runs_pb2 import MakePlan


@attack("E_TARGET_DRIFTED")
def a_target_swapped_after_the_plan(house):
    text = house.plan()
    copy = house.log.read_bytes()
    house.log.rename(house.log.with_suffix(".old"))
    house.log.write_bytes(copy)
    return house.execute_signed(text)


@attack("E_TARGET_DRIFTED")
def a_target_replaced_by_a_link(house):
    text = house.plan()
    house.log.rename(house.log.with_suffix(".old"))
    house.log.symlink_to(house.log.with_suffix(".old"))
    return house.execute_signed(text)


@attack("E_TARGET_DRIFTED")
def a_target_changed_after_the_plan(house):
    text = house.plan()
    with house.log.open("ab") as file:
        file.write(b"more")
    return house.execute_signed(text)


@attack("E_POLICY_FORBIDS")
def a_policy_that_forbids(house):
    house.write_policy("tidy")
    return house.make_plan()


@attack("E_POLICY_CHANGED")
def a_policy_that_forbids_since_the_plan(house):
    text = house.plan()
    house.write_policy("tidy")
    return house.execute_signed(text)


@attack("E_POLICY_INVALID")
def no_policy(house):
    text = house.plan()
    house.folders.policy.unlink()
    return house.execute_signed(text)


@attack("E_POLICY_INVALID")
def a_broken_policy(house):
    house.folders.policy.write_text("[actions\n")
    return house.make_plan()


@attack("E_OUTSIDE_POLICY")
def a_watch_path_outside_the_policy(house):
    return house.make_plan(step("rotate", "rotate_logs", parameters={"folder": "/etc"}))


@attack("E_ACTION_UNKNOWN")
def an_action_of_the_servers_own(house):
    return house.make_plan(step("run", "run_shell"))


@attack("E_ACTION_CODE")
def the_actions_code_changed_since_the_plan(house):
    text = house.plan()
    house.catalogue.version = "2"
    return house.execute_signed(text)


@attack("E_RISK_DOWNGRADED")
def the_actions_risk_rose_since_the_plan(house):
    text = house.plan()
    house.catalogue.risks["rotate_logs"] = "high"
    return house.execute_signed(text)


@attack("E_LOCKDOWN")
def lockdown(house):
    text = house.plan()
    house.folders.lockdown.touch()
    return house.execute_signed(text)


@attack("E_LOCKDOWN")
def a_dry_run_in_lockdown(house):
    house.folders.lockdown.touch()
    return house.make_plan()


@attack("E_DOCUMENT")
def a_run_id_that_forges_lines(house):
    return house.make_plan(run_id="run_1\nrisk: low")


@attack("E_LIMIT")
def a_plan_without_steps(house):
    return house.command(make_plan=MakePlan(run_id="run_1", playbook="x", requester="server"))


@attack("E_BAD_REQUEST")
def a_command_for_the_core(house):
    return house.command(run_check={"check": "disk_space"})
