"""Run by Alembic: connects and migrates within one transaction, so that two starting processes do not race."""

from __future__ import annotations

from alembic import context

from gateway.store.engine import engine_for
from gateway.store.tables import metadata

url = context.config.attributes["url"]
engine = engine_for(url, begin="BEGIN IMMEDIATE", pool_size=1, foreign_keys=False)
try:
    with engine.begin() as connection:
        context.configure(
            connection=connection,
            target_metadata=metadata,
            render_as_batch=connection.dialect.name == "sqlite",
            transaction_per_migration=False,
        )
        with context.begin_transaction():
            context.run_migrations()
finally:
    engine.dispose()
