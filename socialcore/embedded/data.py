"""The data folder of an embedded server: made once, whole or not at all, and then only checked."""

import shutil
import sys

from socialcore.embedded import secret
from socialcore.embedded.binaries import Binaries
from socialcore.embedded.errors import EmbeddedError
from socialcore.embedded.place import Place, sync

# Nothing here weakens durability: fsync and synchronous_commit stay on, as PostgreSQL has them.
SETTINGS = """
# Social Composer's own; to change one, repeat it below.
max_connections = 200
timezone = 'UTC'
log_timezone = 'UTC'
"""
STATISTICS = "pg_stat_statements"


def ensure(place: Place, binaries: Binaries, lock: int) -> None:
    """Make the data folder, unless it is there.

    Args:
        lock: the place's lock, which we hold.

    Raises:
        EmbeddedError: if it cannot be made, is gone, or was written by another version.
    """
    major = binaries.major()
    version = place.data / "PG_VERSION"
    if version.exists():
        _check(place, major, version.read_text("utf-8").strip())
    elif place.data.exists() or place.link.is_symlink():
        raise EmbeddedError(
            f"The data in {place.data} is missing, or not whole. What is there was kept: put it back from a "
            "backup, or choose another folder."
        )
    else:
        _create(place, binaries, major, lock)
    if place.home != place.folder and not place.link.is_symlink():
        place.link.symlink_to(place.home)


def _check(place: Place, major: int, found: str) -> None:
    if found != str(major):
        raise EmbeddedError(
            f"The data in {place.data} was written by PostgreSQL {found}; this is PostgreSQL {major}, which "
            f"cannot read it. The data was kept: set COMPOSER_PG_BIN to the `bin` folder of PostgreSQL "
            f"{found}, or dump the data with that one and load it into another folder."
        )


def _create(place: Place, binaries: Binaries, major: int, lock: int) -> None:
    new = place.home / "data.new"
    shutil.rmtree(new, ignore_errors=True)  # an interrupted attempt
    place.make_folder(new)
    password = place.home / "password.new"
    place.hand_over(secret.derived(place, "postgres"), password)
    try:
        # Keeping the lock: if we are killed, the next start waits until this initdb is done with `new`.
        done, printed = binaries.run(
            "initdb",
            *("--pgdata=data.new", "--username=postgres", "--pwfile=password.new"),
            *("--auth=scram-sha-256", "--data-checksums", "--encoding=UTF8", *_locale(major)),
            inside=place.home,
            keeping=lock,
        )
    finally:
        password.unlink()
    if not done:
        shutil.rmtree(new, ignore_errors=True)
        said = "\n".join(printed.strip().splitlines()[-8:])
        raise EmbeddedError(
            f"A new database could not be made in {place.home}; nothing was kept of it. If the disk is full, "
            f"free some space and try again. PostgreSQL says:\n{said}"
        )
    preload = f"shared_preload_libraries = '{STATISTICS}'\n" if binaries.has_library(STATISTICS) else ""
    settings = new / "postgresql.conf"
    place.hand_over(settings.read_text("utf-8") + SETTINGS + preload, settings)
    new.rename(place.data)
    sync(place.home)


def _locale(major: int) -> tuple[str, ...]:
    if major < 17:
        return ("--locale=C.UTF-8",)
    # macOS knows no C.UTF-8; the built-in provider sorts and folds alike on every system.
    system = "C" if sys.platform == "darwin" else "C.UTF-8"
    return ("--locale-provider=builtin", "--builtin-locale=C.UTF-8", f"--locale={system}")
