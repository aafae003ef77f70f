"""socialcore.grants: sign-ins, refreshed by one worker at a time; stored before they are used."""

from socialcore import failures
from socialcore.grants import REFRESH_TAKES
from socialcore.transitions import Grant
from tests.simulation.model.rows import Database, GrantRow, seconds
from tests.simulation.sign_ins import Secret


def store(db: Database, grant_id: str, secret: Secret, expires_at: float) -> None:
    """Keep what signing in again has brought."""
    row = db.grants[grant_id]
    row.secret, row.expires_at, row.version = secret, expires_at, row.version + 1
    row.refreshing_until, row.reconnect = None, None


def take_turn(db: Database, grant: Grant) -> float | None:
    row = db.grants[grant.id]
    if not _is_same(row, grant) and db.bugs.checks_version:
        return None
    if db.bugs.refreshes_in_turn and row.refreshing_until is not None and row.refreshing_until >= db.now:
        return None
    row.refreshing_until = db.now + seconds(REFRESH_TAKES)
    return row.refreshing_until


def end_turn(db: Database, grant: Grant, until: float) -> None:
    row = db.grants[grant.id]
    if _is_same(row, grant) and row.refreshing_until == until:
        row.refreshing_until = None


def store_refreshed(db: Database, grant: Grant, secret: Secret, expires_at: float) -> bool:
    row = db.grants[grant.id]
    if _is_same(row, grant):
        store(db, row.id, secret, expires_at)
        return True
    return False


def current(db: Database, grant: Grant) -> Grant:
    row = db.grants[grant.id]
    return Grant(grant.account_id, row.id, "", grant.target_id, row.version, is_expiring=False, sealed=row.secret)  # type: ignore[arg-type]


def note(db: Database, grant: Grant, result: object) -> None:
    """Let the sign-in know what its use has shown; only while it is the version that was used."""
    row = db.grants[grant.id]
    if not _is_same(row, grant):
        return
    if isinstance(result, failures.CredentialExpired):
        row.expires_at = db.now
    elif isinstance(result, failures.ReconnectNeeded):
        row.reconnect = row.reconnect or f"reconnect: {result}"
        db.world.say("database", f"{row.id} asks for a person to connect again", event="reconnect asked")


def _is_same(row: GrantRow, grant: Grant) -> bool:
    return row.version == grant.version
