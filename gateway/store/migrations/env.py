"""What Alembic runs: on the connection that it is handed, inside of that connection's transaction. Never opens one."""

from alembic import context

from gateway.store.schema import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection, target_metadata=metadata, transactional_ddl=True, render_as_batch=False, compare_type=True
)
context.run_migrations()
