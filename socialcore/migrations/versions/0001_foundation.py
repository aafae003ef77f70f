"""Accounts behind walls, connections, publishing, flags, records.

One SQL file per subject, in the order they build on one another: policies, triggers and grants are the
product here, and SQL is the language that says them.
"""

from pathlib import Path

from alembic import op

from socialcore.database import run_script

revision = "0001"
down_revision = None

SUBJECTS = sorted((Path(__file__).parent / "0001_foundation").glob("*.sql"))


def upgrade() -> None:
    for subject in SUBJECTS:
        run_script(op.get_bind(), subject)


def downgrade() -> None:
    op.get_bind().exec_driver_sql(
        "drop schema composer cascade; drop table composer_private.context_keys, composer_private.audit_head"
    )
