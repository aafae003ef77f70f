"""Pictures and videos of an account: kept by the hash of their bytes, fitted once to each platform's limits.

No scope is open while a picture is worked on or a store is asked: reading, working and writing follow each other.
"""

import hashlib
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import IO
from uuid import UUID

from socialcore import failures, pictures, public_media, videos
from socialcore.adapters.contract import Picture, PictureLimits, Source, VideoLimits
from socialcore.database import AccountScope, Database, MediaScope, account_scope, worker_scope
from socialcore.pictures import Box, Fitted, Unusable
from socialcore.public_media import Asked
from socialcore.stores import PIECE, Opened, Store

PUBLIC_FOR = timedelta(days=7)  # how long a platform may fetch what it was told of
# What is kept of a picture: more than any of our platforms shows, and what each of them is fitted from.
MASTER = PictureLimits(
    most=1, most_bytes=20_000_000, longest_side=4_096, source=Source("our own choice", date(2026, 12, 1))
)
# What pages show of a picture; it must not keep them waiting.
SMALL = PictureLimits(
    most=1, most_bytes=60_000, longest_side=640, source=Source("our own choice, for previews", date(2026, 11, 23))
)
GONE = ("The picture or video is no longer stored.", "Add it again.")
FITTING = 1  # counted up when fitting changes, so that what was fitted before is not taken for it

_turns = tuple(threading.Lock() for _ in range(64))  # who asks for a fit that is being made waits, and looks it up
_room = threading.BoundedSemaphore(2)  # pictures that are worked on at once; a large one takes half a gigabyte


@dataclass(frozen=True, slots=True)
class Stored:
    """A picture or a video as it is kept."""

    id: str
    media_type: str
    size: int  # bytes
    width: int
    height: int
    seconds: float | None = None  # of a video

    @property
    def picture(self) -> Picture:
        return Picture(self.id, self.media_type, self.size, self.width, self.height)


@dataclass(frozen=True, slots=True)
class Crop:
    """What was cut out of which picture."""

    original_id: str
    box: Box
    id: str


@dataclass(frozen=True, slots=True)
class Public:
    """Where this installation is reached from outside, and the moment that addresses are counted from."""

    base: str  # PUBLIC_MEDIA_URL
    context_key: bytes
    now: datetime


class Library:
    """The media of one account; to an adapter, its `Media`."""

    def __init__(self, opened: Opened, account_id: UUID, store: Store, public: Public | None = None) -> None:
        self._opened = opened
        self._account_id = account_id
        self._store = store
        self._public = public

    def keep_picture(self, data: bytes) -> Stored:
        """Keep what an operator added: upright, in sRGB, without a trace of camera, place or program.

        Raises:
            Unusable: saying why, and what to do.
            Unavailable: if the store does not answer; nothing was kept.
        """
        with _room:
            master = pictures.fitted(pictures.opened(data), MASTER)
        return self.keep(master)

    def keep(self, fitted: Fitted) -> Stored:
        """Keep a picture that was drawn by us, as the thumb of a card."""
        digest = hashlib.sha256(fitted.data).hexdigest()
        stored = Stored(digest, fitted.media_type, len(fitted.data), fitted.width, fitted.height)
        return self._kept(stored, BytesIO(fitted.data))

    def keep_video(self, file: IO[bytes]) -> Stored:
        """Keep a video as it is, without having all of it in memory.

        Raises:
            Unusable: saying why, and what to do.
            Unavailable: if the store does not answer; nothing was kept.
        """
        with tempfile.NamedTemporaryFile() as copy:
            digest, size = hashlib.sha256(), 0
            while data := file.read(PIECE):
                size += len(data)
                if size > videos.MOST_BYTES:
                    most = f"{videos.MOST_BYTES // 1_000_000} MB"
                    raise Unusable(f"The video has more than {most}.", "Export it smaller or shorter, and add that.")
                digest.update(data)
                copy.write(data)
            copy.flush()
            video = videos.probed(Path(copy.name))
            copy.seek(0)
            stored = Stored(digest.hexdigest(), video.media_type, size, video.width, video.height, video.seconds)
            return self._kept(stored, copy.file)

    def fit(self, media_id: str, limits: PictureLimits) -> Picture:
        """Make of a kept picture what a platform takes; the second time, only look it up.

        Raises:
            Unusable: if it is too small for the platform, is a video, or is not there.
            Unavailable: if the store does not answer.
        """
        key = _key(limits)
        with self._opened() as scope:
            stored = about(scope, media_id)
            fitted = _fitted_before(scope, media_id, key)
        if fitted is not None:
            return fitted.picture
        stored = _insist_on_picture(stored)
        if pictures.fits(stored.media_type, stored.size, (stored.width, stored.height), limits):
            return stored.picture
        with _turns[hash((self._account_id, media_id, key)) % len(_turns)]:
            return self._fit_now(media_id, limits, key)

    def crop(self, media_id: str, box: Box) -> Stored:
        """Cut a part out of a kept picture, and keep it as a picture of its own; the second time, only look it up.

        Raises:
            Unusable: if the box does not lie in the picture, it is a video, or is not there.
            Unavailable: if the store does not answer.
        """
        with self._opened() as scope:
            stored = _insist_on_picture(about(scope, media_id))
            known = _cropped_before(scope, media_id, box)
        if known is not None:
            return known
        if box == Box(0, 0, stored.width, stored.height):
            return stored
        data = self.read(media_id)
        with _room:
            made = pictures.fitted(pictures.cropped(pictures.opened(data), box), MASTER)
        cropped = self.keep(made)
        with self._opened() as scope:
            _remember_crop(scope, Crop(media_id, box, cropped.id))
        return cropped

    def crops(self, media_ids: Sequence[str]) -> list[Crop]:
        """Say of which of these pictures we know what they were cut from; the same may have been cut from several."""
        with self._opened() as scope:
            found = scope.run(
                "select original_id, x, y, width, height, cropped_id from media_crops"
                " where account_id = :account_id and cropped_id = any(:ids)",
                {"account_id": scope.account_id, "ids": list(media_ids)},
            ).all()
        return [Crop(row.original_id, Box(row.x, row.y, row.width, row.height), row.cropped_id) for row in found]

    def video(self, media_id: str, limits: VideoLimits) -> Picture:
        """Say what a kept video is, if a platform takes it.

        Raises:
            Unusable: if it does not, or it is not there.
        """
        stored = self.about(media_id)
        if stored is None:
            raise Unusable(*GONE)
        if stored.seconds is None:
            raise Unusable("This is a picture, not a video.", "Choose a video.")
        videos.insist_on_fit(stored.media_type, stored.size, stored.seconds, limits)
        return stored.picture

    def about(self, media_id: str) -> Stored | None:
        with self._opened() as scope:
            return about(scope, media_id)

    def read(self, media_id: str) -> bytes:
        """Read all of it, and make sure that it is what was kept.

        Raises:
            ContentRejected: if it is not there, or damaged.
            Unavailable: if the store does not answer.
        """
        data = b"".join(self.stream(media_id))
        if hashlib.sha256(data).hexdigest() != media_id:
            raise failures.ContentRejected("A stored picture or video is damaged. Add it again, in a new post.")
        return data

    def stream(self, media_id: str) -> Iterator[bytes]:
        """Read it piece by piece, each at most a megabyte.

        Raises:
            ContentRejected: if it is not there.
            Unavailable: if the store does not answer.
        """
        if self.about(media_id) is None:
            raise failures.ContentRejected("A picture or video of this post is no longer stored. Add it to a new post.")
        return self._store.pieces(self._opened, self._account_id, media_id)

    def public_url(self, media_id: str) -> str:
        """Say where a platform can fetch it, for a week from now."""
        if self._public is None:
            raise failures.Unavailable(
                "This installation has no public address for pictures: PUBLIC_MEDIA_URL is not set."
            )
        stored = self.about(media_id)
        if stored is None:
            raise failures.ContentRejected("A picture of this post is no longer stored. Add it to a new post.")
        asked = Asked(self._account_id, media_id, self._public.now + PUBLIC_FOR)
        return public_media.url(self._public.base, self._public.context_key, asked, stored.media_type)

    def _fit_now(self, media_id: str, limits: PictureLimits, key: str) -> Picture:
        with self._opened() as scope:
            if (fitted := _fitted_before(scope, media_id, key)) is not None:  # made while we waited
                return fitted.picture
        data = self.read(media_id)
        with _room:
            made = pictures.fitted(pictures.opened(data), limits)
        fitted = self.keep(made)
        with self._opened() as scope:
            _remember_fit(scope, media_id, key, fitted.id)
        return fitted.picture

    def _kept(self, stored: Stored, file: IO[bytes]) -> Stored:
        if known := self.about(stored.id):
            return known
        self._store.keep(self._opened, self._account_id, stored.id, file, lambda scope: _note(scope, stored))
        return stored


def of_operator(database: Database, operator_id: UUID, account_id: UUID, store: Store) -> Library:
    return Library(lambda: account_scope(database, operator_id, account_id), account_id, store)


def of_worker(
    database: Database, account_id: UUID, store: Store, *, public_url: str | None = None, now: datetime
) -> Library:
    """Make an adapter's `Media`; `public_url` is the setting PUBLIC_MEDIA_URL."""
    public = None if public_url is None else Public(public_url, database.context_key, now)
    return Library(lambda: worker_scope(database, account_id), account_id, store, public)


def for_workers(database: Database, store: Store, public_url: str | None) -> Callable[[UUID], Library]:
    """Find an account's media whenever a worker needs them."""
    return lambda account_id: of_worker(
        database,
        account_id,
        store,
        public_url=public_url,
        now=datetime.now(UTC),  # noqa: TID251 - an edge
    )


def about(scope: AccountScope | MediaScope, media_id: str) -> Stored | None:
    return scope.first(
        Stored,
        "select id, media_type, size, width, height, seconds from media where account_id = :account_id and id = :id",
        {"account_id": scope.account_id, "id": media_id},
    )


def _note(scope: AccountScope, stored: Stored) -> bool:
    """Write the row; False if another upload of the same bytes was faster."""
    written = scope.run(
        "insert into media (account_id, id, media_type, size, width, height, seconds, stored_by)"
        " values (:account_id, :id, :media_type, :size, :width, :height, :seconds, :operator_id)"
        " on conflict do nothing",
        {
            "account_id": scope.account_id,
            "operator_id": scope.operator_id,
            "id": stored.id,
            "media_type": stored.media_type,
            "size": stored.size,
            "width": stored.width,
            "height": stored.height,
            "seconds": stored.seconds,
        },
    )
    return written.rowcount == 1


def _insist_on_picture(stored: Stored | None) -> Stored:
    if stored is None:
        raise Unusable(*GONE)
    if stored.seconds is not None:
        raise Unusable("This is a video, not a picture.", "Choose a picture.")
    return stored


def _cropped_before(scope: AccountScope, media_id: str, box: Box) -> Stored | None:
    return scope.first(
        Stored,
        "select m.id, media_type, size, m.width, m.height, seconds from media_crops c"
        " join media m on m.account_id = c.account_id and m.id = c.cropped_id"
        " where c.account_id = :account_id and c.original_id = :id"
        "   and (c.x, c.y, c.width, c.height) = (:x, :y, :width, :height)",
        {"account_id": scope.account_id, "id": media_id, **_sides(box)},
    )


def _remember_crop(scope: AccountScope, crop: Crop) -> None:
    scope.run(
        "insert into media_crops (account_id, original_id, x, y, width, height, cropped_id)"
        " values (:account_id, :id, :x, :y, :width, :height, :cropped_id) on conflict do nothing",
        {"account_id": scope.account_id, "id": crop.original_id, "cropped_id": crop.id, **_sides(crop.box)},
    )


def _sides(box: Box) -> Mapping[str, int]:
    return {"x": box.x, "y": box.y, "width": box.width, "height": box.height}


def _fitted_before(scope: AccountScope, media_id: str, key: str) -> Stored | None:
    return scope.first(
        Stored,
        "select m.id, media_type, size, width, height, seconds from media_fits f"
        " join media m on m.account_id = f.account_id and m.id = f.fitted_id"
        " where f.account_id = :account_id and f.original_id = :id and f.limits = :key",
        {"account_id": scope.account_id, "id": media_id, "key": key},
    )


def _remember_fit(scope: AccountScope, media_id: str, key: str, fitted_id: str) -> None:
    scope.run(
        "insert into media_fits (account_id, original_id, limits, fitted_id)"
        " values (:account_id, :id, :key, :fitted_id) on conflict do nothing",
        {"account_id": scope.account_id, "id": media_id, "key": key, "fitted_id": fitted_id},
    )


def _key(limits: PictureLimits) -> str:
    """Name the limits by what fitting heeds, so that limits with another source or count share a fit."""
    heeded = (
        *(FITTING, limits.most_bytes, limits.least_bytes, limits.longest_side, limits.shortest_side),
        *sorted(limits.media_types),
    )
    return hashlib.sha256(repr(heeded).encode()).hexdigest()
