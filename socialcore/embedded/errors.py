"""What goes wrong with the embedded database server, told to whoever started it."""

import errno
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


class EmbeddedError(Exception):
    """Why the embedded server cannot run, in words for whoever started it, with what to do next."""


@contextmanager
def explained(folder: Path) -> Generator[None]:
    """Put what the operating system refuses into words; whatever we do until then loses no data."""
    try:
        yield
    except OSError as error:
        where = error.filename or folder
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            message = f"No space is left for {where}. All stored data was kept: free some space and try again."
        elif isinstance(error, FileExistsError | NotADirectoryError):
            message = (
                f"The database needs the folder {folder}, but there is a file in its place ({where}). "
                "It was left alone: move it away, or choose another folder."
            )
        else:
            message = (
                f"The database in {folder} cannot use {where}: {error.strerror}. All stored data was kept: "
                "let this user write there, choose another folder, or set DATABASE_URL."
            )
        raise EmbeddedError(message) from error
