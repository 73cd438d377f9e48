"""What the actions plan survives the document that people sign: the device carries out what it reads there again."""

from datetime import UTC, datetime, timedelta

from sereno_playbooks import registry
from sereno_proto.plan import Plan, read_plan, write_plan
from sereno_proto.v1.runs_pb2 import Requirement, Step


def test_planned_steps_are_the_same_after_writing_and_reading(place):
    place.conf.write_bytes("rotate = off\nname = señal \u202e\n".encode())
    on, _ = place.keep_versions(b"rotate = on\n", place.conf.read_bytes())
    for number in range(1, 6):
        place.log(f"app.log.{number}", b"x" * number, age_s=number)
    with (place.logs / "big one.log.é").open("wb") as file:
        file.truncate((64 << 20) + 1)
    place.log("app.log", b"line\n")
    folder = {"folder": "app-logs"}
    require = Requirement(
        check="disk_space", parameters=folder, figure="used_percent", comparison="<", value=70, within_s=30
    )
    steps = (
        place.plan("rotate_logs"),
        place.plan("remove_old_files"),
        place.plan("restore_file", digest=on),
        registry.plan(Step(name="show", check="disk_space", parameters=folder, require=[require]), place.site),
    )
    issued = datetime(2026, 11, 21, 20, tzinfo=UTC)
    plan = Plan(
        id="pln_1",
        nonce="0" * 32,
        device_id="dev_1",
        device_name="till",
        organisation_id="org_1",
        run_id="run_1",
        ticket_id="",
        playbook="disk.free_space",
        requester="server",
        risk="medium",
        roster_version_min=1,
        policy_digest="sha256:" + "0" * 64,
        issued=issued,
        expires=issued + timedelta(minutes=30),
        steps=steps,
    )
    text = write_plan(plan)
    assert read_plan(text).steps == steps
    assert "-name = se\u00f1al \\u202e" in steps[2].diff
    for step in read_plan(text).steps[:3]:
        place.apply(step)
    assert place.conf.read_bytes() == b"rotate = on\n"
