"""Types of what comes in and goes out: strict where they come in, so that what is not described is not guessed at."""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from api.v1.problems import Refusal

Item = TypeVar("Item")

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MEDIA_ID = r"^[0-9a-f]{64}$"  # the SHA-256 of its bytes
CURSOR = r"^[0-9a-f]{1,13}\.[0-9a-f]{32}$"


def _written_out(value: object) -> object:
    """Numbers and bare dates would be read as times, too; a mistake more likely than a wish."""
    if isinstance(value, str) and not _RFC_3339.fullmatch(value):
        raise ValueError("A time looks like 2026-11-23T09:30:00-08:00.")
    if not isinstance(value, str | datetime):
        raise ValueError("A time is a string.")  # noqa: TRY004 - pydantic wants it so
    return value


def insist_on_storable(value: Any) -> None:
    """Refuse what Postgres cannot keep: NUL, halves of surrogate pairs, and numbers that are none.

    Raises:
        Refusal: saying so. For what a pattern cannot say: it may be anywhere in a value of any shape.
    """
    try:
        fine = r"\u0000" not in json.dumps(value, allow_nan=False)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        fine = False
    if not fine:
        raise Refusal("does-not-fit", "The options hold what is no text or no number. Nothing was stored.")


def _each_once(values: Sequence[UUID]) -> Sequence[UUID]:
    if len(set(values)) < len(values):
        raise ValueError("Name each one once.")
    return values


Moment = Annotated[AwareDatetime, BeforeValidator(_written_out), Field(examples=["2026-11-23T09:30:00-08:00"])]
Options = dict[str, Any]
Words = Annotated[str, Field(max_length=50_000, pattern=r"^[^\u0000]*$")]
Parts = Annotated[list[Words], Field(max_length=50)]
Ids = Annotated[
    list[UUID], AfterValidator(_each_once), Field(min_length=1, max_length=50, json_schema_extra={"uniqueItems": True})
]


class Asked(BaseModel):
    """What comes in: a name that is not described is a mistake, and said to be."""

    model_config = ConfigDict(extra="forbid")


class Told(BaseModel):
    """What goes out."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


class Page(Told, Generic[Item]):
    """Some of a list, and how to ask for more."""

    items: list[Item]
    next: str | None = Field(description="The `cursor` of the next page; null: this is the last", pattern=CURSOR)


class Paging(Asked):
    cursor: str | None = Field(default=None, pattern=CURSOR, description="`next` of the page before")
    limit: int = Field(default=20, ge=1, le=100)

    @property
    def before(self) -> tuple[datetime, UUID] | None:
        if self.cursor is None:
            return None
        at, _, last_id = self.cursor.partition(".")
        return _EPOCH + timedelta(microseconds=int(at, 16)), UUID(last_id)


def cursor_after(at: datetime, last_id: UUID) -> str:
    return f"{(at - _EPOCH) // timedelta(microseconds=1):x}.{last_id.hex}"


def found(what: Item | None, name: str) -> Item:
    """Insist on there being one.

    Raises:
        Refusal: not-found; the same for what is nowhere and what is another account's.
    """
    if what is None:
        raise Refusal("not-found", f"The account has no such {name}.")
    return what
