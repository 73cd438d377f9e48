"""Titles are stored in English and read in the reader's language; what is in no known form stays as it is."""

import pytest

from sereno_server.alerts.subject import ENDINGS, subject
from sereno_server.reads.running_out import resource_name
from sereno_server.reads.titles import RESOURCES, titled
from sereno_server.reads.words import Words
from sereno_server.rules.catalogue import RULES
from sereno_server.web.i18n import translations

ENGLISH, SPANISH = Words(), Words("es", translations=translations("es"))
THINGS = ("sda", "/srv/a b", "web", "is full")


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES.keys())
def test_the_title_of_a_rule_and_of_its_ticket_are_those_that_the_rule_says(rule):
    for thing in THINGS:
        for figure in (0.0, 12.345, 1e9):
            title = rule.title(thing, figure)
            assert titled(title, SPANISH) == rule.title(thing, figure, "es")
            assert titled(title, ENGLISH) == title
        assert titled(subject(rule.name, rule.resource, thing, "web-1"), SPANISH) == rule.says.said("es", object=thing)


@pytest.mark.parametrize("resource", RESOURCES)
def test_what_runs_out_is_called_as_on_every_page(resource):
    title = subject("exhaustion", resource, "x", "web-1")
    said = titled(title, SPANISH)
    assert said.startswith(resource_name(resource, "x", SPANISH))
    assert not any(way in said for ending in ENDINGS.values() for way in ending)
    assert titled(subject("exhaustion", resource, "x", "web-1"), ENGLISH) == title


@pytest.mark.parametrize(
    ("title", "spanish"),
    [
        ("Device web-1 is silent", "El equipo web-1 no responde"),
        ("Device web-1 has been silent since 03:12 UTC", "El equipo web-1 no responde desde las 03:12 UTC"),
        ("14 devices: silent since 03:12 UTC", "14 equipos: sin respuesta desde las 03:12 UTC"),
        ("6 devices: Folder logs runs full since 03:12 UTC", "6 equipos: Carpeta logs se llena desde las 03:12 UTC"),
        ("Folder app-logs will be full in 4 h 28 min", "Carpeta app-logs se llenará dentro de 4 h 28 min"),
        ("Folder app-logs will be full within a minute", "Carpeta app-logs se llenará en menos de un minuto"),
        ("Certificate www expires in 12 days", "Certificado www caduca dentro de 12 días"),
        ("Memory grows towards its limit", "Memoria crece hacia su límite"),
        ("What a device says in its own words", "What a device says in its own words"),
        ("", ""),
    ],
)
def test_every_form_has_its_spanish(title, spanish):
    assert titled(title, SPANISH) == spanish
