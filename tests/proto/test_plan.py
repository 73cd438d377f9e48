"""The plan's text: every plan has one, and only that text reads as it."""

import string
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sereno_proto.documents import BIDI
from sereno_proto.errors import BadInput, SerenoError
from sereno_proto.plan import Plan, read_plan, write_plan
from sereno_proto.planned_step import COMPARISONS, RISKS, SUBJECT_KINDS, PlannedStep, Require, Subject, Target, highest

NOW = datetime(2026, 11, 21, 20, 0, 0, tzinfo=UTC)
DIGEST = "sha256:" + "0" * 64

names = st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True)
texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="".join(BIDI)), max_size=60)
lines = texts.filter(bool)
digests = st.text("0123456789abcdef", min_size=64, max_size=64).map(lambda text: f"sha256:{text}")
plain = st.text(string.ascii_letters + string.digits + "._:/@+-", min_size=1, max_size=20)
counts = st.integers(0, 10**15)
subjects = st.builds(
    Subject,
    kind=st.sampled_from(SUBJECT_KINDS),
    name=st.from_regex(r"[A-Za-z0-9._:@+~/=\\-]{1,40}", fullmatch=True),
    before=st.from_regex(r"[A-Za-z0-9._:@+~/=,%-]{1,40}", fullmatch=True),
    after=st.from_regex(r"[A-Za-z0-9._:@+~/=,%-]{1,40}", fullmatch=True),
)
targets = st.builds(
    Target,
    path=texts.map(lambda text: "/" + text),
    inode=counts,
    before=digests | st.sampled_from(["absent", "growing", "stat:12:34"]),
    after=digests | st.sampled_from(["absent", "truncated", "archive"]),
    bytes_max=counts,
)
requires = st.builds(
    Require,
    check=names,
    parameters=st.dictionaries(names, plain, max_size=3),
    figure=names,
    comparison=st.sampled_from(COMPARISONS),
    value=st.floats(allow_nan=False, allow_infinity=False),
    within_s=st.integers(0, 600),
)
few = {"max_size": 3}
actions = st.builds(
    PlannedStep,
    name=lines,
    parameters=st.dictionaries(names, texts, **few),
    action=names,
    code=digests,
    risk=st.sampled_from(RISKS),
    effect=texts,
    undo=texts,
    on_failure=st.sampled_from(["undo", "stop", "continue"]),
    targets=st.lists(targets, **few).map(tuple),
    subjects=st.lists(subjects, **few).map(tuple),
    bounds=st.dictionaries(st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True), counts, **few),
    diff=st.lists(lines, **few).map(tuple),
    require=st.lists(requires, **few).map(tuple),
    when=st.lists(requires, **few).map(tuple),
)
checks = st.builds(PlannedStep, name=lines, parameters=st.dictionaries(names, texts, **few), check=names)
PLAN = Plan(
    id="pln_1",
    nonce="0" * 32,
    device_id="dev_a",
    device_name="web-1",
    organisation_id="org_a",
    run_id="run_1",
    ticket_id="tkt_1",
    playbook="disk.free_space",
    requester="noa",
    risk="low",
    roster_version_min=1,
    policy_digest=DIGEST,
    issued=NOW,
    expires=NOW + timedelta(minutes=30),
    steps=(PlannedStep(name="look", parameters={}, check="disk_space"),),
)
plans = st.builds(
    lambda steps, ticket, risk: replace(PLAN, steps=tuple(steps), ticket_id=ticket, risk=risk),
    st.lists(actions | checks, min_size=1, max_size=12),
    st.sampled_from(["", "tkt_2"]),
    st.sampled_from(RISKS),
)


@pytest.mark.slow
@settings(max_examples=15)
@given(plans)
def test_a_plan_reads_back_as_it_was(plan):
    assert read_plan(write_plan(plan)) == plan


@pytest.mark.slow
@settings(max_examples=15)
@given(plans, st.data())
def test_two_texts_are_never_the_same_plan(plan, data):
    text = bytearray(write_plan(plan))
    position = data.draw(st.integers(0, len(text) - 1))
    text[position] ^= data.draw(st.integers(1, 127))
    try:
        assert read_plan(bytes(text)) != plan
    except SerenoError:
        return


@pytest.mark.slow
@settings(max_examples=15)
@given(plans, st.data())
def test_lines_that_are_moved_or_left_out_are_refused_or_another_plan(plan, data):
    rows = write_plan(plan).splitlines(keepends=True)
    moved = data.draw(st.permutations(rows))[: data.draw(st.integers(1, len(rows)))]
    if moved == rows:
        return
    try:
        assert read_plan(b"".join(moved)) != plan
    except SerenoError:
        return


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "pln_../x"},
        {"id": "pln_A"},
        {"nonce": "0" * 31},
        {"device_name": "Web 1"},
        {"requester": "no one"},
        {"risk": "none"},
        {"roster_version_min": 0},
        {"policy_digest": "none"},
        {"expires": NOW},
        {"expires": NOW + timedelta(hours=1)},
        {"run_id": "run_1\nrisk: low"},
        {"playbook": "x y"},
        {"steps": ()},
        {"steps": PLAN.steps * 33},
        {"steps": (replace(PLAN.steps[0], action="rotate_logs"),)},
        {"steps": (replace(PLAN.steps[0], check=""),)},
        {"steps": (replace(PLAN.steps[0], targets=(Target("/a", 1, "absent", "absent"),)),)},
        {"steps": (replace(PLAN.steps[0], check="", action="rotate_logs"),)},
        {"steps": (replace(PLAN.steps[0], on_failure="ignore"),)},
        {"steps": (replace(PLAN.steps[0], name="x" * 81),)},
        {"steps": (replace(PLAN.steps[0], parameters={"a b": "c"}),)},
        {"steps": (replace(PLAN.steps[0], require=(Require("c", {"a": "x, b=y"}, "f", ">", 1),)),)},
        {"steps": (replace(PLAN.steps[0], require=(Require("c", {}, "f", "=~", 1),)),)},
        {"steps": (replace(PLAN.steps[0], require=(Require("c", {}, "f", ">", float("nan")),)),)},
        {"steps": (replace(PLAN.steps[0], require=(Require("c", {}, "f", ">", 1, 601),)),)},
    ],
)
def test_a_plan_that_makes_no_sense_is_not_written(changes):
    with pytest.raises(SerenoError):
        write_plan(replace(PLAN, **changes))


@pytest.mark.parametrize(
    "target",
    [Target("relative", 1, "absent", "absent"), Target("/a", 1, "x", "absent"), Target("/a", -1, "absent", "absent")],
)
def test_a_target_that_makes_no_sense_is_not_written(target):
    step = PlannedStep("a", {}, action="rotate_logs", code=DIGEST, targets=(target,))
    with pytest.raises(SerenoError):
        write_plan(replace(PLAN, steps=(step,)))


@pytest.mark.parametrize(
    "subject",
    [
        Subject("sudoers", "all", "no", "yes"),
        Subject("service", "nginx.service: failed -> active\nname", "a", "b"),
        Subject("service", "nginx service", "failed", "active"),
        Subject("service", "nginx.service", "", "active"),
        Subject("package", "openssl", "3.0.11", "3.0.15 -> 1"),
    ],
)
def test_a_subject_that_makes_no_sense_is_not_written(subject):
    step = PlannedStep("a", {}, action="restart_service", code=DIGEST, subjects=(subject,))
    with pytest.raises(BadInput):
        write_plan(replace(PLAN, steps=(step,)))


def test_a_path_cannot_pass_for_another_target():
    """A file may be called like the rest of a target's line; what comes first is never a file's name."""
    path = "/srv/absent -> truncated, inode 1, at most 5 bytes, /etc/passwd"
    step = PlannedStep("a", {}, action="rotate_logs", code=DIGEST, targets=(Target(path, 7, "absent", "truncated"),))
    plan = replace(PLAN, steps=(step,))
    assert read_plan(write_plan(plan)).steps[0].targets[0].path == path


def test_the_highest_risk_is_the_plans():
    assert highest(()) == "low"
    assert highest(("low", "high", "medium")) == "high"
