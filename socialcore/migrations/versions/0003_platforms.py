"""Four platforms: media, sign-ins by browser, connections that check themselves, tokens for the API."""

from pathlib import Path

from alembic import op

from socialcore.database import run_script

revision = "0003"
down_revision = "0002"

DOWN: tuple[str, ...] = (  # what undoes the subjects, the last first
    "drop table composer.departures;"
    "drop policy rewrapped on composer.grants; drop policy rewrapping on composer.grants;"
    "revoke select (account_id, id, version, sealed), update (sealed) on composer.grants from composer_admin;"
    "revoke select (service, subject) on composer.grants from composer_report;"
    "alter table composer.grants drop column ends_at, drop column permissions, drop column targets,"
    "  drop column warned_days, drop column reconnected_from;"
    "alter table composer.connections drop column detail, drop column named_by_us, drop column health,"
    "  drop column check_ms;"
    "alter table composer.lanes drop column check_at;"
    "set local role composer_report; drop function composer.grant_is_used(uuid, uuid); set local role composer_owner",
)
SUBJECTS = sorted((Path(__file__).parent / "0003_platforms").glob("*.sql"))


def upgrade() -> None:
    for subject in SUBJECTS:
        run_script(op.get_bind(), subject)


def downgrade() -> None:
    for statement in DOWN:
        op.get_bind().exec_driver_sql(statement)
