"""Errors, headers, paging and Idempotency-Key of the API."""

from datetime import timedelta

import pytest

from sereno_proto import limits, sshsig
from sereno_proto.roster import DEFAULT_THRESHOLDS, Person, Roster, RosterKey, write_roster
from sereno_server.access.sign_in import utc_now

pytestmark = pytest.mark.slow


def roster_body(site, tmp_path, version=1, signer=None):
    key = sshsig.generate(tmp_path / f"key-{version}-{utc_now().timestamp()}").public_key
    now = utc_now()
    text = write_roster(
        Roster(
            organisation_id=site.organisations["bakery"],
            version=version,
            issued=now,
            expires=now + timedelta(days=9),
            persons=(Person("noa", "Noa", "technician", (RosterKey("approve", key),)),),
            thresholds=DEFAULT_THRESHOLDS,
        )
    )
    signature = (signer or site.root_signers["bakery"]).sign(text, sshsig.ROSTER_NAMESPACE)
    return {"text": text.decode(), "signatures": [signature]}


def test_an_error_has_code_remedy_and_request_id(site):
    token = site.secret("bakery", "technician", "token")
    answer = site.call("GET", "/api/v1/devices/nowhere", token)
    body = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, body["status"], body["code"]) == (404, 404, "E_NOT_FOUND")
    assert body["request_id"] == answer.headers["x-request-id"]
    assert body["remedy"]


def test_every_answer_has_the_security_headers(site):
    for path in ("/healthz", "/api/v1/devices", "/nowhere"):
        headers = site.call("GET", path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


def test_a_body_beyond_the_limit_is_refused(site):
    token = site.secret("bakery", "administrator", "token")
    answer = site.call("POST", "/api/v1/rosters", token, content=b"x" * (limits.REQUEST_BODY_BYTES_MAX + 1))
    assert answer.json()["code"] == "E_LIMIT"


def test_a_malformed_body_names_the_field(site):
    token = site.secret("bakery", "administrator", "token")
    answer = site.call("POST", "/api/v1/rosters", token, json={"text": "x"})
    assert answer.json()["code"] == "E_BAD_REQUEST"
    assert "signatures" in answer.json()["title"]


def test_a_cursor_that_is_not_ours_is_refused(site):
    token = site.secret("bakery", "technician", "token")
    for cursor in ("!!", "eyJhIjoxfQ", "LTE"):
        assert site.call("GET", f"/api/v1/devices?cursor={cursor}", token).json()["code"] == "E_BAD_REQUEST"


def test_a_roster_is_stored_once_and_only_when_the_root_signed_it(site, tmp_path):
    token = site.secret("bakery", "administrator", "token")
    forged = roster_body(site, tmp_path, signer=site.root_signers["other"])
    assert site.call("POST", "/api/v1/rosters", token, json=forged).json()["code"] == "E_ROSTER_UNSIGNED"
    body = roster_body(site, tmp_path, 2)
    key = {"Idempotency-Key": "k1"}
    assert site.call("POST", "/api/v1/rosters", token, json=body, headers=key).json() == {"version": 2}
    assert site.call("POST", "/api/v1/rosters", token, json=body, headers=key).json() == {"version": 2}
    assert site.call("GET", "/api/v1/rosters/current", token).json()["text"] == body["text"]
    lower = roster_body(site, tmp_path, 1)
    assert site.call("POST", "/api/v1/rosters", token, json=lower, headers=key).json()["code"] == "E_IDEMPOTENCY"
    assert site.call("POST", "/api/v1/rosters", token, json=lower).json()["code"] == "E_ROSTER_LOWER"


def test_the_api_describes_itself(site):
    token = site.secret("bakery", "technician", "token")
    described = site.call("GET", "/api/v1/openapi.json", token).json()
    assert "/api/v1/devices" in described["paths"]


def test_a_fault_is_a_page_for_people_and_a_problem_for_programs(site):
    @site.http.get("/broken")
    def broken() -> None:
        raise RuntimeError("a bug")

    token = site.secret("bakery", "technician", "token")
    page = site.call("GET", "/broken", token, headers={"accept": "text/html"})
    assert (page.status_code, page.headers["content-type"]) == (500, "text/html; charset=utf-8")
    assert "E_INTERNAL" in page.text
    assert page.headers["x-request-id"] in page.text
    assert "a bug" not in page.text
    assert site.call("GET", "/broken", token).json()["code"] == "E_INTERNAL"
