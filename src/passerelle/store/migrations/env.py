"""What Alembic runs: the steps, on the connection that ``store.migrate`` gives."""

from __future__ import annotations

from alembic import context

from passerelle.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
