"""The page of the rules is made from the rules."""

from sereno_server.rules import document
from sereno_server.rules.catalogue import RULES
from sereno_server.rules.hardware import HARDWARE
from sereno_server.rules.logs import LOGS
from sereno_server.rules.system import SYSTEM


def test_the_page_of_the_rules_is_current():
    assert document.PAGE.read_text() == document.page(), "run: python -m sereno_server.rules.document"


def test_every_rule_has_a_name_of_its_own_and_speaks_both_languages():
    assert len(RULES) == len(HARDWARE) + len(SYSTEM) + len(LOGS)
    for rule in RULES.values():
        for text in (rule.says, rule.advice):
            assert text.en != text.es, rule.name
            assert text.said("es", object="sda"), rule.name
