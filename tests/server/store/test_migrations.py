import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from sereno_proto.errors import SerenoError
from sereno_server.store import migrations
from sereno_server.store.migrations import generate
from sereno_server.store.tables import metadata


def test_the_generated_migrations_are_fresh() -> None:
    for path, content in generate.files().items():
        assert path.read_text() == content, "run `python -m sereno_server.store.migrations.generate`"


def test_there_is_one_head() -> None:
    _, scripts = migrations._scripts()
    assert len(scripts.get_heads()) == 1


@pytest.mark.slow
def test_migrations_make_exactly_the_tables(database_url: str) -> None:
    engine = create_engine(database_url.replace("postgresql://", "postgresql+psycopg://", 1), poolclass=NullPool)
    with engine.connect() as connection:
        opts = {"compare_type": True, "compare_server_default": True, "include_name": _no_partition}
        context = MigrationContext.configure(connection, opts=opts)
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def _no_partition(name, kind, _):
    return kind != "table" or not name.endswith("_default")


@pytest.mark.slow
def test_upgrading_again_changes_nothing(database_url: str) -> None:
    _, scripts = migrations._scripts()
    assert migrations.upgrade(database_url) == migrations.upgrade(database_url) == scripts.get_current_head()


@pytest.mark.slow
def test_a_newer_schema_is_refused_and_untouched(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SerenoError) as caught:
        migrations.upgrade(database_url)
    assert caught.value.code == "E_SCHEMA_NEWER"
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("9999",)
