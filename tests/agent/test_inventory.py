"""The inventory: whole once, then what differs, and whole again when the server has another."""

from pathlib import Path

from sereno_agent.inventory import MESSAGE_FACTS_BYTES_MAX, Inventory
from sereno_proto.limits import FACT_VALUE_CHARS_MAX, INVENTORY_FACTS_MAX
from sereno_proto.v1.link_pb2 import Inventory as Message


class Server:
    """Applies what is sent, as the real one does."""

    def __init__(self) -> None:
        self.facts: dict[str, str] = {}
        self.digest = ""
        self.messages: list[Message] = []

    def take(self, message: Message) -> None:
        self.messages.append(message)
        known = {} if message.whole else self.facts
        self.facts = {key: value for key, value in (known | dict(message.facts)).items() if value}
        self.digest = message.digest


def test_whole_once_then_what_differs(tmp_path: Path) -> None:
    server = Server()
    inventory = Inventory(tmp_path / "inventory.json", server.take)
    inventory.update("a", {"system.os": "Debian", "package.x": "1"})
    inventory.update("b", {"user.root": "uid 0"})
    inventory.update("a", {"system.os": "Debian", "package.y": "2"})
    assert [message.whole for message in server.messages] == [True, False, False]
    assert dict(server.messages[2].facts) == {"package.x": "", "package.y": "2"}
    assert server.facts == {"system.os": "Debian", "package.y": "2", "user.root": "uid 0"}
    inventory.update("a", {"system.os": "Debian", "package.y": "2"})
    assert len(server.messages) == 3


def test_after_a_restart_only_what_differs_is_sent(tmp_path: Path) -> None:
    server = Server()
    Inventory(tmp_path / "inventory.json", server.take).update("a", {"x": "1"})
    again = Inventory(tmp_path / "inventory.json", server.take)
    again.update("a", {"x": "1"})
    again.welcomed(server.digest)
    assert len(server.messages) == 1
    again.update("a", {"x": "2"})
    assert server.facts == {"x": "2"}


def test_a_server_that_has_none_is_told_everything(tmp_path: Path) -> None:
    server = Server()
    inventory = Inventory(tmp_path / "inventory.json", server.take)
    inventory.welcomed("")
    assert server.messages == []  # there is nothing to tell yet
    inventory.update("a", {"x": "1", "y": "2"})
    new = Server()
    inventory = Inventory(tmp_path / "inventory.json", new.take)
    inventory.welcomed(new.digest)
    assert new.facts == server.facts
    inventory.welcomed(new.digest)
    assert len(new.messages) == 1


def test_facts_of_a_collector_that_is_denied_are_taken_back(tmp_path: Path) -> None:
    server = Server()
    inventory = Inventory(tmp_path / "inventory.json", server.take)
    inventory.update("a", {"x": "1"})
    inventory.update("b", {"y": "2"})
    inventory.keep_only(["b"])
    assert server.facts == {"y": "2"}


def test_messages_and_facts_are_bounded(tmp_path: Path) -> None:
    server = Server()
    inventory = Inventory(tmp_path / "inventory.json", server.take)
    inventory.update("a", {f"key{n}": "v" * 1000 for n in range(INVENTORY_FACTS_MAX + 5)})
    assert len(server.facts) == INVENTORY_FACTS_MAX
    assert all(len(value) == FACT_VALUE_CHARS_MAX for value in server.facts.values())
    assert max(message.ByteSize() for message in server.messages) < MESSAGE_FACTS_BYTES_MAX * 2
    assert [bool(message.digest) for message in server.messages] == [False] * (len(server.messages) - 1) + [True]
    assert [message.whole for message in server.messages].count(True) == 1


def test_a_damaged_file_costs_one_whole_inventory(tmp_path: Path) -> None:
    server = Server()
    (tmp_path / "inventory.json").write_text('{"a": 3')
    Inventory(tmp_path / "inventory.json", server.take).update("a", {"x": "1"})
    assert server.messages[0].whole
