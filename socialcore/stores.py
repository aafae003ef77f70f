"""Where the bytes of media lie: in the database, or in an S3-compatible store."""

import importlib
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from itertools import count
from typing import IO, Any, Protocol
from uuid import UUID

from socialcore import failures
from socialcore.database import AccountScope, MediaScope
from socialcore.settings import Bucket

PIECE = 1_000_000  # bytes that are in hand at once
PART = 8_000_000  # bytes; S3 takes parts of 5 MB or more

Opened = Callable[[], AbstractContextManager[AccountScope]]  # opens the account's scope
Reading = Callable[[], AbstractContextManager[AccountScope | MediaScope]]
Note = Callable[[AccountScope], bool]  # writes the row; False if it was there


class Store(Protocol):
    """Keeps bytes under the hash they have. No method is called inside a scope: a store may be somebody's server."""

    def keep(self, opened: Opened, account_id: UUID, media_id: str, file: IO[bytes], note: Note) -> None:
        """Keep a file, and note it: what is noted is there."""
        ...

    def pieces(self, opened: Reading, account_id: UUID, media_id: str) -> Iterator[bytes]:
        """Read piece by piece; nothing at all if it is not there.

        Raises:
            Unavailable: if the store does not answer.
        """
        ...


class InDatabase:
    def keep(self, opened: Opened, account_id: UUID, media_id: str, file: IO[bytes], note: Note) -> None:
        with opened() as scope:
            if not note(scope):
                return
            for n, data in enumerate(_read(file)):
                scope.run(
                    "insert into media_chunks (account_id, id, n, data) values (:account_id, :id, :n, :data)",
                    {"account_id": account_id, "id": media_id, "n": n, "data": data},
                )

    def pieces(self, opened: Reading, account_id: UUID, media_id: str) -> Iterator[bytes]:
        """Read each piece in a scope of its own: whoever reads may be slow, and what has a hash does not change."""
        for n in count():
            with opened() as scope:
                data = scope.run(
                    "select data from media_chunks where account_id = :account_id and id = :id and n = :n",
                    {"account_id": account_id, "id": media_id, "n": n},
                ).scalar()
            if data is None:
                return
            yield bytes(data)


class InBucket:
    """An S3-compatible store. The database still decides who sees what: nothing is read before its row was."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def keep(self, opened: Opened, account_id: UUID, media_id: str, file: IO[bytes], note: Note) -> None:
        transfer = importlib.import_module("boto3.s3.transfer")
        parts = transfer.TransferConfig(multipart_threshold=PART, multipart_chunksize=PART, use_threads=False)
        with _in_words():
            self._client.upload_fileobj(_Open(file), self._bucket.name, _name(account_id, media_id), Config=parts)
        with opened() as scope:
            note(scope)

    def pieces(self, opened: Reading, account_id: UUID, media_id: str) -> Iterator[bytes]:
        try:
            with _in_words():
                found = self._client.get_object(Bucket=self._bucket.name, Key=_name(account_id, media_id))
                yield from found["Body"].iter_chunks(PIECE)
        except _Gone:  # it may be older than the bucket
            yield from InDatabase().pieces(opened, account_id, media_id)

    @cached_property
    def _client(self) -> Any:
        """Made when it is first needed: loading boto3 takes half a second."""
        config = importlib.import_module("botocore.config").Config(
            connect_timeout=5, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 3}
        )
        return importlib.import_module("boto3").client(
            "s3", region_name=self._bucket.region, endpoint_url=self._bucket.endpoint, config=config
        )


def configured(bucket: Bucket | None) -> Store:
    return InDatabase() if bucket is None else InBucket(bucket)


class _Gone(Exception):
    """The store has nothing under this name."""


class _Open:
    """A file that an upload does not close when it is done, as boto3 would."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def close(self) -> None:
        pass


@contextmanager
def _in_words() -> Generator[None]:
    """Turn whatever boto3 raises into a failure of ours; its texts hold names and addresses that nobody should see."""
    known = importlib.import_module("botocore.exceptions")
    uploads = importlib.import_module("boto3.exceptions")
    http = importlib.import_module("urllib3.exceptions")
    try:
        yield
    except known.ClientError as error:
        if error.response.get("Error", {}).get("Code") in ("NoSuchKey", "404"):
            raise _Gone from error
        raise failures.Unavailable("The media store refuses us. Nothing was sent; tell whoever runs it.") from error
    except (known.BotoCoreError, uploads.Boto3Error, http.HTTPError, OSError) as error:
        raise failures.Unavailable("The media store does not answer. Nothing was sent.") from error


def _name(account_id: UUID, media_id: str) -> str:
    return f"{account_id}/{media_id}"


def _read(file: IO[bytes]) -> Iterator[bytes]:
    while data := file.read(PIECE):
        yield data
