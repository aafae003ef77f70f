"""Run by Alembic: how it reaches the database and what it compares the models with."""

from alembic import context
from sqlalchemy import Connection, text

from socialcore.models import Base


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        version_table_schema="composer_private",
        include_schemas=False,
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


# socialcore.database.migrate hands over an open connection of composer_owner.
given: Connection = context.config.attributes["connection"]
given.execute(text("create schema if not exists composer_private"))
given.commit()
run(given)
