import pytest
from tests.agent.executor.house import House


@pytest.fixture(scope="session")
def keys(tmp_path_factory):
    return tmp_path_factory.mktemp("keys")


@pytest.fixture
def house(tmp_path, keys):
    return House(tmp_path, keys)
