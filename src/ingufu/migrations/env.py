"""What Alembic runs: the migrations, on the connection and in the transaction that the caller has opened."""

from alembic import context

_settings = context.config.attributes

context.configure(
    connection=_settings["connection"],
    target_metadata=_settings.get("metadata"),
    transactional_ddl=True,
    compare_type=True,
    render_as_batch=False,
)
with context.begin_transaction():
    context.run_migrations()
