"""Runs the steps on the connection that opens the casebook, inside its transaction."""

from alembic import context

from bot.casebook.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
