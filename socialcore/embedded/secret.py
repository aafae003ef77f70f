"""The random secret of an embedded server, from which its passwords and other local keys derive."""

import hmac
import os
import re
import secrets
from pathlib import Path

from socialcore.embedded.errors import EmbeddedError
from socialcore.embedded.place import Place, sync

FORM = re.compile(r"[0-9a-f]{64}")


def derived(place: Place, name: str) -> str:
    """Derive the key of this name, as 64 hexadecimal digits: always the same for the same folder.

    Raises:
        EmbeddedError: if the secret was lost or damaged.
    """
    return hmac.digest(bytes.fromhex(_master(place)), name.encode(), "sha256").hex()


def _master(place: Place) -> str:
    path = place.secret
    if not path.exists():
        _create(path, place)
    master = path.read_text("utf-8").strip()
    if not FORM.fullmatch(master):
        raise EmbeddedError(f"{path} is damaged. The data was kept: put that file back from a backup.")
    return master


def _create(path: Path, place: Place) -> None:
    if place.data.exists():
        raise EmbeddedError(
            f"{path} is missing, so nobody can enter the database in {place.home}. The data was kept: put "
            "that file back from a backup, or choose another folder."
        )
    new = _written(path, secrets.token_hex(32) + "\n")
    try:
        path.hardlink_to(new)  # unlike a rename, this never replaces the one of another process
    except FileExistsError:
        pass
    finally:
        new.unlink()
    sync(path.parent)


def write(path: Path, text: str) -> None:
    """Put a text there, in one step, readable by us alone."""
    _written(path, text).replace(path)
    sync(path.parent)


def _written(path: Path, text: str) -> Path:
    new = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    return new
