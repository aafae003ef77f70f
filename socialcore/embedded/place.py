"""Where the embedded server keeps its files, and as whom it runs.

PostgreSQL refuses to run as root, so root runs it as `nobody`, who must be able to reach its files. A folder
below somebody's private home is out of reach, and opening up that home is not ours to do: then the files
live below `STATE`, and a link in the folder leads there. (Not below /var/tmp: what lies there untouched for
a month is cleaned away, and anybody may put a folder there under the name we would use.)
"""

import hashlib
import os
import re
import stat
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from socialcore.embedded.errors import EmbeddedError

if sys.platform != "win32":  # where Server says so itself
    import fcntl
    import pwd

STATE = Path("/var/lib/social-composer")
SHORT = Path("/tmp")  # noqa: S108 - only for a private folder with a name short enough for a socket
PORT = 5432  # no network port: it only names the socket
# An address of a socket has room for 104 bytes (macOS) or 108 (Linux), the file's name included. And what is
# not plain would need quoting in three ways: for a shell, for PostgreSQL's settings and for libpq.
PLAIN = re.compile(r"[A-Za-z0-9_./-]{1,80}")


@dataclass(frozen=True, slots=True)
class User:
    """The user of the operating system as whom the server runs."""

    uid: int
    gid: int
    is_other: bool  # than the one we run as: we are root

    def can_reach(self, path: Path) -> bool:
        """Tell whether this user may pass through the folders that lead to `path`, and enter or run it."""
        return all(self._can_pass(step.stat()) for step in [path, *path.parents])

    def _can_pass(self, status: os.stat_result) -> bool:
        if status.st_uid == self.uid:
            return bool(status.st_mode & stat.S_IXUSR)
        return bool(status.st_mode & (stat.S_IXGRP if status.st_gid == self.gid else stat.S_IXOTH))


@dataclass(frozen=True, slots=True)
class Place:
    """The files of one server.

    The chosen folder holds the secret, the home everything else; they are the same unless the home had to be
    elsewhere. Both belong to us; of what is in the home, the server's user owns only what it writes.
    """

    folder: Path
    home: Path
    user: User

    @property
    def secret(self) -> Path:
        return self.folder / "secret"

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def log(self) -> Path:
        return self.home / "server.log"

    @property
    def link(self) -> Path:
        """Leads to the home if that is elsewhere; made last, so it promises that there is data."""
        return self.folder / "home"

    @property
    def sockets(self) -> Path:
        inside = self.home / "sockets"
        if PLAIN.fullmatch(str(inside)):
            return inside
        return SHORT / f"social-composer-{self.user.uid}-{_digest(self.home)}"

    @contextmanager
    def locked(self) -> Generator[int]:
        """Let one process at a time start or stop the server; yields the descriptor of the lock."""
        lock = self._open("start.lock")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield lock
        finally:
            os.close(lock)

    def lease(self) -> int:
        """Let nobody else stop the server for as long as the returned descriptor is open."""
        lease = self._open("clients.lock")
        fcntl.flock(lease, fcntl.LOCK_SH)
        return lease

    def is_leased(self) -> bool:
        lease = self._open("clients.lock")
        try:
            fcntl.flock(lease, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(lease)
        return False

    def hand_over(self, text: str, target: Path) -> None:
        """Put a private file where the server's user reads it, whole or not at all."""
        # Made in the home, where only we may write, so that root follows nobody's symbolic link.
        descriptor, name = tempfile.mkstemp(dir=self.home, prefix=".new-")
        with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor
            file.write(text)
            if self.user.is_other:
                os.fchown(descriptor, self.user.uid, self.user.gid)
        Path(name).replace(target)

    def make_folder(self, path: Path) -> None:
        """Make a folder that only the server's user enters.

        Raises:
            EmbeddedError: if something of somebody else is there.
        """
        with suppress(FileExistsError):
            path.mkdir(mode=0o700)
        status = path.lstat()
        is_ours = stat.S_ISDIR(status.st_mode) and status.st_uid in {self.user.uid, os.geteuid()}
        if not is_ours or status.st_mode & 0o077:
            raise EmbeddedError(
                f"{path} should be a private folder of the database, but others own it or may enter it. "
                "It was left alone: remove it and try again."
            )
        if self.user.is_other:
            os.chown(path, self.user.uid, self.user.gid, follow_symlinks=False)

    def _open(self, lock: str) -> int:
        # CLOEXEC: a lock that the server inherited would outlive us. The kernel frees ours even on kill -9.
        return os.open(self.home / lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def located(folder: Path) -> Place:
    """Find out where the server of this folder has its home; changes nothing.

    Raises:
        EmbeddedError: if it is another user's, or there is nobody to run the server as.
    """
    place = Place(folder, folder, _user())
    _check_owner(place)
    if place.link.is_symlink():
        return Place(folder, place.link.readlink(), place.user)
    if not place.user.is_other or place.data.exists():
        return place
    # Judged by the parents alone: they stay as they are, so that every process decides alike.
    parent = next(parent for parent in folder.parents if parent.exists())
    return place if place.user.can_reach(parent) else Place(folder, STATE / _digest(folder), place.user)


def prepared(folder: Path) -> Place:
    """Make the folders of the server, unless they are there.

    Raises:
        EmbeddedError: if the server's user cannot pass through to its home.
        OSError: if a folder cannot be made.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    place = located(folder)
    if place.user.is_other:
        if place.home != folder:
            make_passable(STATE)
        make_passable(place.home)
        if not place.user.can_reach(place.home):
            raise EmbeddedError(
                f"The database in {place.home} runs as the user {place.user.uid}, who may not pass through "
                "the folders above it. Nothing was changed: allow that, or choose another folder."
            )
    place.make_folder(place.sockets)
    return place


def make_passable(path: Path) -> None:
    """Make a folder of root's, in which others reach what is theirs but see and change nothing else."""
    path.mkdir(mode=0o711, parents=True, exist_ok=True)
    status = path.stat()
    if status.st_uid == os.geteuid() and not status.st_mode & stat.S_IXOTH:
        path.chmod(0o711)


def sync(folder: Path) -> None:
    """Make renames in this folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check_owner(place: Place) -> None:
    if not place.secret.exists():
        return
    owner = place.secret.stat().st_uid
    if owner != os.geteuid():
        # Not even root: what it would write there, the owner could no longer use.
        raise EmbeddedError(
            f"The database in {place.folder} belongs to the user {owner}. Nothing was changed: "
            "run this as that user, or choose another folder."
        )


def _user() -> User:
    if os.geteuid() != 0:
        return User(os.geteuid(), os.getegid(), is_other=False)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError as error:
        raise EmbeddedError(
            "PostgreSQL does not run as root, and there is no user `nobody` to run it as: "
            "start this as an ordinary user, or set DATABASE_URL."
        ) from error
    return User(nobody.pw_uid, nobody.pw_gid, is_other=True)


def _digest(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
