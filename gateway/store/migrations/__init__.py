"""The history of the schema. One for both databases; a revision, once released, is never changed."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

_LOCK = 0x6757_4D69  # Any number that no other program locks.


def config() -> Config:
    """Alembic's settings, without a file of its own."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent))
    return made


def upgrade(engine: sa.Engine, revision: str = "head") -> None:
    """Bring the schema to a revision in one transaction, one program at a time."""
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":  # SQLite's BEGIN IMMEDIATE holds the others back already.
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        settings = config()
        settings.attributes["connection"] = connection
        command.upgrade(settings, revision)
