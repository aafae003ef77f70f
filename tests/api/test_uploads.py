"""Files that pages send to the store, and pictures they show from it: for who is signed in, and nobody else."""

import hashlib
import io
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import psutil
import psycopg
import pytest
import sqlalchemy.exc
import uvicorn
from PIL import Image
from starlette.applications import Starlette
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value

from api import middleware, uploads
from api.opened import Opened
from socialcore import failures, media, operators
from socialcore.settings import Oidc
from socialcore.stores import InDatabase
from tests.api_client import settings_of
from tests.conftest import Business, make_business
from tests.footage import footage, swollen
from tests.waiting import wait_for

SECRET = "u" * 32
OURS = {"x-composer-upload": "1", "sec-fetch-site": "same-origin"}
HALF_A_VIDEO = footage(seconds=8)[: len(footage(seconds=8)) // 2]
PNG_AS_JPEG = {"content-type": "image/jpeg"}


def photo(width: int = 800, height: int = 600, form: str = "JPEG", sigma: int = 60) -> bytes:
    written = io.BytesIO()
    Image.effect_noise((width, height), sigma).convert("RGB").save(written, form, quality=90)
    return written.getvalue()


@pytest.fixture(scope="module")
def address(migrated) -> Iterator[str]:
    """The routes behind the guard, as app.py mounts them, over HTTP."""
    oidc = Oidc(issuer="tests", client_id="c", client_secret="c", redirect_uri="http://o", cookie_secret=SECRET)
    settings = settings_of(migrated, environment="staging", oidc=oidc)
    here = Opened(settings)
    app = Starlette(routes=list(uploads.of(here)), middleware=list(middleware.of(settings)))
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", lifespan="off"))
    listener = server.config.bind_socket()
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    wait_for(lambda: server.started, what="the routes")
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(timeout=10)
    listener.close()
    here.close()


def cookie_of(business: Business, superuser: psycopg.Connection) -> str:
    """Sign the business's operator in, as the provider's cookie says it."""
    found = superuser.execute("select subject from operators where id = %s", (business.operator_id,)).fetchone()
    assert found
    vouched = {"iss": "tests", "sub": found[0], "iat": int(datetime.now(UTC).timestamp()), "is_logged_in": True}
    token = operators.token_of(vouched)
    operators.start_sign_in(business.app, token, issuer="tests", subject=found[0], verified_email=None)
    return create_signed_value(SECRET, "_streamlit_user", json.dumps(vouched)).decode()


@dataclass
class Page:
    """A page of ours in somebody's browser."""

    address: str
    account_id: UUID
    cookie: str

    @property
    def place(self) -> str:
        return f"/uploads/{self.account_id}"

    @property
    def headers(self) -> dict[str, str]:
        return {**OURS, "origin": self.address, "cookie": f"_streamlit_user={self.cookie}"}

    def ask(
        self, method: str, path: str = "", *, without: str = "", headers: dict[str, str] | None = None, **rest: Any
    ):
        sent = {name: value for name, value in (self.headers | (headers or {})).items() if name != without}
        with httpx.Client(base_url=self.address, timeout=60, trust_env=False) as client:
            return client.request(method, f"{self.place}{path}", headers=sent, **rest)

    def add(self, data: Any, **rest: Any) -> httpx.Response:
        return self.ask("POST", content=data, **rest)


@pytest.fixture
def page(address: str, bakery: Business, superuser: psycopg.Connection) -> Page:
    return Page(address, bakery.account_id, cookie_of(bakery, superuser))


def rows(superuser: psycopg.Connection, business: Business) -> int:
    counted = superuser.execute("select count(*) from media where account_id = %s", (business.account_id,)).fetchone()
    assert counted
    return counted[0]


class TestAPicture:
    def test_is_kept_and_told(self, page: Page, bakery: Business):
        answer = page.add(photo())

        assert answer.status_code == 201, answer.text
        told = answer.json()
        library = media.of_operator(bakery.app, bakery.operator_id, bakery.account_id, InDatabase())
        assert hashlib.sha256(library.read(told["id"])).hexdigest() == told["id"]
        assert (told["width"], told["height"], told["seconds"]) == (800, 600, None)
        assert answer.headers["cache-control"] == "no-store"

    def test_again_is_the_same(self, page: Page, bakery: Business, superuser: psycopg.Connection):
        data = photo()

        assert page.add(data).json() == page.add(data).json()
        assert rows(superuser, bakery) == 1

    def test_is_known_by_its_bytes_and_not_by_what_it_is_called(self, page: Page):
        assert page.add(photo(form="PNG"), headers=PNG_AS_JPEG).status_code == 201

    @pytest.mark.parametrize(
        ("data", "title"),
        [
            (b"%PDF-1.7\n" + b"x" * 500, "The file is a PDF, not a picture."),
            (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "The picture is SVG, which platforms do not take."),
            (b"", "The file is empty."),
            (b"MZ" + b"\0" * 200, "The file is no picture that we know."),
            (HALF_A_VIDEO, "The video is damaged or incomplete."),
            (photo()[:9000], "The picture is damaged or incomplete."),
        ],
        ids=["pdf", "svg", "empty", "program", "half a video", "half a picture"],
    )
    def test_that_is_none_is_refused_in_words(
        self, page: Page, bakery: Business, superuser: psycopg.Connection, data: bytes, title: str
    ):
        answer = page.add(data, headers=PNG_AS_JPEG)

        assert (answer.status_code, answer.json()["title"]) == (422, title)
        assert answer.json()["next_step"]
        assert rows(superuser, bakery) == 0

    @pytest.mark.parametrize("told", [True, False], ids=["that says how large it is", "that does not"])
    def test_that_is_too_large_is_refused(self, page: Page, bakery: Business, superuser, told: bool):
        piece = b"\xff\xd8\xff" + b"x" * 1_000_000
        sent = piece * 51 if told else (piece for _ in range(51))

        assert refused_or_cut(lambda: page.add(sent)) in (None, "The picture has more than 50 MB.")
        assert rows(superuser, bakery) == 0

    def test_whose_connection_is_lost_leaves_nothing(self, page: Page, bakery: Business, superuser, address: str):
        data = photo()
        host, port = address.removeprefix("http://").split(":")
        named = "".join(f"{name}: {value}\r\n" for name, value in page.headers.items())
        head = f"POST {page.place} HTTP/1.1\r\nhost: {host}:{port}\r\ncontent-length: {len(data)}\r\n{named}\r\n"
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(head.encode() + data[: len(data) // 2])
        time.sleep(0.5)

        assert rows(superuser, bakery) == 0
        assert page.add(data).status_code == 201  # tried again, from the beginning


def refused_or_cut(ask: Callable[[], httpx.Response]) -> str | None:
    """What a refusal in the middle of sending says; None if it was cut off before it could be read."""
    try:
        answer = ask()
    except httpx.TransportError:
        return None
    assert answer.status_code == 413
    return answer.json()["title"]


class TestAVideo:
    def test_is_kept_with_its_length(self, page: Page):
        told = page.add(footage(seconds=2)).json()

        assert told["media_type"] == "video/mp4"
        assert told["seconds"] == pytest.approx(2, abs=0.2)

    def test_of_a_hundred_megabytes_is_never_in_memory(
        self, page: Page, bakery: Business, superuser: psycopg.Connection, record_property
    ):
        page.add(footage())  # whatever is loaded for the first one
        begins = swollen(footage(seconds=2), 0)[:-8]
        sizes: list[int] = []
        done = threading.Event()

        def pieces() -> Iterator[bytes]:
            yield begins
            yield (100_000_008).to_bytes(4, "big") + b"free"
            for _ in range(100):
                yield bytes(1_000_000)

        def watch() -> None:
            while not done.wait(0.02):
                sizes.append(psutil.Process().memory_info().rss)

        before = psutil.Process().memory_info().rss
        watching = threading.Thread(target=watch)
        watching.start()
        try:
            answer = page.add(pieces())
        finally:
            done.set()
            watching.join()

        assert answer.status_code == 201, answer.text
        assert answer.json()["size"] > 100_000_000
        grew = (max(sizes) - before) / 1_000_000
        record_property("shows", f"100 MB of video taken in with {grew:.0f} MB more memory")
        assert grew < 40

    def test_is_shown_whole(self, page: Page):
        data = footage(seconds=2)
        told = page.add(data).json()

        shown = page.ask("GET", f"/{told['id']}")

        assert (shown.content, shown.headers["content-type"]) == (data, "video/mp4")


class TestWhoMayAdd:
    def test_nobody_who_is_signed_out(self, page: Page, bakery: Business, superuser: psycopg.Connection):
        superuser.execute("update sign_ins set ended_at = now() where operator_id = %s", (bakery.operator_id,))

        answer = page.add(photo())

        assert answer.status_code == 401
        assert answer.json() == {
            "title": "Your sign-in has ended",
            "next_step": "Sign in in another tab, then try again here. What you wrote and chose is kept.",
        }
        assert rows(superuser, bakery) == 0

    def test_nobody_without_a_cookie_or_with_a_forged_one(self, page: Page):
        assert page.add(photo(), without="cookie").status_code == 401
        page.cookie = page.cookie[:-2]
        assert page.add(photo()).status_code == 401

    def test_nobody_for_another_account(self, page: Page, florist: Business, superuser: psycopg.Connection):
        page.account_id = florist.account_id

        answer = page.add(photo())

        assert (answer.status_code, answer.json()["title"]) == (404, "You do not act for this account")
        assert rows(superuser, florist) == 0

    def test_nobody_who_was_taken_off_the_account(self, page: Page, bakery: Business, superuser: psycopg.Connection):
        superuser.execute("delete from memberships where operator_id = %s", (bakery.operator_id,))

        assert page.add(photo()).status_code == 404

    def test_nobody_whose_role_does_not_publish(self, address: str, migrated, app, vault, superuser):
        seeing = make_business(migrated, app, vault, roles=("product_owner",))
        page = Page(address, seeing.account_id, cookie_of(seeing, superuser))

        assert page.add(photo()).json()["title"] == "This is not for your role"
        assert rows(superuser, seeing) == 0

    @pytest.mark.parametrize(
        ("without", "headers"),
        [
            ("x-composer-upload", {}),  # a form of a foreign page cannot send it
            ("origin", {}),
            ("", {"origin": "https://elsewhere.example"}),
            ("", {"origin": "null"}),
            ("", {"sec-fetch-site": "cross-site"}),
            ("", {"sec-fetch-site": "same-site"}),
        ],
        ids=["no header", "no origin", "foreign origin", "opaque origin", "another site", "a sister site"],
    )
    def test_no_foreign_page(self, page: Page, bakery: Business, superuser, without: str, headers: dict[str, str]):
        picture = page.add(photo()).json()["id"]
        box = json.dumps({"x": 0, "y": 0, "width": 300, "height": 300})

        for path, data in (("", photo(300, 300)), (f"/{picture}/crops", box)):
            answer = page.ask("POST", path, content=data, without=without, headers=headers)
            assert answer.status_code == 403, path
        assert rows(superuser, bakery) == 1

    def test_nobody_while_the_database_is_away(self, page: Page, monkeypatch: pytest.MonkeyPatch):
        def away(*_: object, **__: object) -> None:
            raise sqlalchemy.exc.OperationalError("select", {}, OSError())

        monkeypatch.setattr(uploads.visitors, "operator", away)

        answer = page.add(photo())

        assert (answer.status_code, answer.json()["title"]) == (503, "The database does not answer")

    def test_nobody_while_the_store_is_away(self, page: Page, monkeypatch: pytest.MonkeyPatch):
        def away(*_: object) -> None:
            raise failures.Unavailable("The media store does not answer. Nothing was sent.")

        monkeypatch.setattr(InDatabase, "keep", away)

        answer = page.add(photo())

        assert (answer.status_code, answer.json()["title"]) == (503, "The media store does not answer")


class TestAPictureThatIsShown:
    def test_is_there_for_who_is_signed_in_and_not_kept_by_anybody_between(self, page: Page):
        told = page.add(photo()).json()

        shown = page.ask("GET", f"/{told['id']}", without="x-composer-upload")  # as an <img> asks

        assert hashlib.sha256(shown.content).hexdigest() == told["id"]
        assert shown.headers["cache-control"] == "private, max-age=3600, immutable"
        assert shown.headers.get_list("x-content-type-options") == ["nosniff"]
        assert shown.headers["cross-origin-resource-policy"] == "same-origin"
        assert "default-src 'none'; sandbox" in shown.headers["content-security-policy"]

    def test_is_small_where_that_is_enough(self, page: Page):
        told = page.add(photo(2400, 1800)).json()

        small = page.ask("GET", f"/{told['id']}?small")

        assert len(small.content) <= media.SMALL.most_bytes
        assert max(Image.open(io.BytesIO(small.content)).size) <= media.SMALL.longest_side

    def test_is_not_there_for_anybody_else(self, page: Page, address: str, florist: Business, superuser):
        told = page.add(photo()).json()
        other = Page(address, page.account_id, cookie_of(florist, superuser))

        for path in (f"/{told['id']}", f"/{told['id']}?small", f"/{told['id']}/fits?platform=slack"):
            assert other.ask("GET", path).status_code == 404, path
            assert other.ask("GET", path, without="cookie").status_code == 401, path

    def test_of_another_account_is_not_there_under_ones_own(
        self, page: Page, address: str, florist: Business, superuser
    ):
        told = page.add(photo()).json()
        mine = Page(address, florist.account_id, cookie_of(florist, superuser))

        assert mine.ask("GET", f"/{told['id']}").status_code == 404
        assert mine.ask("GET", f"/{told['id']}?small").status_code == 422
        box = json.dumps({"x": 0, "y": 0, "width": 300, "height": 300})
        assert mine.ask("POST", f"/{told['id']}/crops", content=box).status_code == 422
        assert "no longer stored" in mine.ask("GET", f"/{told['id']}/fits?platform=slack").json()["slack"]["title"]

    @pytest.mark.parametrize("path", [f"/{'a' * 64}", "/nothing", "/%00", f"/{uuid4()}", "/%00/fits", "/nothing/fits"])
    def test_that_there_is_none_of_is_said(self, page: Page, path: str):
        assert page.ask("GET", path).status_code == 404


class TestACrop:
    def test_is_a_picture_of_its_own_and_made_once(self, page: Page, bakery: Business, superuser):
        told = page.add(photo()).json()
        box = {"x": 100, "y": 50, "width": 400, "height": 300}

        first, again = (page.ask("POST", f"/{told['id']}/crops", json=box) for _ in range(2))

        assert (first.status_code, first.json()) == (201, again.json())
        assert (first.json()["width"], first.json()["height"]) == (400, 300)
        assert rows(superuser, bakery) == 2
        kept = superuser.execute(
            "select original_id, x, y, width, height, cropped_id from media_crops where account_id = %s",
            (bakery.account_id,),
        ).fetchall()
        assert kept == [(told["id"], 100, 50, 400, 300, first.json()["id"])]

    def test_is_that_part_of_the_original(self, page: Page, bakery: Business):
        written = io.BytesIO()
        drawn = Image.new("RGB", (600, 400), "navy")
        drawn.paste("orange", (200, 100, 300, 200))
        drawn.save(written, "PNG")
        told = page.add(written.getvalue()).json()

        cut = page.ask("POST", f"/{told['id']}/crops", json={"x": 200, "y": 100, "width": 100, "height": 100}).json()

        library = media.of_operator(bakery.app, bakery.operator_id, bakery.account_id, InDatabase())
        shown = Image.open(io.BytesIO(library.read(cut["id"])))
        assert shown.size == (100, 100)
        assert shown.getcolors() == [(10_000, (255, 165, 0))]

    def test_of_all_of_it_is_the_original(self, page: Page):
        told = page.add(photo()).json()

        cut = page.ask("POST", f"/{told['id']}/crops", json={"x": 0, "y": 0, "width": 800, "height": 600})

        assert cut.json() == told

    @pytest.mark.parametrize(
        "body",
        [
            '{"x": 700, "y": 0, "width": 200, "height": 200}',
            '{"x": -1, "y": 0, "width": 200, "height": 200}',
            '{"x": 0, "y": 0, "width": 0, "height": 200}',
            '{"x": 0, "y": 0, "width": 200}',
            '{"x": 99999999999999999999, "y": 0, "width": 200, "height": 200}',
            "[]",
            "no JSON",
        ],
    )
    def test_that_makes_no_sense_is_refused(self, page: Page, bakery: Business, superuser, body: str):
        told = page.add(photo()).json()

        assert page.ask("POST", f"/{told['id']}/crops", content=body).status_code == 422
        assert rows(superuser, bakery) == 1

    def test_of_a_video_is_refused(self, page: Page):
        told = page.add(footage()).json()

        refused = page.ask("POST", f"/{told['id']}/crops", json={"x": 0, "y": 0, "width": 20, "height": 20})

        assert (refused.status_code, refused.json()["title"]) == (422, "This is a video, not a picture.")


class TestHowItFits:
    def test_is_said_for_each_platform(self, page: Page):
        told = page.add(photo(3000, 2000, sigma=40)).json()

        fits = page.ask("GET", f"/{told['id']}/fits?platform=bluesky&platform=twitter&platform=nowhere").json()

        assert set(fits) == {"bluesky", "twitter"}
        assert fits["bluesky"]["size"] <= fits["bluesky"]["most_bytes"] == 1_000_000
        assert fits["twitter"] == {"size": told["size"], "width": 3000, "height": 2000, "most_bytes": 5 * 1024 * 1024}

    def test_says_why_not(self, page: Page):
        picture, video = page.add(photo(200, 200)).json(), page.add(footage()).json()

        google = page.ask("GET", f"/{picture['id']}/fits?platform=google_business").json()["google_business"]
        slack = page.ask("GET", f"/{video['id']}/fits?platform=slack&platform=bluesky").json()

        assert google["title"] == "Pictures cannot go here"  # this installation has no public address
        assert slack["slack"]["title"] == "Slack takes no video"
        assert slack["bluesky"]["most_bytes"] == 300_000_000
