"""The way from the console to the approval page: a link with the plan's text in it, for whoever reads this."""

from datetime import datetime

from sereno_server.access.account import Account
from sereno_server.approve_site.link import approval_link
from sereno_server.config import Settings
from sereno_server.reads.grants import GrantView
from sereno_server.reads.runs import RunView


def link_for(settings: Settings, view: RunView | None, account: Account, now: datetime) -> str:
    """Where this reader signs the plan of a run that waits, as its requester first; "" where there is no such page."""
    if view is None or view.plan_text is None or not view.waits(now):
        return ""
    asks = account.name == view.requester and account.name not in view.requested_by
    purpose = "request" if asks else "approve"
    return approval_link(settings.approve_url, view.plan_text, settings.public_url, purpose=purpose)


def grant_link_for(settings: Settings, view: GrantView, account: Account) -> str:
    """The same for a grant that waits for signatures."""
    if view.state != "waiting":
        return ""
    signed = {(one.person, one.purpose) for one in view.signatures}
    asks = account.name == view.requester and (account.name, "request") not in signed
    text, purpose = view.text.encode("ascii"), "request" if asks else "approve"
    return approval_link(settings.approve_url, text, settings.public_url, purpose=purpose)
