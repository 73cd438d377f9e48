"""Links, sessions, challenges and tokens."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select

from sereno_proto import sshsig
from sereno_proto.errors import SerenoError
from sereno_server.access.accounts import create_account, find_account
from sereno_server.access.sign_in import LIFETIMES, account_of, issue, use_once, utc_now
from sereno_server.store.engine import Scope
from sereno_server.store.tables import credentials

pytestmark = pytest.mark.slow


def test_a_link_opens_one_session_once(site):
    link = site.secret("bakery", "technician", "link")
    first = site.call("GET", f"/enter/{link}")
    assert (first.status_code, first.headers["location"]) == (303, "/")
    cookie = first.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    session = cookie.split("=", 1)[1].split(";")[0]
    assert site.call("GET", "/api/v1/devices", headers={"cookie": f"sereno-8080={session}"}).status_code == 200
    assert site.call("GET", f"/enter/{link}").headers["location"] == "/sign-in?code=E_EXPIRED"


def test_only_digests_are_stored(site):
    secret = site.secret("bakery", "technician", "token")

    async def rows():
        async with site.app.store.transaction(Scope.system()) as tx:
            return [str(dict(row)) for row in (await tx.execute(select(credentials))).mappings()]

    assert not any(secret in row for row in asyncio.run(rows()))


def test_what_has_expired_is_worth_nothing(site):
    async def late():
        now = utc_now()
        async with site.app.store.transaction(Scope.system()) as tx:
            for kind, lifetime in LIFETIMES.items():
                secret = await issue(tx, kind, site.accounts["bakery", "technician"], now)
                use = use_once if kind in {"link", "challenge"} else account_of
                with pytest.raises(SerenoError) as refused:
                    await use(tx, kind, secret, now + lifetime)
                assert refused.value.code == "E_EXPIRED"

    asyncio.run(late())


def test_a_signed_challenge_gives_a_token_and_only_to_its_own_key(site, tmp_path):
    signer, stranger = sshsig.generate(tmp_path / "noa"), sshsig.generate(tmp_path / "stranger")

    async def make():
        async with site.app.store.transaction(Scope.system()) as tx:
            line = signer.public_key.line
            where = site.organisations["bakery"]
            await create_account(tx, "noa", "Noa", "technician", organisation_id=where, public_key=line)

    asyncio.run(make())

    def token(with_key, namespace=sshsig.LOGIN_NAMESPACE, name="noa"):
        text = site.call("POST", "/api/v1/login/challenge", json={"name": name}).json()["text"]
        signature = with_key.sign(text.encode(), namespace)
        return site.call("POST", "/api/v1/login/token", json={"text": text, "sshsig": signature})

    given = token(signer).json()
    assert given["expires_in_s"] == 3600
    assert site.call("GET", "/api/v1/devices", given["token"]).status_code == 200
    assert token(stranger).json()["code"] == "E_NOT_SIGNED_IN"
    assert token(signer, sshsig.APPROVE_NAMESPACE).json()["code"] == "E_NAMESPACE"
    assert token(signer, name="nobody").json()["code"] == "E_NOT_SIGNED_IN"


def test_who_tries_too_often_waits(site):
    answers = [site.call("POST", "/api/v1/login/challenge", json={"name": "noa"}).status_code for _ in range(25)]
    assert answers[0] == 200
    assert answers[-1] == 429


def test_an_administrator_of_every_organisation_looks_at_the_first(site):
    async def account():
        async with site.app.store.transaction(Scope.system()) as tx:
            made = await create_account(tx, "root", "Root", "administrator", organisation_id=None)
            with pytest.raises(SerenoError):
                await create_account(tx, "t", "T", "technician", organisation_id=None)
            return await find_account(tx, made)

    assert asyncio.run(account()).organisation_id in site.organisations.values()
    assert timedelta(hours=1) == LIFETIMES["token"]
