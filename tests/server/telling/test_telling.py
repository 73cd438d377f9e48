"""Telling approvers: whom, when, by which way, once; and nobody who need not know."""

import asyncio
import json
import socketserver
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.server.signing import planned
from tests.server.world import World, play

from sereno_proto.errors import SerenoError
from sereno_server.config import Settings
from sereno_server.runs.deny import deny
from sereno_server.store.engine import Scope, Store
from sereno_server.store.tables import approval_notices, ledger
from sereno_server.telling import contacts
from sereno_server.telling.channels import mail_by, post, signature
from sereno_server.telling.contacts import Contact, check_webhook
from sereno_server.telling.tell import Ways, plan, send_one

SETTINGS = Settings(public_url="https://console.example", approve_url="https://approve.example.org")
EVENT = {"id": "n1", "time": "2026-11-21T20:00:00Z"}


class Sent:
    """Remembers what went out; fails so many times first."""

    def __init__(self, failing: int = 0) -> None:
        self.failing = failing
        self.mails: list[tuple[str, str, str]] = []
        self.events: list[tuple[str, str, dict[str, Any]]] = []

    async def mail(self, to: str, subject: str, text: str) -> None:
        await self._go(self.mails, (to, subject, text))

    async def webhook(self, url: str, secret: str, event: dict[str, Any]) -> None:
        await self._go(self.events, (url, secret, event))

    async def _go(self, sent: list[Any], what: Any) -> None:
        await asyncio.sleep(0)
        if self.failing:
            self.failing -= 1
            raise SerenoError("E_TELLING", "away")
        sent.append(what)


async def know(world: World, person: str, **how: Any) -> None:
    contact = Contact(person, how.get("mail", f"{person}@example.org"), how.get("webhook", ""), how.get("after_s", 0))
    async with world.store.transaction(Scope(world.organisation_id)) as tx:
        await contacts.keep(tx, world.organisation_id, contact, "ada")


async def send(world: World, sent: Sent) -> None:
    await plan(world.store, world.clock())
    while await send_one(world.store, SETTINGS, Ways(sent.mail, sent.webhook), world.clock()):
        pass


@pytest.mark.slow
def test_who_may_approve_is_told_at_once_and_the_second_person_after_a_while(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        sent = Sent()
        await know(world, "sam", webhook="https://hook.example/x")
        await know(world, "ada", after_s=600)
        for other in ("noa", "kim", "nobody"):
            await know(world, other)
        run = await planned(world)
        await send(world, sent)
        await send(world, sent)  # told once
        [(to, subject, text)] = sent.mails
        assert (to, "disk.free_space" in subject) == ("sam@example.org", True)
        assert "https://approve.example.org/#doc=" in text
        assert f"sereno approve {run['id']}" in text
        [(url, secret, event)] = sent.events
        assert url == "https://hook.example/x"
        assert secret.startswith("whsec_")
        assert (event["type"], event["subject"]) == ("sereno.approval.requested", run["id"])
        assert secret not in json.dumps(event)
        world.now += timedelta(seconds=601)
        await send(world, sent)
        assert [mail[0] for mail in sent.mails] == ["sam@example.org", "ada@example.org"]
        told = [row for row in await world.rows(ledger) if row["verb"] == "approval.told"]
        assert len(told) == 3
        assert "whsec_" not in str(await world.rows(ledger))

    play(store, tmp_path, story)


@pytest.mark.slow
def test_once_it_is_answered_or_over_nobody_else_is_told(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        sent = Sent()
        await know(world, "sam")
        await know(world, "ada", after_s=600)
        run = await planned(world)
        await send(world, sent)
        await deny(world, world.account("sam"), run["id"], "no", clock=world.clock)
        world.now += timedelta(seconds=601)
        await send(world, sent)
        assert len(sent.mails) == 1
        await planned(world)
        world.now += timedelta(hours=1)
        await send(world, sent)
        assert len(sent.mails) == 1
        assert {row["state"] for row in await world.rows(approval_notices, person="ada")} <= {"dropped"}

    play(store, tmp_path, story)


@pytest.mark.slow
def test_what_fails_is_tried_again_and_in_the_end_says_so(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        sent = Sent(failing=2)
        await know(world, "sam")
        await planned(world)
        for _ in range(3):
            await send(world, sent)
            world.now += timedelta(seconds=130)
        assert len(sent.mails) == 1
        never = Sent(failing=99)
        await planned(world)
        for _ in range(6):
            await send(world, never)
            world.now += timedelta(seconds=250)
        states = {row["state"] for row in await world.rows(approval_notices)}
        assert states == {"told", "failed"}
        assert never.failing == 99 - 5

    play(store, tmp_path, story)


@pytest.mark.parametrize(
    "url",
    [
        "http://hook.example/x",
        "http://169.254.169.254/latest",
        "http://10.0.0.1/",
        "ftp://hook.example/",
        "file:///etc/passwd",
        "https://user:password@hook.example/",
        "https:///nowhere",
        "https://hook.example/#x",
        "https://hook.example/ x",
        "http://localhost.evil.example/",
        "http://[::1",
        "https://hook.example:99999/",
        "gopher://127.0.0.1/",
    ],
)
def test_a_webhook_goes_by_https_or_to_this_machine_only(url: str) -> None:
    with pytest.raises(SerenoError):
        check_webhook(url)


def test_a_webhook_is_signed_posted_once_and_followed_nowhere() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(302, headers={"location": "http://169.254.169.254/"})

    with pytest.raises(SerenoError, match="answered 302"):
        asyncio.run(post("https://hook.example/x", "whsec_a", EVENT, transport=httpx.MockTransport(answer)))
    [request] = seen
    stamp = request.headers["webhook-timestamp"]
    assert request.headers["webhook-signature"] == f"v1,{signature('whsec_a', 'n1', stamp, request.content)}"
    assert request.headers["content-type"] == "application/cloudevents+json"

    def away(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError(f"{request.url} whsec_a")

    with pytest.raises(SerenoError) as caught:
        asyncio.run(post("https://hook.example/token", "whsec_a", EVENT, transport=httpx.MockTransport(away)))
    assert "token" not in caught.value.line()
    assert "whsec" not in caught.value.line()


class Sink(socketserver.StreamRequestHandler):
    """An SMTP server that takes one mail, or says no."""

    def handle(self) -> None:
        def say(line: str) -> None:
            self.wfile.write(line.encode() + b"\r\n")

        say("220 sink")
        while line := self.rfile.readline():
            word = line.split()[0].upper()
            if word == b"DATA":
                say("354 go on")
                lines = iter(self.rfile.readline, b".\r\n")
                self.server.mails.append(b"".join(lines))
                say("250 taken")
            elif word == b"RCPT" and b"refused@" in line:
                say("550 secret details of the server")
            elif word == b"QUIT":
                say("221 bye")
                return
            else:
                say("250 ok")


def test_mail_goes_out_by_smtp_and_its_refusal_tells_no_secret() -> None:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Sink) as server:
        server.mails = []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            settings = Settings(smtp_url=f"smtp://127.0.0.1:{server.server_address[1]}", mail_from="s@example.org")
            assert "smtp://" not in repr(settings)
            send_mail = mail_by(settings)
            asyncio.run(send_mail("sam@example.org", "waits", "https://approve.example.org/#doc=" + "A" * 3000))
            with pytest.raises(SerenoError) as caught:
                asyncio.run(send_mail("refused@example.org", "waits", "text"))
        finally:
            server.shutdown()
            thread.join()
    assert b"To: sam@example.org" in server.mails[0]
    assert "secret details" not in caught.value.line()
    with pytest.raises(SerenoError, match="no mail server"):
        asyncio.run(mail_by(Settings())("sam@example.org", "s", "t"))


@pytest.mark.slow
def test_contacts_are_the_administrators_and_a_secret_is_shown_once(site) -> None:
    administrator = site.secret("bakery", "administrator", "token")
    body = {"person": "sam", "mail": "sam@example.org", "webhook": "https://hook.example/x", "after_s": 60}
    assert site.call("PUT", "/api/v1/contacts", administrator, json=body).json()["secret"].startswith("whsec_")
    assert "whsec_" not in site.call("GET", "/api/v1/contacts", administrator).text
    for role in ("technician", "approver", "customer"):
        token = site.secret("bakery", role, "token")
        assert site.call("PUT", "/api/v1/contacts", token, json=body).json()["code"] == "E_FORBIDDEN"
        assert site.call("GET", "/api/v1/contacts", token).json()["code"] == "E_FORBIDDEN"
    other = site.secret("other", "administrator", "token")
    assert site.call("GET", "/api/v1/contacts", other).json()["items"] == []
    for bad in (
        {"mail": "a@b\nBcc: c@d"},
        {"webhook": "http://10.0.0.1/"},
        {"mail": "", "webhook": ""},
        {"after_s": -1},
    ):
        answer = site.call("PUT", "/api/v1/contacts", administrator, json=body | bad)
        assert answer.json()["code"] == "E_BAD_REQUEST", bad
    assert site.call("POST", "/api/v1/contacts/sam/remove", administrator, json={}).status_code == 200
