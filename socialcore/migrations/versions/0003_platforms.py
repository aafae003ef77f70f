"""Four platforms: media, sign-ins by browser, connections that check themselves, tokens for the API."""

from pathlib import Path

from alembic import op

from socialcore.database import run_script

revision = "0003"
down_revision = "0002"

DOWN: tuple[str, ...] = (  # what undoes the subjects, the last first
    "drop table composer.departures",
    "set local role composer_keys",
    "drop function composer.grant_is_used(uuid, uuid)",
    "set local role composer_owner",
    "drop policy rewrapped on composer.grants",
    "drop policy used on composer.connections",
    "revoke all (account_id, id, platform, service, subject, version, sealed) on composer.grants from composer_keys",
    "revoke all (account_id, grant_id, disconnected_at) on composer.connections from composer_keys",
    "revoke usage on schema composer from composer_keys",
    "alter table composer.grants drop column ends_at, drop column permissions, drop column targets",
    "alter table composer.grants drop column warned_days, drop column reconnected_from",
    "alter table composer.connections drop column detail, drop column named_by_us",
    "alter table composer.connections drop column health, drop column check_ms",
    "alter table composer.lanes drop column check_at",
    "drop table composer.media_fits, composer.media_chunks, composer.media",
    "drop function composer.public_media()",
)
SUBJECTS = sorted((Path(__file__).parent / "0003_platforms").glob("*.sql"))


def upgrade() -> None:
    for subject in SUBJECTS:
        run_script(op.get_bind(), subject)


def downgrade() -> None:
    for statement in DOWN:
        op.get_bind().exec_driver_sql(statement)
