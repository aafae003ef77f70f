"""What a platform remembers, as a file of JSON lines that only grows and is replayed at start.

A line is handed to the operating system in one write before anybody hears of it, so a server killed
at any moment loses nothing it acknowledged. (It may lose some if the whole machine loses power.)
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


class Damaged(Exception):
    """A whole line of the journal is not JSON: something other than this server wrote there."""


class Journal:
    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._file = path.open("ab", buffering=0)
        self._cut_torn_line()

    def replay(self) -> Iterator[dict[str, Any]]:
        """Yield what was appended, oldest first.

        Raises:
            Damaged: if a line cannot be read; a torn last line is not one, it was cut off at opening.
        """
        for number, line in enumerate(self._path.read_bytes().splitlines(), start=1):
            try:
                yield json.loads(line)
            except ValueError as error:
                raise Damaged(f"{self._path}, line {number}") from error

    def append(self, event: Mapping[str, Any]) -> None:
        line = json.dumps(event, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"
        before = self._file.tell()
        try:
            written = self._file.write(line)
        except OSError:
            self._file.truncate(before)
            raise
        if written != len(line):
            self._file.truncate(before)
            raise OSError(f"{self._path}: wrote {written} of {len(line)} bytes; is the disk full?")

    def wipe(self) -> None:
        self._file.truncate(0)
        self._file.seek(0)

    def close(self) -> None:
        self._file.close()

    def _cut_torn_line(self) -> None:
        content = self._path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole != len(content):
            self._file.truncate(whole)
            self._file.seek(whole)
