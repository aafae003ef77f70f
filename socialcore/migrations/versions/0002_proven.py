"""Rate budgets, lanes found platform by platform, and a person's answer to "is it there?"."""

from pathlib import Path

from alembic import op

from socialcore.database import run_script

revision = "0002"
down_revision = "0001"

SUBJECTS = sorted((Path(__file__).parent / "0002_proven").glob("*.sql"))


def upgrade() -> None:
    for subject in SUBJECTS:
        run_script(op.get_bind(), subject)


def downgrade() -> None:
    op.get_bind().exec_driver_sql(
        "drop table composer.clock, composer.spendings;"
        "drop index composer.lanes_ready_of_platform;"
        "create index lanes_ready on composer.lanes (ready_at) where owner is null and ready_at < 'infinity';"
        "alter table composer.duties drop constraint duties_kind_check;"
        "alter table composer.duties add constraint duties_kind_check check (kind in ('check', 'revoke')) not valid;"
        "alter table composer.duties drop column delivery_id, drop column remote_id, drop column url,"
        "  drop column found"
    )
