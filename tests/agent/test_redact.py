"""Redaction: secrets go, what surrounds them stays, and ordinary text is left alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sereno_agent.redact import redactor

redact = redactor(())


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("password = hunter2", "hunter2"),
        ("DB_PASSWORD=hunter2 # the old one", "hunter2"),
        ("admin_pwd: 'hun ter2'", "hun ter2"),
        ('{"password": "hun\\"ter2", "user": "app"}', 'hun\\"ter2'),
        ("api-key => abc", "abc"),
        ("<password>hunter2</password>", "hunter2"),
        ("requirepass hunter2", "hunter2"),
        ("COMMAND=/usr/bin/mysql --password hunter2 app", "hunter2"),
        ("runs backup.exe --db-token 'hun ter2'", "hun ter2"),
        ("Authorization: Bearer abc.def", "abc.def"),
        ("url = postgres://app:hunter2@db/app", "hunter2"),
        ("aws AKIAABCDEFGHIJKLMNOP", "AKIAABCDEFGHIJKLMNOP"),
        ("ghp_abcdefghijklmnopqrstuvwxyz0123456789", "ghp_abcdefghijklmnopqrstuvwxyz0123456789"),
        ("jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcDEF-_123", "abcDEF-_123"),
        ("root:$6$salt$hashhash:19000:", "salt$hashhash"),
        ("card 4111 1111 1111 1111 ok", "4111 1111 1111 1111"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blb\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n", "b3Blb\nAAAA"),
        ("-----BEGIN EC PRIVATE KEY-----\ncut off", "cut off"),
    ],
)
def test_a_secret_goes(text: str, secret: str) -> None:
    assert secret not in redact(text)
    assert "[redacted]" in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "rotate = on",
        "app --password --verbose",
        "listen 443 ssl;",
        "time 1732217000000000 ms",
        "order 1234 5678 9012 3456",
        "see https://example.org/a:b",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "0000 0000 0000 0000",
    ],
)
def test_ordinary_text_stays(text: str) -> None:
    assert redact(text) == text


def test_what_surrounds_a_secret_stays() -> None:
    assert redact('{"password": "x", "user": "app"}') == '{"password": [redacted], "user": "app"}'
    assert redact("a = 1\npassword = x\nb = 2") == "a = 1\npassword = [redacted]\nb = 2"


@given(st.text(alphabet="pasword=:\"'\\ \n<>-eyJ.0123456789$AKI/@", max_size=400))
def test_any_text_is_redacted_once_and_for_all_lines_kept(text: str) -> None:
    once = redact(text)
    assert redact(once).count("\n") == once.count("\n")
