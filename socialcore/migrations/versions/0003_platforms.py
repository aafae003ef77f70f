"""Four platforms: media, sign-ins by browser, connections that check themselves, tokens for the API."""

from pathlib import Path

from alembic import op

from socialcore.database import run_script

revision = "0003"
down_revision = "0002"

DOWN: tuple[str, ...] = (  # what undoes the subjects, the last first
    "drop index composer.deliveries_changed",
    "alter table composer.posts drop column request_hash",
    "drop table composer.api_tokens",
    "drop function composer.use_api_token(bytea), composer.may_manage()",
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
