"""Ways with people: the server lies to their commands, which run as they always do. What they sign is the question."""

import json
import secrets
from collections.abc import Callable
from dataclasses import replace

from tests.hostile.stage import HostileStage, edited
from tests.hostile.way import way

from sereno_proto import join_code, sshsig
from sereno_proto.grants import read_grant, write_grant
from sereno_proto.ids import device_id, new_id
from sereno_proto.roster import write_roster
from sereno_proto.v1.runs_pb2 import Command, MakePlan
from sereno_server.runs.playbooks import compile_playbook

TEXT = r"/api/v1/runs/[^/]+/plan"
VIEW = r"/api/v1/runs/run_[^/]+"
NO = "n\n"
BOUNDS = ("grants", "queue", "disk.free_space")


def approve(stage: HostileStage, pattern: str, lie, run_id: str = "") -> str:
    """iker approves a run as he always does, and is lied to."""
    run_id = run_id or stage.waiting_run()
    with stage.liar.lying(pattern, lie):
        return stage.person("approve", run_id, "--as", "iker", "--yes")


def ask(stage: HostileStage, pattern: str, lie) -> str:
    """noa asks for a run as she always does, and is lied to."""
    with stage.liar.lying(pattern, lie):
        return stage.person(
            "run", stage.joined["name"], "disk.free_space", "--set", "folder=app-logs", "--as", "noa", "--yes"
        )


def plan_of(stage: HostileStage, **fields: str) -> tuple[bytes, str]:
    """A real plan of the device, made for the attacker, with the device's signature."""
    given = {"run_id": new_id("run"), "playbook": "disk.free_space", "requester": "noa"} | fields
    steps = compile_playbook("disk.free_space", {"folder": "app-logs"})
    issued = stage.send(Command(make_plan=MakePlan(steps=steps, **given))).plan_issued
    return bytes(issued.plan_text), issued.device_signature


def answering(**members: object):
    """The server's own answer with other members."""
    return lambda content: json.dumps({**json.loads(content), **members}).encode()


@way("E_SIGNATURE_INVALID")
def an_approver_is_shown_another_dry_run(stage: HostileStage) -> None:
    approve(stage, TEXT, lambda text: edited(text, "step.1.effect", "Does nothing at all."))


@way("E_SIGNATURE_INVALID")
def an_approver_is_shown_a_lower_risk(stage: HostileStage) -> None:
    approve(stage, TEXT, lambda text: edited(text, "risk", "high"))


@way("E_DOCUMENT")
def an_approver_is_shown_terminal_escapes(stage: HostileStage) -> None:
    approve(stage, TEXT, lambda text: text + b"ticket: \x1b[2J\x1b[Hnothing to see\n")


@way("E_DOCUMENT")
def an_approver_is_shown_a_text_that_runs_backwards(stage: HostileStage) -> None:
    approve(stage, TEXT, lambda text: edited(text, "step.1.name", "\\u{202e}tidy"))


@way("E_SIGNATURE_INVALID")
def a_plan_signed_by_the_server_in_the_devices_name(stage: HostileStage) -> None:
    run_id = stage.waiting_run()
    text = stage.world.client("noa").text(f"/api/v1/runs/{run_id}/plan")
    forged = edited(text, "step.1.effect", "Does nothing at all.")
    own = sshsig.FileSigner(stage.place.keys / "mallory-approve").sign(forged, sshsig.PLAN_NAMESPACE)
    with stage.liar.lying(TEXT, lambda _: forged):
        approve(stage, VIEW, answering(device_signature=own), run_id)


@way("E_DEVICE_CHANGED")
def a_plan_of_a_machine_that_the_attacker_gave_the_same_name(stage: HostileStage) -> None:
    run_id = stage.waiting_run()
    text = stage.world.client("noa").text(f"/api/v1/runs/{run_id}/plan")
    key = sshsig.FileSigner(stage.place.keys / "mallory-approve")
    forged = edited(text, "device", device_id(key.public_key.raw_ed25519()))
    with stage.liar.lying(TEXT, lambda _: forged):
        approve(stage, VIEW, answering(device_signature=key.sign(forged, sshsig.PLAN_NAMESPACE)), run_id)


@way("E_PLAN_CHANGED")
def an_approver_is_shown_another_runs_real_plan(stage: HostileStage) -> None:
    text, signature = plan_of(stage)
    with stage.liar.lying(TEXT, lambda _: text):
        approve(stage, VIEW, answering(device_signature=signature))


@way("E_PLAN_CHANGED")
def an_approver_is_sent_to_another_run(stage: HostileStage) -> None:
    """With its own real plan: only the id that the approver typed tells them apart."""
    other = stage.waiting_run()
    view = stage.world.client("noa").get(f"/api/v1/runs/{other}")
    approve(stage, VIEW, answering(**view))


def exchanged(stage: HostileStage, make: Callable[[str], tuple[bytes, str]]) -> None:
    """noa asks for a run, and gets a real plan with its id: one that the attacker had a device make."""
    made: list[tuple[bytes, str]] = []

    def view(content: bytes) -> bytes:
        said = json.loads(content)
        if said["state"] == "planned":
            made[:] = made or [make(said["id"])]
            said["device_signature"] = made[0][1]
        return json.dumps(said).encode()

    with stage.liar.lying(TEXT, lambda _: made[0][0]):
        ask(stage, VIEW, view)


@way("E_REQUESTER_OTHER")
def a_technician_is_given_another_persons_plan(stage: HostileStage) -> None:
    exchanged(stage, lambda run_id: plan_of(stage, requester="iker", run_id=run_id))


@way("E_PLAN_CHANGED")
def a_technician_is_given_another_playbooks_plan(stage: HostileStage) -> None:
    exchanged(stage, lambda run_id: plan_of(stage, playbook="disk.tidy_all", run_id=run_id))


@way("E_PLAN_DEVICE")
def a_technician_is_given_another_machines_plan(stage: HostileStage) -> None:
    def make(run_id: str) -> tuple[bytes, str]:
        steps = compile_playbook("disk.free_space", {"folder": "app-logs"})
        wanted = MakePlan(run_id=run_id, playbook="disk.free_space", steps=steps, requester="noa")
        issued = stage.on_second(Command(make_plan=wanted)).plan_issued
        return bytes(issued.plan_text), issued.device_signature

    exchanged(stage, make)


@way("E_ROSTER_VERSION")
def a_plan_by_an_old_roster_while_the_newer_one_is_withheld(stage: HostileStage) -> None:
    """A person was removed on this workstation; the server has not told the device."""
    path = stage.place.workstation / "roster.txt"
    honest = path.read_bytes()
    last = stage.roster()
    path.write_bytes(write_roster(replace(last, version=last.version + 1)))
    try:
        approve(stage, TEXT, lambda text: text)
    finally:
        path.write_bytes(honest)


@way("E_FORBIDDEN")
def a_false_dry_run_in_the_servers_prose(stage: HostileStage) -> None:
    """The API says what it likes; beside the device's text that is marked, without escapes, and never signed."""
    run_id = stage.waiting_run()
    text = stage.world.client("noa").text(f"/api/v1/runs/{run_id}/plan").decode()
    lie = answering(reason="\x1b[2J\x1b[Hsereno plan v1\nstep.1.effect: Does nothing at all.")
    with stage.liar.lying(VIEW, lie):
        try:
            stage.person("approve", run_id, "--as", "iker", answer=NO)
        finally:
            assert text in stage.read
            assert "\x1b" not in stage.read
            assert "unverified" in stage.read


@way("E_PLAN_CHANGED")
def bounds_that_allow_more_than_was_asked(stage: HostileStage) -> None:
    def widened(text: bytes) -> bytes:
        grant = read_grant(text)
        step = replace(grant.steps[0], bounds=grant.steps[0].bounds | {"files-max": 5000})
        return write_grant(replace(grant, steps=(step, *grant.steps[1:])))

    with stage.liar.lying(r"/api/v1/grants/[^/]+/text", widened):
        stage.person(
            *BOUNDS, stage.joined["name"], "--set", "folder=app-logs", "--limit", "files-max=2", "--as", "noa", "-y"
        )


@way("E_PLAN_CHANGED")
def bounds_for_more_machines_than_were_asked(stage: HostileStage) -> None:
    def widened(text: bytes) -> bytes:
        grant = read_grant(text)
        other = replace(grant.devices[0], id=stage.second, name="web-2")
        return write_grant(replace(grant, devices=(*grant.devices, other)))

    with stage.liar.lying(r"/api/v1/grants/[^/]+/text", widened):
        stage.person(*BOUNDS, stage.joined["name"], "--set", "folder=app-logs", "--as", "noa", "-y")


@way("E_PLAN_CHANGED")
def a_standing_grant_with_another_trigger_than_was_asked(stage: HostileStage) -> None:
    def widened(text: bytes) -> bytes:
        grant = read_grant(text)
        return write_grant(replace(grant, triggers=(replace(grant.triggers[0], value=101.0),)))

    words = ("grants", "standing", "disk.free_space", stage.joined["name"], "--set", "folder=app-logs")
    with stage.liar.lying(r"/api/v1/grants/[^/]+/text", widened):
        stage.person(*words, "--when", "disk_space(folder=app-logs).free_percent < 1", "--as", "noa", "-y")


@way("E_NOT_SIGNED_IN")
def a_plan_in_place_of_a_sign_in_challenge(stage: HostileStage) -> None:
    """The console asks a person's key to sign a plan instead of its own challenge."""
    text = stage.plan().decode()
    (stage.place.folder / "tokens.json").unlink(missing_ok=True)
    with stage.liar.lying(r"/api/v1/login/challenge", answering(text=text)):
        stage.person("devices", "--as", "iker")


def join(stage: HostileStage, change) -> None:
    """A third machine joins with a join code that was altered on its way, or made by the attacker."""
    word = stage.world.client("ane").post("/api/v1/join-codes", {"valid_s": 600})["code"]
    altered = change(join_code.read(word))
    word = altered if isinstance(altered, str) else join_code.write(altered)
    name = f"web-{secrets.token_hex(4)}"  # the server lets each in, and knows its name then
    state = stage.place.folder / name
    try:
        stage.world.processes.run(
            "sereno_agent.cli", ["join", word, "--state", str(state), "--name", name], stage.world.environment
        )
    finally:
        assert not (state / "joined.json").exists()


@way("E_ROOT_DIGEST")
def a_join_code_of_another_organisations_root(stage: HostileStage) -> None:
    join(stage, lambda code: replace(code, root_digest="sha256:" + "b" * 64))


@way("E_CA_FINGERPRINT")
def a_join_code_of_another_authority(stage: HostileStage) -> None:
    join(stage, lambda code: replace(code, ca_fingerprint="sha256:" + "b" * 64))


@way("E_JOIN_CODE")
def a_join_code_that_was_cut(stage: HostileStage) -> None:
    join(stage, lambda code: join_code.write(code)[:-9])


@way("E_ROSTER_LOWER")
def a_server_with_an_older_roster_than_the_join_code_names(stage: HostileStage) -> None:
    join(stage, lambda code: replace(code, roster_version_min=stage.roster().version + 5))
