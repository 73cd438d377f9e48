"""What the ledger's verbs say, in the reader's words."""

from sereno_server.reads.words import Words


def deed(verb: str, words: Words) -> str:
    """A sentence's beginning, before `by NAME`; the verb itself where it has none."""
    part, _, _ = verb.partition(".")
    named = {"grant": _of_grants, "run": _of_runs, "ticket": _of_tickets}.get(part, _of_others)(words)
    return named.get(verb, verb)


def _of_grants(words: Words) -> dict[str, str]:
    return {
        "grant.active": words.say("Granted in advance"),
        "grant.denied": words.say("Grant denied"),
        "grant.request": words.say("Grant asked for"),
        "grant.revoked": words.say("Grant taken back"),
        "grant.not_run": words.say("Not carried out in time"),
        "grant.sign": words.say("Grant signed"),
    }


def _of_runs(words: Words) -> dict[str, str]:
    return {
        "run.cancel": words.say("Fix cancelled"),
        "run.cancel_failed": words.say("The machine could not be told to cancel"),
        "run.denied": words.say("Fix denied"),
        "run.executing": words.say("Fix sent to the machine"),
        "run.expired": words.say("Fix expired unsigned"),
        "run.failed": words.say("Fix failed"),
        "run.granted": words.say("Fix begun under a grant"),
        "run.planned": words.say("Plan written by the machine"),
        "run.refused": words.say("Fix refused by the machine"),
        "run.request": words.say("Fix asked for"),
        "run.sign": words.say("Plan signed"),
        "run.started": words.say("Fix begun"),
        "run.step_started": words.say("Step begun"),
        "run.step_done": words.say("Step done"),
        "run.step_skipped": words.say("Step not needed"),
        "run.step_failed": words.say("Step failed"),
        "run.step_reverted": words.say("Step undone"),
        "run.succeeded": words.say("Fix carried out"),
        "run.superseded": words.say("Plan made anew"),
    }


def _of_tickets(words: Words) -> dict[str, str]:
    return {
        "ticket.open": words.say("Ticket opened"),
        "ticket.priority": words.say("Ticket's priority changed"),
        "ticket.rate": words.say("Ticket judged"),
        "ticket.reopen": words.say("Ticket opened again"),
        "ticket.resolve": words.say("Ticket resolved"),
    }


def _of_others(words: Words) -> dict[str, str]:
    return {
        "account.create": words.say("Account made"),
        "alert.open": words.say("Alert raised"),
        "alert.resolve": words.say("Alert over"),
        "approval.told": words.say("Approvers told"),
        "check.ask": words.say("Check asked for"),
        "check.refused": words.say("Check refused"),
        "check.run": words.say("Check run"),
        "contact.remove": words.say("Contact removed"),
        "contact.set": words.say("Contact set"),
        "device.join": words.say("Machine joined"),
        "device.name": words.say("Name verified by a registrar"),
        "device.place": words.say("Place in the network said"),
        "join_code.make": words.say("Join code made"),
        "maintenance.announce": words.say("Maintenance announced"),
        "maintenance.end": words.say("Maintenance ended"),
        "organisation.register": words.say("Organisation registered"),
        "predictor.mute": words.say("Prediction muted"),
        "predictor.unmute": words.say("Prediction heard again"),
        "rollout.request": words.say("Rollout asked for"),
        "rollout.ring": words.say("Rollout's next ring begun"),
        "root.rotate": words.say("Root keys handed over"),
        "roster.publish": words.say("Roster published"),
        "roster.refused": words.say("Roster refused by the machine"),
        "schedule.add": words.say("Schedule made"),
        "schedule.remove": words.say("Schedule removed"),
        "schedule.tick": words.say("Schedule's turn begun"),
        "sign_in.key": words.say("Signed in with a key"),
        "sign_in.link": words.say("Signed in with a link"),
        "wishes.change": words.say("Policy wished differently"),
    }
