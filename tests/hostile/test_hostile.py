"""Everything that an attacker who owns the server may try, end to end: real agents, a real server, real commands."""

import pytest
from tests.hostile.drill import HostileDrill, own_playbooks, ways
from tests.hostile.table import DOCUMENT, table

from sereno_proto.errors import CATALOGUE
from sereno_server.demo.place import Place
from sereno_server.demo.story import Story
from sereno_server.demo.world import World, free_ports

WAYS_MIN = 60


@pytest.mark.hostile
@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_no_way_gets_an_unsigned_action_carried_out(tmp_path):
    """Each way is refused with its own code, two runs that people want are carried out, and nothing else is."""
    tmp_path.chmod(0o755)
    world = World(Place(tmp_path / "world"), free_ports(1)[0], Story(as_json=True))
    code = own_playbooks(world.place.folder)
    world.environment["PYTHONPATH"] = f"{code}:{world.environment.get('PYTHONPATH', '')}"
    drill = None
    try:
        world.start()
        drill = HostileDrill(world, world.story, world.wait_until_live())
        found = drill.play_all()
    finally:
        if drill is not None:
            drill.close()
        world.stop()
    assert found["let_through"] == []
    assert found["executed"] == 0, found["unsigned"]
    assert {one["name"]: one["code"] for one in found["attempts"]} == {name: code for name, (code, _) in ways().items()}
    assert found["lies"] == [{"name": "approver_shown_an_edited_plan", "code": "E_SIGNATURE_INVALID"}]


def test_the_ways_are_many_and_each_has_a_code_of_the_catalogue():
    assert len(ways()) >= WAYS_MIN
    assert all(code in CATALOGUE or not code.startswith("E_") for code, _ in ways().values())


def test_the_document_lists_every_way_with_its_code():
    assert table() in DOCUMENT.read_text(), "python -m tests.hostile.table writes it anew"
