"""The ways out: mail by SMTP, and webhooks signed as Standard Webhooks are. What fails says why, without any secret."""

import asyncio
import base64
import hashlib
import hmac
import json
import smtplib
import ssl
from collections.abc import Awaitable, Callable
from email.message import EmailMessage
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx

from sereno_proto.errors import SerenoError
from sereno_server.config import Settings
from sereno_server.telling.contacts import check_webhook

TIMEOUT_S = 10.0

Mail = Callable[[str, str, str], Awaitable[None]]  # to, subject, text
Webhook = Callable[[str, str, dict[str, Any]], Awaitable[None]]  # url, secret, event


def mail_by(settings: Settings) -> Mail:
    """Sends by the server that `smtp_url` names; raises E_TELLING."""

    async def send(to: str, subject: str, text: str) -> None:
        if not settings.smtp_url:
            raise SerenoError("E_TELLING", "no mail server is set", "set `smtp_url` and `mail_from` in server.toml")
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = settings.mail_from, to, subject
        message.set_content(text)
        try:
            await asyncio.to_thread(_deliver, settings.smtp_url, message)
        except (OSError, smtplib.SMTPException) as error:  # its text may quote what was sent
            number = f" {error.smtp_code}" if isinstance(error, smtplib.SMTPResponseException) else ""
            raise SerenoError("E_TELLING", f"the mail server did not take it: {type(error).__name__}{number}") from None

    return send


def _deliver(smtp_url: str, message: EmailMessage) -> None:
    """Encrypted and certified, unless the mail server is this machine."""
    url = urlsplit(smtp_url)
    host, context = url.hostname or "localhost", ssl.create_default_context()
    if url.scheme == "smtps":
        connection: smtplib.SMTP = smtplib.SMTP_SSL(host, url.port or 465, timeout=TIMEOUT_S, context=context)
    else:
        connection = smtplib.SMTP(host, url.port or 587, timeout=TIMEOUT_S)
    with connection:
        if url.scheme == "smtp" and host not in {"localhost", "127.0.0.1", "::1"}:
            connection.starttls(context=context)
        if url.username:
            connection.login(unquote(url.username), unquote(url.password or ""))
        connection.send_message(message)


async def post(
    url: str, secret: str, event: dict[str, Any], *, transport: httpx.AsyncBaseTransport | None = None
) -> None:
    """Posts an event once, without following anything and without reading the answer; raises E_TELLING."""
    check_webhook(url)
    content = json.dumps(event, separators=(",", ":")).encode()
    stamp = str(int(_seconds(event)))
    headers = {
        "content-type": "application/cloudevents+json",
        "webhook-id": event["id"],
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{signature(secret, event['id'], stamp, content)}",
    }
    options: dict[str, Any] = {"timeout": TIMEOUT_S, "follow_redirects": False, "trust_env": False}
    try:
        async with (
            httpx.AsyncClient(transport=transport, **options) as client,
            client.stream("POST", url, content=content, headers=headers) as answer,
        ):
            if not answer.is_success:
                raise SerenoError("E_TELLING", f"the webhook answered {answer.status_code}")
    except (httpx.HTTPError, OSError) as error:
        raise SerenoError("E_TELLING", f"the webhook does not answer: {type(error).__name__}") from None


def signature(secret: str, event_id: str, stamp: str, content: bytes) -> str:
    """HMAC-SHA256 over `id.timestamp.body`, base64 (Standard Webhooks)."""
    signed = f"{event_id}.{stamp}.".encode() + content
    return base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()


def _seconds(event: dict[str, Any]) -> float:
    from sereno_proto.documents import read_time  # noqa: PLC0415

    return read_time(event["time"]).timestamp()
