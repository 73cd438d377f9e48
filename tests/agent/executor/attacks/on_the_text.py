"""Attacks on what was signed: edited, never issued, another device's, expired, replayed, another form."""

from dataclasses import replace
from datetime import timedelta

from tests.agent.executor.attacks.attack import add_line, attack, rewrite
from tests.agent.executor.house import House

from sereno_proto.plan import read_plan, write_plan
from sereno_proto.roster import write_roster


@attack("E_PLAN_CHANGED")
def edited_after_signing(house):
    text = house.plan()
    signatures = house.request(text), house.approve(text)
    return house.execute(rewrite(text, "step.1.bound.bytes-removed-max", "1000000"), *signatures)


@attack("E_PLAN_CHANGED")
def edited_before_signing(house):
    text = rewrite(house.plan(), "step.1.effect", "Does nothing at all.")
    return house.execute_signed(text)


@attack("E_RISK_DOWNGRADED")
def downgraded_risk(house):
    text = rewrite(rewrite(house.plan(), "risk", "low"), "step.1.risk", "low")
    return house.execute(text, house.request(text), house.approve(text, "noa-0-approve"))


@attack("E_RISK_DOWNGRADED")
def downgraded_risk_of_the_whole(house):
    text = rewrite(house.plan(), "risk", "low")
    return house.execute(text, house.request(text), house.approve(text, "noa-0-approve"))


@attack("E_PLAN_UNKNOWN")
def a_plan_the_device_never_issued(house):
    plan = read_plan(house.plan())
    return house.execute_signed(write_plan(replace(plan, id="pln_" + "0" * 32, nonce="0" * 32)))


@attack("E_PLAN_UNKNOWN")
def a_plan_the_device_dropped(house):
    text = house.plan()
    house.folders.plans.joinpath(read_plan(text).id + ".plan").unlink()
    return house.execute_signed(text)


@attack("E_PLAN_DEVICE")
def another_devices_plan(house):
    other = House(house.folder, house.keys, "web-2")
    return house.execute_signed(other.plan())


@attack("E_PLAN_DEVICE")
def another_organisations_plan(house):
    text = rewrite(house.plan(), "organisation", "org_" + "a" * 32)
    return house.execute_signed(text)


@attack("E_PLAN_EXPIRED")
def expired(house):
    text = house.plan()
    house.now_ms += 1_800_000
    return house.execute_signed(text)


@attack("E_CLOCK_BACK")
def expired_and_the_clock_turned_back(house):
    text = house.plan()
    house.now_ms += 1_800_000
    house.execute_signed(text)
    house.now_ms -= 1_000_000
    return house.execute_signed(text)


@attack("E_PLAN_CHANGED")
def a_prolonged_life(house):
    text = house.plan()
    plan = read_plan(text)
    later = write_plan(
        replace(plan, issued=plan.issued + timedelta(hours=1), expires=plan.expires + timedelta(hours=1))
    )
    house.now_ms += 1_800_000
    return house.execute_signed(later)


@attack("E_PLAN_REPLAYED")
def replayed(house):
    text = house.plan()
    house.execute_signed(text)
    house.workers.applied.clear()
    return house.execute_signed(text)


@attack("E_PLAN_REPLAYED")
def replayed_after_a_restart(house):
    text = house.plan()
    house.execute_signed(text)
    house.workers.applied.clear()
    house.start()
    return house.execute_signed(text)


@attack("E_FIELD_REPEATED")
def a_repeated_field(house):
    text = add_line(house.plan(), "risk: low")
    return house.execute_signed(text)


@attack("E_FIELD_UNKNOWN")
def an_unknown_field(house):
    text = add_line(house.plan(), "step.1.shell: rm -rf /")
    return house.execute_signed(text)


@attack("E_DOCUMENT")
def a_step_hidden_by_another_order(house):
    lines = house.plan().decode().splitlines()
    text = "\n".join([*lines[:-1][:5], lines[-1], *lines[5:-1]]) + "\n"
    return house.execute_signed(text.encode())


@attack("E_DOCUMENT_KIND")
def another_kind_of_document(house):
    text = write_roster(house.roster)
    return house.execute_signed(text)


@attack("E_LIMIT")
def a_text_without_end(house):
    text = house.plan() + b"note: x\n" * 40_000
    return house.execute_signed(text)
