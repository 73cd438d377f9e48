"""Every message has a Spanish translation, and none is left over."""

import re

import pytest

from sereno_server.web import catalogue
from sereno_server.web.i18n import accepted, translations, zone


def ids(messages):
    return {tuple(m.id) if isinstance(m.id, tuple | list) else m.id for m in messages if m.id}


def test_the_spanish_catalogue_is_complete_and_current():
    source, spanish = catalogue.extract(), catalogue.read("es")
    assert ids(source) - ids(spanish) == set(), "run: python -m sereno_server.web.catalogue"
    assert ids(spanish) - ids(source) == set(), "run: python -m sereno_server.web.catalogue"
    assert [m.id for m in spanish if m.id and not catalogue.translated(m.string)] == []
    assert not [m.id for m in spanish if m.id and m.fuzzy]


def test_a_translation_has_the_same_places_to_fill_in():
    for message in catalogue.read("es"):
        forms = message.string if isinstance(message.string, tuple | list) else [message.string]
        source = message.id if isinstance(message.id, tuple | list) else [message.id]
        wanted = {name for text in source for name in re.findall(r"\{(\w+)\}", text)}
        for form in forms:
            assert set(re.findall(r"\{(\w+)\}", form)) <= wanted, message.id
            if len(forms) == 1:
                assert set(re.findall(r"\{(\w+)\}", form)) == wanted, message.id


def test_there_are_enough_messages_for_this_to_mean_something():
    assert len(ids(catalogue.extract())) > 300
    assert translations("es").gettext("Nobody needs you now.") == "Nadie le necesita ahora."


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("es-ES,es;q=0.9,en;q=0.8", "es"),
        ("de,en;q=0.7,es;q=0.3", "en"),
        ("fr, es;q=0.2", "es"),
        ("es;q=0", "en"),
        ("*;q=x,;;", "en"),
    ],
)
def test_the_language_is_what_the_browser_wants_most(header, language):
    assert accepted(header) == language


def test_an_unknown_zone_is_utc():
    assert str(zone("Europe/Madrid")) == "Europe/Madrid"
    for name in ("Nowhere/Else", "../../etc/passwd", "", "/etc/localtime"):
        assert str(zone(name)) == "UTC"
