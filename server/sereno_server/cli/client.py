"""The CLI's side of the API: signs in with a key when it must, and turns problems into errors."""

import contextlib
import json
import os
import time
import uuid
from pathlib import Path
from typing import Any

import httpx

from sereno_proto import sshsig
from sereno_proto.errors import CATALOGUE, Refused, SerenoError
from sereno_server.cli.settings import Person, Settings
from sereno_server.cli.signing import signer_for

ANSWER_TIMEOUT_S = 40.0
UNAUTHORISED = 401


class Client:
    """One person's connection to the server. Tokens are kept beside the settings, readable by their owner only."""

    def __init__(self, settings: Settings, person: Person, transport: httpx.BaseTransport | None = None) -> None:
        self.person = person
        self._server = settings.server_url()
        self._tokens = Tokens(settings.path.parent / "tokens.json")
        self._http = httpx.Client(base_url=self._server, timeout=ANSWER_TIMEOUT_S, transport=transport)

    def get(self, path: str, **query: str | int) -> Any:
        """The JSON of a read."""
        return self._ask("GET", path, params=query).json()

    def text(self, path: str) -> bytes:
        """The exact bytes of a document."""
        return self._ask("GET", path).content

    def post(self, path: str, body: dict[str, Any], timeout_s: float = ANSWER_TIMEOUT_S) -> Any:
        """The JSON of a write; repeated by the network at most, never by the server."""
        key = {"Idempotency-Key": uuid.uuid4().hex}
        return self._ask("POST", path, json=body, headers=key, timeout=timeout_s).json()

    def put(self, path: str, body: dict[str, Any]) -> Any:
        """The JSON of a write that may be repeated."""
        return self._ask("PUT", path, json=body).json()

    def pages(self, path: str, **query: str | int) -> list[dict[str, Any]]:
        """Every row of a listing, page after page."""
        rows: list[dict[str, Any]] = []
        cursor = ""
        while True:
            page = self.get(path, **query, **({"cursor": cursor} if cursor else {}))
            rows += page["items"]
            cursor = page.get("next") or ""
            if not cursor:
                return rows

    def sign_in(self) -> None:
        """Signs a challenge with the person's key for a one-hour token."""
        signer = signer_for(self.person.sign_in, f"sign-in key of {self.person.name}")
        asked = self._send("POST", "/api/v1/login/challenge", json={"name": self.person.name})
        text = _checked(asked).json()["text"]
        if not text.startswith(f"sereno login v1\nserver: {self._server}\nname: {self.person.name}\n"):
            raise Refused("E_NOT_SIGNED_IN", "the challenge names another server or person", "check `server`")
        signature = signer.sign(text.encode(), sshsig.LOGIN_NAMESPACE)
        given = _checked(self._send("POST", "/api/v1/login/token", json={"text": text, "sshsig": signature})).json()
        self._tokens.keep(self._server, self.person.name, given["token"], time.time() + given["expires_in_s"])

    def _ask(self, method: str, path: str, **how: Any) -> httpx.Response:
        headers = how.pop("headers", {})
        token = self._tokens.find(self._server, self.person.name, time.time())
        if token is None:
            self.sign_in()
            token = self._tokens.find(self._server, self.person.name, time.time())
        answer = self._send(method, path, headers={**headers, "Authorization": f"Bearer {token}"}, **how)
        if answer.status_code == UNAUTHORISED:  # the server forgot it: once more with a fresh one
            self.sign_in()
            token = self._tokens.find(self._server, self.person.name, time.time())
            answer = self._send(method, path, headers={**headers, "Authorization": f"Bearer {token}"}, **how)
        return _checked(answer)

    def _send(self, method: str, path: str, **how: Any) -> httpx.Response:
        try:
            return self._http.request(method, path, **how)
        except httpx.TransportError as error:
            raise SerenoError("E_SERVER_UNREACHABLE", f"{self._server} does not answer ({error})") from error


class Tokens:
    """The file of tokens, mode 0600, written by rename."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def find(self, server: str, name: str, now_s: float) -> str | None:
        """A token that lives for another minute at least."""
        entry = self._read().get(f"{name}@{server}")
        return str(entry["token"]) if entry and entry["until"] > now_s + 60 else None

    def keep(self, server: str, name: str, token: str, until_s: float) -> None:
        """Stores a token."""
        entries = {**self._read(), f"{name}@{server}": {"token": token, "until": until_s}}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(entries, file)
        fresh.replace(self._path)

    def _read(self) -> dict[str, dict[str, Any]]:
        with contextlib.suppress(OSError, ValueError):
            return dict(json.loads(self._path.read_text()))
        return {}


def _checked(answer: httpx.Response) -> httpx.Response:
    if answer.is_success:
        return answer
    try:
        problem = answer.json()
        code, what, remedy = problem["code"], problem["title"], problem["remedy"]
    except (ValueError, KeyError) as error:
        raise SerenoError("E_INTERNAL", f"the server answered {answer.status_code}") from error
    raise Refused(code if code in CATALOGUE else "E_INTERNAL", str(what), str(remedy))
