"""What an approver is told: that something waits, until when, and where to decide. Never what decides anything."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sereno_proto.documents import write_time
from sereno_server.approve_site.link import approval_link
from sereno_server.config import Settings


@dataclass(frozen=True)
class Request:
    """A run's plan or a grant that waits for signatures."""

    organisation_id: str
    of: str
    kind: str  # plan, bounds, standing-grant
    playbook: str
    requester: str
    risk: str
    ticket_id: str | None
    text: bytes
    asked_at: datetime
    expires_at: datetime

    def console(self, settings: Settings) -> str:
        """Where the console shows it."""
        return f"{settings.public_url}/{'approve' if self.kind == 'plan' else 'grants'}/{self.of}"

    def link(self, settings: Settings) -> str:
        """Where it is signed: on the approval page, else in the console."""
        return approval_link(settings.approve_url, self.text, settings.public_url) or self.console(settings)


def subject(request: Request) -> str:
    """One line without anything that a server's telling could make a story of."""
    return f"[sereno] {request.playbook} waits for your signature until {write_time(request.expires_at)}"


def body(request: Request, person: str, settings: Settings) -> str:
    """The mail's text."""
    asks = "the server proposes it" if request.requester == "server" else f"{request.requester} asks"
    return "\n".join(
        (
            f"{person}, {request.playbook} ({request.risk} risk, {request.kind}) waits for your signature: {asks}.",
            f"It ends at {write_time(request.expires_at)}; without an answer nothing is changed.",
            "",
            "Read the machine's own text, and approve or deny it:",
            request.link(settings),
            "",
            f"In the console: {request.console(settings)}",
            f"In a terminal:  sereno {'approve' if request.kind == 'plan' else 'grants approve'} {request.of}",
            "",
            "This mail is the server's telling. Sign only what your own page or terminal shows you.",
            "",
        )
    )


def event(request: Request, person: str, notice_id: str, settings: Settings, now: datetime) -> dict[str, Any]:
    """A CloudEvent (version 1.0, JSON)."""
    return {
        "specversion": "1.0",
        "id": notice_id,
        "source": settings.public_url,
        "type": "sereno.approval.requested",
        "subject": request.of,
        "time": write_time(now),
        "datacontenttype": "application/json",
        "data": {
            "person": person,
            "kind": request.kind,
            "playbook": request.playbook,
            "risk": request.risk,
            "requester": request.requester,
            "ticket": request.ticket_id,
            "expires": write_time(request.expires_at),
            "link": request.link(settings),
            "console": request.console(settings),
        },
    }
