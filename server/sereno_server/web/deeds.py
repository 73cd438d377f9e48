"""What the ledger's verbs say, in the reader's words."""

from sereno_server.reads.words import Words


def deed(verb: str, words: Words) -> str:
    """A sentence's beginning, before `by NAME`; the verb itself where it has none."""
    named = {
        "check.refused": words.say("Check refused"),
        "check.run": words.say("Check run"),
        "device.join": words.say("Machine joined"),
        "device.name": words.say("Name verified by a registrar"),
        "device.place": words.say("Place in the network said"),
        "grant.active": words.say("Granted in advance"),
        "grant.denied": words.say("Grant denied"),
        "grant.request": words.say("Grant asked for"),
        "grant.revoked": words.say("Grant taken back"),
        "grant.not_run": words.say("Not carried out in time"),
        "grant.sign": words.say("Grant signed"),
        "join_code.make": words.say("Join code made"),
        "maintenance.announce": words.say("Maintenance announced"),
        "maintenance.end": words.say("Maintenance ended"),
        "predictor.mute": words.say("Prediction muted"),
        "predictor.unmute": words.say("Prediction heard again"),
        "roster.publish": words.say("Roster published"),
        "roster.refused": words.say("Roster refused by the machine"),
        "run.approved": words.say("Fix approved"),
        "run.cancel": words.say("Fix cancelled"),
        "run.cancel_failed": words.say("The machine could not be told to cancel"),
        "run.denied": words.say("Fix denied"),
        "run.expired": words.say("Fix expired unsigned"),
        "run.failed": words.say("Fix failed"),
        "run.granted": words.say("Fix begun under a grant"),
        "run.planned": words.say("Plan written by the machine"),
        "run.refused": words.say("Fix refused by the machine"),
        "run.request": words.say("Fix asked for"),
        "run.reverted": words.say("Fix undone"),
        "run.executing": words.say("Fix sent to the machine"),
        "run.sign": words.say("Plan signed"),
        "run.started": words.say("Fix begun"),
        "run.succeeded": words.say("Fix carried out"),
        "ticket.open": words.say("Ticket opened"),
        "ticket.priority": words.say("Ticket's priority changed"),
        "ticket.rate": words.say("Ticket judged"),
        "ticket.reopen": words.say("Ticket opened again"),
        "ticket.resolve": words.say("Ticket resolved"),
        "wishes.change": words.say("Policy wished differently"),
    }
    return named.get(verb, verb)
