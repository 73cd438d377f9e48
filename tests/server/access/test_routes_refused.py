"""Every route, called without credentials and with the wrong ones: refused, but for those listed as public."""

import asyncio
import re
from datetime import timedelta

import pytest
from sqlalchemy import update

from sereno_server.access.account import digest
from sereno_server.access.guard import LOOPBACK_PATHS, PUBLIC_PATHS, PUBLIC_PREFIXES, SELF_SIGNED_PATHS
from sereno_server.access.sign_in import utc_now
from sereno_server.store.engine import Scope
from sereno_server.store.tables import credentials

pytestmark = pytest.mark.slow

IDS = {"device": "dev_bakery", "ticket": "tkt_1", "run": "run_1", "run_id": "run_1", "number": "1", "path": "app.css"}


def flat(route):
    """The routes behind one entry: FastAPI keeps an included router as one."""
    contexts = getattr(route, "effective_route_contexts", None)
    return list(contexts()) if contexts else [route]


def routes(site):
    """(method, path with ids filled in) of everything that is served, mounts included."""
    found = []
    for route in (one for entry in site.http.routes for one in flat(entry)):
        path = re.sub(r"\{([a-z_]+)(:[a-z]+)?\}", lambda match: IDS.get(match[1], "x"), route.path)
        found += [(method, path) for method in sorted(getattr(route, "methods", None) or {"GET"}) if method != "HEAD"]
    return found


def is_public(path):
    return (
        path in PUBLIC_PATHS
        or path in SELF_SIGNED_PATHS
        or path.startswith(PUBLIC_PREFIXES)
        or path + "/" in PUBLIC_PREFIXES
    )


def test_the_public_paths_are_these_and_no_others():
    assert {"/healthz", "/readyz", "/sign-in", "/favicon.ico"} == PUBLIC_PATHS
    assert PUBLIC_PREFIXES == ("/static/", "/enter/", "/api/v1/login/")
    assert {"/metrics"} == LOOPBACK_PATHS
    assert {"/signed"} == SELF_SIGNED_PATHS


def test_every_route_is_refused_without_credentials_and_with_expired_ones(site):
    expired = site.secret("bakery", "administrator", "token")

    async def expire():
        async with site.app.store.transaction(Scope.system()) as tx:
            where = credentials.c.digest == digest(expired)
            await tx.execute(update(credentials).where(where).values(expires_at=utc_now() - timedelta(seconds=1)))

    asyncio.run(expire())
    guarded = [pair for pair in routes(site) if not is_public(pair[1])]
    assert len(guarded) > 10
    for method, path in guarded:
        for token, code in (("", "E_NOT_SIGNED_IN"), (expired, "E_EXPIRED"), ("forged", "E_NOT_SIGNED_IN")):
            answer = site.call(method, path, token)
            body = answer.json()
            assert (answer.status_code, body["code"]) in {(401, code), (403, "E_ORIGIN")}, (method, path, token)


def test_a_session_cookie_is_no_bearer_token_and_a_link_is_neither(site):
    for kind in ("session", "link", "challenge"):
        secret = site.secret("bakery", "administrator", kind)
        assert site.call("GET", "/api/v1/devices", secret).status_code == 401
        cookie = {"cookie": f"sereno-8080={secret}"}
        assert (site.call("GET", "/api/v1/devices", headers=cookie).status_code == 200) == (kind == "session")


def test_another_organisations_things_do_not_exist(site):
    theirs = site.secret("other", "administrator", "token")
    assert site.call("GET", "/api/v1/devices/dev_bakery", theirs).json()["code"] == "E_NOT_FOUND"
    assert [row["id"] for row in site.call("GET", "/api/v1/devices", theirs).json()["items"]] == ["dev_other"]


def test_a_role_that_may_not_is_refused(site):
    body = {"text": "sereno roster v1\n", "signatures": []}
    for role in ("technician", "approver", "customer"):
        answer = site.call("POST", "/api/v1/rosters", site.secret("bakery", role, "token"), json=body)
        assert (answer.status_code, answer.json()["code"]) == (403, "E_FORBIDDEN")


def test_a_page_asked_for_without_a_session_leads_to_sign_in(site):
    answer = site.call("GET", "/tickets?x=1", headers={"accept": "text/html"})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in?code=E_NOT_SIGNED_IN&next=%2Ftickets%3Fx%3D1"


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "http://localhost:9999"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {},
        {"authorization": "Basic bm9hOng=", "origin": "https://evil.example"},
    ],
)
def test_a_write_with_a_cookie_needs_our_own_origin(site, headers):
    cookie = {"cookie": f"sereno-8080={site.secret('bakery', 'technician', 'session')}"}
    answer = site.call("POST", "/sign-out", headers=cookie | headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "E_ORIGIN")


def test_signing_out_ends_the_session(site):
    session = site.secret("bakery", "technician", "session")
    headers = {"cookie": f"sereno-8080={session}", "origin": "http://localhost:8080"}
    assert site.call("POST", "/sign-out", headers=headers).headers["location"] == "/sign-in"
    assert site.call("GET", "/api/v1/devices", headers=headers).json()["code"] == "E_EXPIRED"


def test_a_name_rebound_to_our_address_is_refused(site):
    token = site.secret("bakery", "technician", "token")
    answer = site.call("GET", "/api/v1/devices", token, headers={"host": "evil.example:8080"})
    assert answer.json()["code"] == "E_ORIGIN"


def test_metrics_are_for_this_machine_only(site):
    assert site.call("GET", "/metrics").json()["code"] == "E_NOT_SIGNED_IN"
    assert "sereno_http_requests" in site.call("GET", "/metrics", site.secret("bakery", "approver", "token")).text
