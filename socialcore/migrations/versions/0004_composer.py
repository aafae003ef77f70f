"""A composer people want to use: drafts, queues, people, what is told, what is taken down."""

from pathlib import Path

from alembic import op

from socialcore.database import run_script

revision = "0004"
down_revision = "0003"

SUBJECTS = Path(__file__).parent / "0004_composer"  # each with what undoes it beside it


def upgrade() -> None:
    for subject in sorted(SUBJECTS.glob("*.up.sql")):
        run_script(op.get_bind(), subject)


def downgrade() -> None:
    for subject in sorted(SUBJECTS.glob("*.down.sql"), reverse=True):
        run_script(op.get_bind(), subject)
