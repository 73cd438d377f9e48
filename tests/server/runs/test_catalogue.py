"""What the catalogue tells of playbooks is what they are."""

import json

from sereno_playbooks import catalogue as told
from sereno_server.runs.catalogue import summary
from sereno_server.runs.playbooks import shipped_library


def test_the_summary_of_playbooks_is_not_stale():
    """When this fails: `make catalogue`, and review the difference."""
    assert json.loads(told.SUMMARY.read_text()) == summary(shipped_library())
