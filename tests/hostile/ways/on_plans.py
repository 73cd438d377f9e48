"""Ways with plans and signatures: other purposes, other hands, other texts, and texts that hide what they say."""

import time
from datetime import UTC, datetime

from tests.hostile.stage import HostileStage, edited
from tests.hostile.way import way

from sereno_proto import sshsig
from sereno_proto.ids import new_id
from sereno_proto.plan import read_plan
from sereno_proto.v1.runs_pb2 import Command, MakePlan, Signature, Step
from sereno_server.runs.playbooks import compile_playbook

FOLDER = {"folder": "app-logs"}


def asked(stage: HostileStage, *steps: Step, **fields: str) -> None:
    """A dry run of the server's own making."""
    given = {"run_id": new_id("run"), "playbook": "disk.free_space", "requester": "noa"} | fields
    stage.send(Command(make_plan=MakePlan(steps=steps, **given)))


def tidy(name: str = "tidy", **parameters: str) -> Step:
    return Step(name=name, action="remove_old_files", parameters=parameters or FOLDER)


@way("E_PLAN_EXPIRED", after=True)
def signatures_kept_until_the_plan_expired(stage: HostileStage) -> None:
    left = read_plan(stage.early[0]).expires - datetime.now(UTC)
    time.sleep(max(left.total_seconds(), 0) + 1)  # on a quick machine the other ways take less than a plan lives
    stage.execute(*stage.early)


@way("E_SIGNATURE_INVALID")
def an_approval_of_another_plan(stage: HostileStage) -> None:
    other = stage.make_plan()
    stage.approve_with(stage.sign(other, "approve", "iker").armored, stage.sign(other, "approve", "ane"))


@way("E_KEY_UNKNOWN")
def the_root_key_as_an_approver(stage: HostileStage) -> None:
    text = stage.plan()
    armored = sshsig.FileSigner(stage.place.keys / "root").sign(text, sshsig.APPROVE_NAMESPACE)
    stage.approve_with(armored, text=text)


@way("E_KEY_UNKNOWN")
def the_second_machine_approves(stage: HostileStage) -> None:
    text = stage.plan()
    key = stage.place.folder / "agent-2" / "identity" / "identity.key"
    stage.approve_with(sshsig.FileSigner(key).sign(text, sshsig.APPROVE_NAMESPACE), text=text)


@way("E_NAMESPACE")
def a_sign_in_at_the_console_as_an_approval(stage: HostileStage) -> None:
    stage.approve_with(stage.signed(stage.plan(), sshsig.LOGIN_NAMESPACE, "iker"))


@way("E_NAMESPACE")
def a_signature_for_git_as_an_approval(stage: HostileStage) -> None:
    stage.approve_with(stage.signed(stage.plan(), "git", "iker"))


@way("E_NAMESPACE")
def an_approval_of_bounds_as_an_approval_of_a_plan(stage: HostileStage) -> None:
    stage.approve_with(stage.signed(stage.plan(), sshsig.BOUNDS_APPROVE_NAMESPACE, "iker"))


@way("E_NAMESPACE")
def a_purpose_of_the_servers_own(stage: HostileStage) -> None:
    text = stage.plan()
    approval = stage.sign(text, "approve", "iker")
    stage.execute(text, [stage.sign(text, "request", "noa"), Signature(purpose="witness", armored=approval.armored)])


@way("E_SIGNATURE_FORMAT")
def words_instead_of_a_signature(stage: HostileStage) -> None:
    stage.approve_with("iker said yes")


@way("E_LIMIT")
def more_signatures_than_anybody_reads(stage: HostileStage) -> None:
    text = stage.plan()
    stage.execute(text, [stage.sign(text, "request", "noa")] * 17)


@way("E_APPROVALS_TOO_FEW")
def one_signature_twice(stage: HostileStage) -> None:
    text = stage.plan()
    approval = stage.sign(text, "approve", "iker")
    stage.execute(text, [stage.sign(text, "request", "noa"), approval, approval])


@way("E_REQUESTER_OTHER")
def a_request_that_another_person_signed(stage: HostileStage) -> None:
    text = stage.plan()
    stage.execute(text, [stage.sign(text, "request", "iker"), stage.sign(text, "approve", "ane")])


@way("E_PLAN_DEVICE")
def the_second_machines_real_plan(stage: HostileStage) -> None:
    """Issued and signed by a real device, and by all the people it needs: for that device."""
    wanted = MakePlan(
        run_id=new_id("run"),
        playbook="disk.free_space",
        steps=compile_playbook("disk.free_space", FOLDER),
        requester="noa",
    )
    text = bytes(stage.on_second(Command(make_plan=wanted)).plan_issued.plan_text)
    stage.execute(text, stage.all_signatures(text))


@way("E_PLAN_UNKNOWN")
def a_plan_that_the_server_had_dropped(stage: HostileStage) -> None:
    text = stage.make_plan()
    signatures = stage.all_signatures(text)
    stage.send(Command(drop_plan={"plan_id": read_plan(text).id}))
    stage.execute(text, signatures)


@way("E_PLAN_CHANGED")
def a_bound_raised_after_signing(stage: HostileStage) -> None:
    text = stage.plan()
    bound = next(line for line in text.decode().splitlines() if ".bound.bytes-removed-max: " in line)
    stage.execute(edited(text, bound.partition(":")[0], "99999999999"), stage.all_signatures(text))


@way("E_PLAN_CHANGED")
def a_sentence_edited_before_signing(stage: HostileStage) -> None:
    text = edited(stage.plan(), "step.1.effect", "Does nothing at all.")
    stage.execute(text, stage.all_signatures(text))


@way("E_DOCUMENT_KIND")
def a_roster_sent_as_a_plan(stage: HostileStage) -> None:
    text = (stage.place.workstation / "roster.txt").read_bytes()
    stage.execute(text, stage.all_signatures(text))


@way("E_DOCUMENT")
def lines_in_another_order(stage: HostileStage) -> None:
    lines = stage.plan().splitlines(keepends=True)
    text = b"".join([*lines[:3], lines[-1], *lines[3:-1]])
    stage.execute(text, stage.all_signatures(text))


@way("E_DOCUMENT")
def a_plan_with_terminal_escapes(stage: HostileStage) -> None:
    """Bytes that would move the cursor and paint over the lines before."""
    text = stage.plan() + b"step.1.effect: \x1b[2J\x1b[HNothing\n"
    stage.execute(text, stage.all_signatures(text))


@way("E_DOCUMENT")
def a_plan_with_bidirectional_marks(stage: HostileStage) -> None:
    text = edited(stage.plan(), "step.1.effect", "Removes \\u{202e}gol.ppa")
    stage.execute(text, stage.all_signatures(text))


@way("E_LIMIT")
def a_plan_without_end(stage: HostileStage) -> None:
    text = stage.plan() + b"note: x\n" * 40_000
    stage.execute(text, stage.all_signatures(text))


@way("E_DOCUMENT")
def a_step_whose_name_reverses_the_text(stage: HostileStage) -> None:
    asked(stage, tidy("remove \N{RIGHT-TO-LEFT OVERRIDE}logs"))


@way("escaped in the text that people sign")
def a_step_whose_name_holds_terminal_escapes(stage: HostileStage) -> str:
    """The name is the server's to choose, so the device writes it down, harmless and visible."""
    text = stage.make_plan(steps=[tidy("\x1b]0;owned\x07\x1b[8mtidy")])
    stage.send(Command(drop_plan={"plan_id": read_plan(text).id}))
    shown = b"step.1.name: \\u{1b}]0;owned\\u{7}\\u{1b}[8mtidy\n" in text
    return "escaped in the text that people sign" if shown and b"\x1b" not in text else ""


@way("E_LIMIT")
def a_step_whose_name_tells_a_story(stage: HostileStage) -> None:
    asked(stage, tidy("this was approved by the board, sign at once " * 10))


@way("E_DOCUMENT")
def a_run_id_that_forges_lines(stage: HostileStage) -> None:
    asked(stage, tidy(), run_id="run_1\nrisk: low")


@way("E_DOCUMENT")
def a_playbook_name_that_forges_lines(stage: HostileStage) -> None:
    asked(stage, tidy(), playbook="disk.free_space\nrisk: low")


@way("E_LIMIT")
def a_plan_of_no_steps(stage: HostileStage) -> None:
    asked(stage)


@way("E_LIMIT")
def a_plan_of_too_many_steps(stage: HostileStage) -> None:
    asked(stage, *[tidy()] * 33)


@way("E_PARAMETER")
def a_step_that_is_check_and_action(stage: HostileStage) -> None:
    asked(stage, Step(name="both", check="disk_space", action="remove_old_files", parameters=FOLDER))


@way("E_ACTION_UNKNOWN")
def an_action_of_the_servers_own(stage: HostileStage) -> None:
    asked(stage, Step(name="run", action="run_shell", parameters={"command": "id"}))


@way("E_ACTION_UNKNOWN")
def an_action_named_by_a_path(stage: HostileStage) -> None:
    asked(stage, Step(name="run", action="../../tmp/evil", parameters={}))
