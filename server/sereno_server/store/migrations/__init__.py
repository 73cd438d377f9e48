"""Brings a database to this version's schema, under a lock, so that several nodes may start at once."""

from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from sereno_proto.errors import SerenoError
from sereno_server.store.tables import metadata

LOCK = 0x5E7E40  # any number, the same on every node


def _scripts() -> tuple[Config, ScriptDirectory]:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    return config, ScriptDirectory.from_config(config)


def upgrade(url: str) -> str:
    """Brings the database to the newest schema in one transaction; gives its revision.

    Raises E_SCHEMA_NEWER when a newer Sereno made it, E_POSTGRESQL when it does not answer.
    """
    config, scripts = _scripts()
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1), poolclass=NullPool)
    try:
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
            _refuse_newer(connection, scripts)
            with EnvironmentContext(
                config,
                scripts,
                fn=lambda revision, _: scripts._upgrade_revs("head", revision),  # noqa: SLF001 (as alembic's own command)
                destination_rev="head",
            ) as environment:
                environment.configure(connection=connection, target_metadata=metadata, transactional_ddl=True)
                environment.run_migrations()
            return MigrationContext.configure(connection).get_current_revision() or ""
    except DBAPIError as error:
        raise SerenoError("E_POSTGRESQL", f"the database's schema: {str(error.orig).strip()}") from error
    finally:
        engine.dispose()


def _refuse_newer(connection: Connection, scripts: ScriptDirectory) -> None:
    for revision in MigrationContext.configure(connection).get_current_heads():
        try:
            scripts.get_revision(revision)
        except CommandError as error:
            raise SerenoError("E_SCHEMA_NEWER", f"the database has schema {revision}, unknown here") from error
