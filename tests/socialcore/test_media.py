"""Media in the database and in a bucket: one suite for both, since nobody else may notice the difference."""

import gc
import hashlib
import hmac
import io
import random
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest
import sqlalchemy.exc
from PIL import Image

from socialcore import failures, media, pictures, public_media, stores
from socialcore.adapters.contract import PictureLimits, Source, VideoLimits
from socialcore.database import ContextRefused, media_scope
from socialcore.media import Library
from socialcore.pictures import Unusable
from socialcore.public_media import Asked
from socialcore.settings import Bucket
from socialcore.stores import InBucket, InDatabase, Store
from tests import s3
from tests.conftest import Business
from tests.footage import footage, swollen

SOURCE = Source("this test", date(2026, 12, 1))
LIMITS = PictureLimits(most=4, most_bytes=50_000, longest_side=600, source=SOURCE)
NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
BASE = "https://composer.example"


@pytest.fixture(scope="module")
def bucket() -> Iterator[Bucket]:
    with pytest.MonkeyPatch.context() as patch, s3.running() as running:
        for name, value in s3.KEYS.items():
            patch.setenv(name, value)
        yield running


@pytest.fixture(params=["in the database", "in a bucket"])
def store(request: pytest.FixtureRequest) -> Store:
    if request.param == "in the database":
        return InDatabase()
    return InBucket(request.getfixturevalue("bucket"))


@pytest.fixture
def library(bakery: Business, store: Store) -> Library:
    return of(bakery, store)


def of(business: Business, store: Store) -> Library:
    return media.of_operator(business.app, business.operator_id, business.account_id, store)


def photo(width: int = 900, height: int = 600, seed: int = 1, **options) -> bytes:
    buffer = io.BytesIO()
    image = Image.frombytes("RGB", (width, height), random.Random(seed).randbytes(width * height * 3))
    image.save(buffer, "JPEG", quality=90, **options)
    return buffer.getvalue()


def located() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "CameraMakerMark"
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0)})
    return exif


@dataclass
class Counted:
    """A store that counts what is asked of it."""

    store: Store
    kept: int = 0
    read: int = 0

    def keep(self, *what) -> None:
        self.kept += 1
        self.store.keep(*what)

    def pieces(self, *what) -> Iterator[bytes]:
        self.read += 1
        return self.store.pieces(*what)


class TestAPicture:
    def test_is_kept_upright_and_without_what_the_camera_knew(self, library):
        stored = library.keep_picture(photo(exif=located()))

        data = library.read(stored.id)
        assert stored.id == hashlib.sha256(data).hexdigest()
        assert (stored.width, stored.height, stored.size) == (600, 900, len(data))
        assert stored.media_type == "image/jpeg"
        assert b"CameraMakerMark" not in data
        assert b"Exif" not in data

    def test_is_never_larger_than_what_any_platform_shows(self, library):
        buffer = io.BytesIO()
        Image.new("RGB", (6_000, 3_000), "teal").save(buffer, "PNG")

        stored = library.keep_picture(buffer.getvalue())

        assert (stored.width, stored.height) == (4_096, 2_048)

    def test_that_is_unusable_leaves_nothing(self, library, bakery, superuser):
        with pytest.raises(Unusable, match="SVG"):
            library.keep_picture(b"<svg/>")
        assert rows(superuser, bakery, "media") == 0

    def test_is_known_again(self, bakery, store, superuser):
        counted = Counted(store)
        library = of(bakery, counted)

        first, again = library.keep_picture(photo()), library.keep_picture(photo())

        assert first == again
        assert counted.kept == 1
        assert rows(superuser, bakery, "media") == 1

    def test_that_many_add_at_once_is_kept_once(self, bakery, store, superuser):
        library = of(bakery, store)
        fitted = pictures.fitted(pictures.opened(photo()), LIMITS)

        with ThreadPoolExecutor(8) as threads:
            kept = list(threads.map(lambda _: library.keep(fitted), range(8)))

        assert {each.id for each in kept} == {hashlib.sha256(fitted.data).hexdigest()}
        assert rows(superuser, bakery, "media") == 1
        assert library.read(kept[0].id) == fitted.data

    def test_remembers_who_added_it(self, library, bakery, superuser):
        stored = library.keep_picture(photo())

        (who,) = superuser.execute(
            "select stored_by from media where account_id = %s and id = %s", (bakery.account_id, stored.id)
        ).fetchone()
        assert who == bakery.operator_id


class TestFitting:
    def test_happens_once(self, bakery, store):
        counted = Counted(store)
        library = of(bakery, counted)
        original = library.keep_picture(photo())

        first = library.fit(original.id, LIMITS)
        kept, read = counted.kept, counted.read
        again = library.fit(original.id, replace(LIMITS, most=1, most_alt=20))

        assert first == again
        assert first.size <= 50_000
        assert max(first.width, first.height) <= 600
        assert (counted.kept, counted.read) == (kept, read)
        assert hashlib.sha256(library.read(first.id)).hexdigest() == first.id

    @pytest.mark.parametrize(
        "changes", [{"most_bytes": 40_000}, {"longest_side": 300}, {"media_types": ("image/jpeg",)}]
    )
    def test_is_another_for_other_limits(self, library, bakery, superuser, changes):
        original = library.keep_picture(photo())

        library.fit(original.id, LIMITS)
        library.fit(original.id, replace(LIMITS, **changes))

        assert rows(superuser, bakery, "media_fits") == 2

    def test_leaves_what_fits_as_it_is(self, library, bakery, superuser):
        original = library.keep_picture(photo(80, 60))

        assert library.fit(original.id, LIMITS).id == original.id
        assert rows(superuser, bakery, "media") == 1

    def test_holds_no_transaction_while_it_works(self, bakery, store, superuser, monkeypatch):
        """Of five connections, none may be in a transaction while Pillow works."""
        library = of(bakery, store)
        original = library.keep_picture(photo())
        seen: list[int] = []
        fitted = pictures.fitted

        def watched(picture, limits):
            seen.append(bakery.app.engine.pool.checkedout())
            return fitted(picture, limits)

        monkeypatch.setattr(pictures, "fitted", watched)
        library.fit(original.id, LIMITS)

        assert seen == [0]

    def test_refuses_in_words(self, library):
        original = library.keep_picture(photo(100, 80))

        with pytest.raises(Unusable, match="at least 250 pixels"):
            library.fit(original.id, replace(LIMITS, shortest_side=250))
        with pytest.raises(Unusable, match="no longer stored"):
            library.fit("0" * 64, LIMITS)


class TestAVideo:
    def test_is_kept_as_it_is(self, library):
        data = footage()

        stored = library.keep_video(io.BytesIO(data))

        assert b"".join(library.stream(stored.id)) == data
        assert (stored.media_type, stored.width, stored.height, stored.size) == ("video/mp4", 64, 48, len(data))

    def test_goes_where_it_fits(self, library):
        stored = library.keep_video(io.BytesIO(footage(seconds=2)))
        limits = VideoLimits(most_bytes=10_000_000, longest=timedelta(seconds=60), source=SOURCE)

        assert library.video(stored.id, limits) == stored.picture
        with pytest.raises(Unusable, match="0:01 is the most"):
            library.video(stored.id, replace(limits, longest=timedelta(seconds=1)))
        with pytest.raises(Unusable, match="a video, not a picture"):
            library.fit(stored.id, LIMITS)
        with pytest.raises(Unusable, match="a picture, not a video"):
            library.video(library.keep_picture(photo()).id, limits)

    def test_is_never_in_memory_as_a_whole(self, library, record_property):
        """60 MB, of which no more than a few are in hand; measured as Python's own memory."""
        whole = swollen(footage(), 60_000_000)
        digest = hashlib.sha256(whole).hexdigest()
        file = io.BytesIO(whole)
        del whole
        library.about("0" * 64)  # whatever is loaded with the first question
        library.keep_picture(photo(20, 20))
        gc.collect()

        tracemalloc.start()
        try:
            stored = library.keep_video(file)
            kept_with = tracemalloc.get_traced_memory()[1]
            tracemalloc.reset_peak()
            read, longest = hashlib.sha256(), 0
            for piece in library.stream(stored.id):
                read.update(piece)
                longest = max(longest, len(piece))
            read_with = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

        assert stored.id == digest == read.hexdigest()
        assert longest <= stores.PIECE
        assert kept_with < 25_000_000
        assert read_with < 15_000_000

    def test_that_is_too_large_is_refused_before_its_end(self, library, monkeypatch):
        monkeypatch.setattr("socialcore.videos.MOST_BYTES", 3_000_000)

        class Endless(io.RawIOBase):
            def read(self, size: int = -1) -> bytes:
                return bytes(size)

        with pytest.raises(Unusable, match="more than 3 MB"):
            library.keep_video(Endless())


class TestWhatIsAmiss:
    def test_nothing_there_is_said_to_be_so(self, library):
        assert library.about("0" * 64) is None
        with pytest.raises(failures.ContentRejected, match="no longer stored"):
            library.read("0" * 64)

    def test_damage_is_noticed(self, library, bakery, store, superuser, request):
        stored = library.keep_picture(photo())
        if isinstance(store, InDatabase):
            superuser.execute(
                "update media_chunks set data = 'x' where account_id = %s and n = 0", (bakery.account_id,)
            )
        else:
            bucket = request.getfixturevalue("bucket")
            s3.client(bucket).put_object(Bucket=bucket.name, Key=f"{bakery.account_id}/{stored.id}", Body=b"x")

        with pytest.raises(failures.ContentRejected, match="damaged"):
            library.read(stored.id)

    def test_a_loss_is_noticed(self, library, bakery, store, superuser, request):
        stored = library.keep_picture(photo())
        if isinstance(store, InDatabase):
            superuser.execute("delete from media_chunks where account_id = %s", (bakery.account_id,))
        else:
            bucket = request.getfixturevalue("bucket")
            s3.client(bucket).delete_object(Bucket=bucket.name, Key=f"{bakery.account_id}/{stored.id}")

        with pytest.raises(failures.ContentRejected, match="damaged"):
            library.read(stored.id)

    def test_what_is_older_than_the_bucket_is_read_from_the_database(self, bakery, bucket):
        before = of(bakery, InDatabase()).keep_picture(photo(seed=7))

        assert of(bakery, InBucket(bucket)).read(before.id) == of(bakery, InDatabase()).read(before.id)

    def test_a_bucket_that_is_away_is_no_loss(self, bakery, bucket, superuser):
        library = of(bakery, InBucket(replace(bucket, endpoint="http://127.0.0.1:9")))
        there = of(bakery, InBucket(bucket)).keep_picture(photo(seed=2))

        with pytest.raises(failures.Unavailable, match="does not answer") as caught:
            library.keep_picture(photo(seed=3))
        assert "127.0.0.1" not in str(caught.value)
        with pytest.raises(failures.Unavailable, match="does not answer"):
            library.read(there.id)
        assert rows(superuser, bakery, "media") == 1  # what was not kept is not noted

    def test_a_bucket_that_refuses_us_is_said_to(self, bakery, bucket):
        library = of(bakery, InBucket(replace(bucket, name="nobodys")))

        with pytest.raises(failures.Unavailable, match="refuses us") as caught:
            library.keep_picture(photo())
        assert "nobodys" not in str(caught.value)


class TestAnotherAccount:
    def test_sees_nothing(self, bakery, florist, store):
        stored = of(bakery, store).keep_picture(photo())
        stranger = media.Library(florist.scope, bakery.account_id, store)

        for library in (of(florist, store), stranger):
            assert library.about(stored.id) is None
            with pytest.raises(failures.ContentRejected):
                library.read(stored.id)
            with pytest.raises(Unusable, match="no longer stored"):
                library.fit(stored.id, LIMITS)
        assert list(InDatabase().pieces(florist.scope, bakery.account_id, stored.id)) == []

    def test_keeps_its_own_copy(self, bakery, florist, store, superuser):
        first, other = (of(each, store).keep_picture(photo()) for each in (bakery, florist))

        assert first.id == other.id
        assert rows(superuser, bakery, "media") == rows(superuser, florist, "media") == 1
        assert of(florist, store).read(other.id) == of(bakery, store).read(first.id)

    def test_is_not_told_what_was_fitted(self, bakery, florist, store):
        for each in (bakery, florist):
            of(each, store).keep_picture(photo())
        original = of(bakery, store).keep_picture(photo())
        fitted = of(bakery, store).fit(original.id, LIMITS)

        counted = Counted(store)
        assert of(florist, counted).fit(original.id, LIMITS) == fitted
        assert counted.kept == 1  # it had to be made again

    def test_changes_and_removes_nothing_not_even_the_first(self, bakery, store):
        stored = of(bakery, store).keep_picture(photo())

        for statement in ("delete from media", "update media set size = 1", "delete from media_chunks"):
            with bakery.scope() as scope, pytest.raises(sqlalchemy.exc.ProgrammingError, match="permission denied"):
                scope.run(statement)
        assert of(bakery, store).about(stored.id) == stored


class TestAWorker:
    def library(self, as_worker, business, store, public_url: str | None = BASE) -> Library:
        return media.of_worker(as_worker, business.account_id, store, public_url=public_url, now=NOW)

    def test_reads_what_was_kept(self, as_worker, bakery, store):
        stored = of(bakery, store).keep_picture(photo())

        assert self.library(as_worker, bakery, store).read(stored.id) == of(bakery, store).read(stored.id)

    def test_reads_one_account_at_a_time(self, as_worker, bakery, florist, store):
        stored = of(bakery, store).keep_picture(photo())

        with pytest.raises(failures.ContentRejected):
            self.library(as_worker, florist, store).read(stored.id)

    def test_says_where_a_platform_finds_a_picture(self, as_worker, bakery, store):
        stored = of(bakery, store).keep_picture(photo())

        url = self.library(as_worker, bakery, store).public_url(stored.id)

        assert url.startswith(f"{BASE}/public-media/{bakery.account_id}/{stored.id}/1796731200/")
        assert url.endswith(".jpg")
        assert bakery.app.context_key.hex() not in url

    def test_says_nothing_without_a_public_address(self, as_worker, bakery, store):
        stored = of(bakery, store).keep_picture(photo())

        with pytest.raises(failures.Unavailable, match="PUBLIC_MEDIA_URL"):
            self.library(as_worker, bakery, store, None).public_url(stored.id)
        with pytest.raises(failures.ContentRejected, match="no longer stored"):
            self.library(as_worker, bakery, store).public_url("0" * 64)


class TestAPublicAddress:
    KEY = bytes(range(32))
    ASKED = Asked(uuid4(), "ab" * 32, NOW + timedelta(days=7))

    def parts(self) -> dict[str, str]:
        url = public_media.url(BASE, self.KEY, self.ASKED, "image/jpeg")
        return dict(zip(("account_id", "media_id", "expires", "signed"), url.split("/")[4:], strict=True))

    def test_leads_to_what_it_was_made_for(self):
        assert public_media.verified(self.KEY, **self.parts(), now=NOW) == self.ASKED

    def test_ends(self):
        until = self.ASKED.until
        assert public_media.verified(self.KEY, **self.parts(), now=until - timedelta(seconds=1)) is not None
        assert public_media.verified(self.KEY, **self.parts(), now=until) is None

    def test_is_not_to_be_changed(self):
        parts = self.parts()
        for name, value in parts.items():
            for at, character in enumerate(value):
                other = "1" if character != "1" else "2"
                changed = {**parts, name: value[:at] + other + value[at + 1 :]}
                assert public_media.verified(self.KEY, **changed, now=NOW) is None, (name, at)
            for other in (
                value + "0",
                value[:-1],
                value.upper(),
                "",
                " " + value,
                value + "\n",
                value + "é",
                "../" + value,
            ):
                if other != value:
                    assert public_media.verified(self.KEY, **{**parts, name: other}, now=NOW) is None, (name, other)

    def test_of_another_key_is_none(self):
        assert public_media.verified(b"x" * 32, **self.parts(), now=NOW) is None

    def test_says_nothing_of_the_key(self):
        url = public_media.url(BASE, self.KEY, self.ASKED, "image/jpeg")
        direct = public_media.base64.urlsafe_b64encode(self.KEY).decode().rstrip("=")
        assert direct not in url
        assert self.KEY.hex() not in url


class TestAMediaScope:
    def test_sees_one_picture_and_nothing_else(self, bakery, florist):
        library = of(bakery, InDatabase())
        stored, other = library.keep_picture(photo()), library.keep_picture(photo(seed=2))
        of(florist, InDatabase()).keep_picture(photo())
        bakery.connect()

        with media_scope(bakery.app, bakery.account_id, stored.id) as scope:
            seen = scope.run("select account_id, id from media").all()
            chunks = {row.id for row in scope.run("select id from media_chunks")}
            empty = [
                scope.run(f"select count(*) from {table}").scalar_one()
                for table in ("accounts", "connections", "operators", "audit_log", "events", "drafts", "media_fits")
            ]

        assert [(row.account_id, row.id) for row in seen] == [(bakery.account_id, stored.id)]
        assert chunks == {stored.id}
        assert empty == [0] * 7
        assert other.id != stored.id

    def test_writes_nothing(self, bakery):
        stored = of(bakery, InDatabase()).keep_picture(photo())

        with media_scope(bakery.app, bakery.account_id, stored.id) as scope, pytest.raises(sqlalchemy.exc.DBAPIError):
            scope.run("insert into media_chunks values (:a, :id, 99, 'x')", {"a": bakery.account_id, "id": stored.id})

    def test_is_refused_to_a_wrong_key(self, bakery):
        wrong = replace(bakery.app, context_key=b"x" * 32)

        with pytest.raises(ContextRefused), media_scope(wrong, bakery.account_id, "0" * 64):
            pass

    def test_with_an_operator_in_it_opens_no_picture(self, bakery):
        """We never sign one; so whatever says so is something else."""
        opened = []
        for who in ("", bakery.operator_id):
            claim = f"media:{'0' * 64}|{who}|{bakery.account_id}|9999999999|1"
            mac = hmac.digest(bakery.app.context_key, claim.encode(), "sha256").hex()
            with bakery.app.engine.begin() as connection:
                connection.exec_driver_sql("select set_config('composer.context', %s, true)", (f"{claim}|{mac}",))
                opened.append(connection.exec_driver_sql("select public_media()").scalar())

        assert opened == [f"{bakery.account_id}/{'0' * 64}", None]


def rows(superuser: psycopg.Connection, business: Business, table: str) -> int:
    statement = f"select count(*) from {table} where account_id = %s"
    return superuser.execute(statement, (business.account_id,)).fetchone()[0]  # type: ignore[arg-type, index]
