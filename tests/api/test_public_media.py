"""The address under which a platform fetches a picture: what it gets, and what anybody else gets."""

import asyncio
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from PIL import Image
from starlette.applications import Starlette

from api import media as media_api
from api import middleware, routes
from socialcore import database, installation, media, public_media
from socialcore.public_media import Asked
from socialcore.settings import Settings
from socialcore.stores import InBucket, InDatabase, Store
from tests import dashboard, s3
from tests.conftest import Business

BASE = "http://localhost:8501"
SETTINGS = Settings(public_media_url=BASE)


@pytest.fixture(scope="module")
def bucket() -> Iterator:
    with pytest.MonkeyPatch.context() as patch, s3.running() as running:
        for name, value in s3.KEYS.items():
            patch.setenv(name, value)
        yield running


@pytest.fixture(params=["in the database", "in a bucket"])
def settings(request: pytest.FixtureRequest) -> Settings:
    if request.param == "in the database":
        return SETTINGS
    return Settings(public_media_url=BASE, media_bucket=request.getfixturevalue("bucket"))


def store_of(settings: Settings) -> Store:
    return InDatabase() if settings.media_bucket is None else InBucket(settings.media_bucket)


def app(settings: Settings, here: database.Database) -> Starlette:
    return Starlette(routes=media_api.routes(settings, lambda: here), middleware=middleware.of(settings))


def ask(application: Starlette, url: str, method: str = "GET") -> httpx.Response:
    async def asking() -> httpx.Response:
        transport = httpx.ASGITransport(application)
        async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
            return await client.request(method, url, headers={"Cookie": "composer_sign_in=somebody"})

    return asyncio.run(asking())


def kept(business: Business, settings: Settings, size: int = 700):
    buffer = io.BytesIO()
    Image.effect_noise((size, size), 90).convert("RGB").save(buffer, "JPEG")
    library = media.of_operator(business.app, business.operator_id, business.account_id, store_of(settings))
    stored = library.keep_picture(buffer.getvalue())
    return stored, library.read(stored.id)


def url_of(business: Business, media_id: str, *, lasts: timedelta = timedelta(days=7)) -> str:
    asked = Asked(business.account_id, media_id, datetime.now(UTC) + lasts)
    return public_media.url(BASE, business.app.context_key, asked, "image/jpeg")


class TestAGoodAddress:
    def test_is_answered_with_the_picture(self, bakery, settings):
        stored, data = kept(bakery, settings, size=1_400)

        answer = ask(app(settings, bakery.app), url_of(bakery, stored.id))

        assert answer.status_code == 200
        assert answer.content == data
        assert len(data) > 1_000_000  # more than one piece
        assert answer.headers["content-type"] == "image/jpeg"
        assert answer.headers["content-length"] == str(len(data))
        assert answer.headers.get_list("x-content-type-options") == ["nosniff"]
        assert answer.headers["cache-control"] == "public, max-age=3600, immutable"
        assert "default-src 'none'; sandbox" in answer.headers["content-security-policy"]
        assert "set-cookie" not in answer.headers

    def test_is_the_one_that_a_worker_hands_out(self, bakery, settings, as_worker):
        stored, data = kept(bakery, settings)
        worker = media.of_worker(
            as_worker,
            bakery.account_id,
            store_of(settings),
            public_url=settings.public_media_url,
            now=datetime.now(UTC),
        )

        assert ask(app(settings, bakery.app), worker.public_url(stored.id)).content == data

    def test_says_what_it_has_without_sending_it(self, bakery, settings):
        stored, data = kept(bakery, settings)

        answer = ask(app(settings, bakery.app), url_of(bakery, stored.id), "HEAD")

        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["content-length"] == str(len(data))
        assert answer.headers["content-type"] == "image/jpeg"

    def test_is_cached_no_longer_than_it_is_good(self, bakery):
        stored, _ = kept(bakery, SETTINGS)

        answer = ask(app(SETTINGS, bakery.app), url_of(bakery, stored.id, lasts=timedelta(seconds=60)))

        age = int(answer.headers["cache-control"].partition("max-age=")[2].partition(",")[0])
        assert 0 < age <= 60


class TestAnyOther:
    def test_is_answered_alike_and_tells_nothing(self, bakery, florist, settings):
        stored, _ = kept(bakery, settings)
        good = url_of(bakery, stored.id)
        base, account, media_id, expires, signed = good.rsplit("/", 4)
        wrong = [
            url_of(bakery, stored.id, lasts=timedelta(seconds=-1)),
            url_of(bakery, "0" * 64),
            url_of(florist, stored.id),
            f"{base}/{florist.account_id}/{media_id}/{expires}/{signed}",
            f"{base}/{account}/{'0' * 64}/{expires}/{signed}",
            f"{base}/{account}/{media_id}/{int(expires) + 1}/{signed}",
            f"{base}/{account}/{media_id}/{expires}/{signed[:-4]}.png",
            f"{base}/{account}/{media_id}/{expires}/{signed.lower()}",
            f"{base}/{account}/{media_id}/{expires}/",
            f"{base}/{account}/{media_id}/{expires}/x",
            f"{base}/{account.upper()}/{media_id}/{expires}/{signed}",
            f"{base}/{account}/{media_id}/99999999999999999999/{signed}",
            f"{base}/{account}/{media_id}/{expires}/{signed}%00",
            f"{base}/..%2f..%2fetc%2fpasswd/{media_id}/{expires}/{signed}",
        ]
        application = app(settings, bakery.app)

        answers = [ask(application, url) for url in wrong]

        assert {answer.status_code for answer in answers} == {404}
        assert {answer.text.lower() for answer in answers} == {"not found"}
        assert ask(application, good).status_code == 200

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
    def test_method_is_not_allowed(self, bakery, method):
        stored, _ = kept(bakery, SETTINGS)

        assert ask(app(SETTINGS, bakery.app), url_of(bakery, stored.id), method).status_code == 405

    def test_asks_the_database_nothing(self, bakery):
        def no_database():
            raise AssertionError

        here = database.Database(bakery.app.engine, b"x" * 32)
        stored, _ = kept(bakery, SETTINGS)
        checked_out = bakery.app.engine.pool.checkedout()

        assert ask(app(SETTINGS, here), url_of(bakery, stored.id)).status_code == 404
        assert bakery.app.engine.pool.checkedout() == checked_out


class TestTrouble:
    def test_of_the_database_is_said_to_pass(self, bakery):
        stored, _ = kept(bakery, SETTINGS)
        away = database.open_database("postgresql+psycopg://composer_app:x@127.0.0.1:1/x", bakery.app.context_key)

        answer = ask(app(SETTINGS, away), url_of(bakery, stored.id))

        assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")

    def test_of_the_store_is_said_to_pass(self, bakery, bucket):
        stored, _ = kept(bakery, Settings(public_media_url=BASE, media_bucket=bucket))
        away = Settings(public_media_url=BASE, media_bucket=type(bucket)(name="media", endpoint="http://127.0.0.1:9"))

        assert ask(app(away, bakery.app), url_of(bakery, stored.id)).status_code == 503

    def test_of_a_picture_that_is_lost_is_no_picture(self, bakery, superuser):
        stored, _ = kept(bakery, SETTINGS)
        superuser.execute("delete from media_chunks where account_id = %s", (bakery.account_id,))

        assert ask(app(SETTINGS, bakery.app), url_of(bakery, stored.id)).status_code == 404


def paths(settings: Settings) -> set[str]:
    return {getattr(route, "path", "") for route in routes.of(settings)}


def test_nothing_is_served_to_strangers_unless_somebody_says_where():
    assert public_media.PATH in paths(SETTINGS)
    assert public_media.PATH not in paths(Settings(database_url="postgresql+psycopg://composer@db/composer"))


def test_the_embedded_installation_serves_its_sandbox():
    assert Settings().media_url == "http://127.0.0.1:8501"
    assert public_media.PATH in paths(Settings())


def test_a_platform_gets_the_picture_from_the_dashboard_as_it_runs():
    """The real server, Streamlit and all: its own addresses do not hide this one."""
    with dashboard.running(PUBLIC_MEDIA_URL=BASE) as stack:
        here = installation.embedded(installation.server(Settings.from_environment(stack.environment)))
        with here.administration() as scope:
            account_id = scope.run("select id from accounts limit 1").scalar_one()
            operator_id = scope.run("select id from operators where every_account limit 1").scalar_one()
        app_database, worker_database = here.as_app(), here.as_worker()
        buffer = io.BytesIO()
        Image.effect_noise((900, 900), 90).save(buffer, "PNG")
        library = media.of_operator(app_database, operator_id, account_id, InDatabase())
        stored = library.keep_picture(buffer.getvalue())
        now = datetime.now(UTC)
        worker = media.of_worker(worker_database, account_id, InDatabase(), public_url=stack.address, now=now)
        url = worker.public_url(stored.id)

        answer, head, changed = (
            httpx.request(method, asked, trust_env=False)
            for method, asked in (("GET", url), ("HEAD", url), ("GET", url.replace(stored.id, "0" * 64)))
        )
        data = library.read(stored.id)
        for each in (app_database, worker_database):
            each.engine.dispose()

    assert (answer.status_code, answer.content) == (200, data)
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(data)))
    assert (changed.status_code, changed.text) == (404, "Not found")
