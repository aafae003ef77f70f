"""What the dashboard's server lets through, and what it says about itself: a real one, asked as a stranger would."""

import asyncio
import base64
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import streamlit
import websockets.sync.client
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Delta_pb2 import Delta
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import InvalidStatus

from api import middleware, opened, routes
from socialcore.settings import Settings
from tests import dashboard
from tests.dashboard import Dashboard, prepared
from tests.waiting import wait_for

ADDRESSES = (
    *("/", "/overview", "/compose", "/posts", "/connections", "/posts?post=1", "/compose?account=1"),
    *("/overview.py", "/compose.py", "/posts.py", "/connections.py", "/pages/compose", "/pages/compose.py"),
    *("/ui/main.py", "/main", "/app", "/app.py", "/nonsense"),
)
EVERYWHERE = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
SIGN_IN = ["Social Composer", "Publish on behalf of beta accounts, and run the launch.", "Sign in to the demo"]


@pytest.fixture(scope="module")
def stack() -> Iterator[Dashboard]:
    with dashboard.running() as running:
        yield running


def seen(stack: Dashboard, address: str, cookie: str = "") -> list[str]:
    """What a window opened at this address is sent to draw, over the web socket and without a browser."""
    path, _, query = address.partition("?")
    asked = BackMsg()
    asked.rerun_script.page_name = path.removeprefix("/")
    asked.rerun_script.query_string = query
    drawn: list[str] = []
    with connected(stack, Origin=stack.address, **({"Cookie": cookie} if cookie else {})) as socket:
        socket.send(asked.SerializeToString())
        while True:
            told = ForwardMsg()
            told.ParseFromString(socket.recv(timeout=30))  # type: ignore[arg-type]
            if told.WhichOneof("type") == "delta" and told.delta.WhichOneof("type") == "new_element":
                drawn.append(_words(told.delta))
            if told.WhichOneof("type") == "script_finished":
                return [words for words in drawn if words]


def _words(delta: Delta) -> str:
    kind = delta.new_element.WhichOneof("type")
    element = getattr(delta.new_element, kind)
    match kind:
        case "heading" | "markdown":
            return element.body
        case "bidi_component":
            return f"{delta.new_element.bidi_component.json}"
        case "empty" | "skeleton":
            return ""
        case _:
            return f"{kind}: {element}"


def connected(stack: Dashboard, **headers: str) -> websockets.sync.client.ClientConnection:
    return websockets.sync.client.connect(
        f"ws://localhost:{stack.port}/_stcore/stream",
        additional_headers=headers,
        subprotocols=["streamlit"],  # type: ignore[list-item]
        max_size=None,
        proxy=None,
    )


def signed_in(stack: Dashboard, role: str = "publisher") -> httpx.Response:
    answer = stack.get(f"/sign-in/demo/{role}")
    assert answer is not None
    return answer


def asked(app: Starlette, path: str, **headers: str) -> httpx.Response:
    """Ask an application of this process, without a server."""

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as client:
            return await client.get(path, headers=headers)

    return asyncio.run(ask())


class TestHeaders:
    @pytest.mark.parametrize(
        ("path", "status"),
        [
            ("/", 200),
            ("/compose", 200),
            ("/nonsense", 200),
            ("/healthz", 200),
            ("/readyz", 200),
            ("/_stcore/health", 200),
            ("/app/static/bluesky.svg", 200),
            ("/app/static/nothing.svg", 404),
            ("/sign-in/demo/nobody", 303),
            ("/sign-out", 303),
            ("/_stcore/metrics", 404),
            ("/_stcore/upload_file/session/file", 401),
        ],
    )
    def test_are_on_every_answer(self, stack: Dashboard, path: str, status: int):
        answer = stack.get(path)

        assert answer is not None
        assert answer.status_code == status
        assert {name: answer.headers[name] for name in EVERYWHERE} == EVERYWHERE
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]

    def test_allow_streamlits_own_scripts_and_no_others(self, stack: Dashboard):
        page = (Path(streamlit.__file__).parent / "static" / "index.html").read_text("utf-8")
        own = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
        answer = stack.get("/")
        assert answer is not None
        policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))

        assert own
        for script in own:
            assert (
                f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
                in policy["script-src"]
            )
        assert "unsafe" not in policy["script-src"]
        assert policy["default-src"] == policy["connect-src"] == policy["base-uri"] == "'self'"
        assert policy["object-src"] == "'none'"
        assert "http" not in answer.headers["content-security-policy"]


class TestDoors:
    @pytest.mark.parametrize("door", ["/_stcore/metrics", "/_stcore/agent", "/_stcore/script-health-check"])
    @pytest.mark.parametrize("way", ["{}", "{}/", "{}/more", "//{}", "/compose{}", "{}?x=1"])
    def test_are_closed(self, stack: Dashboard, door: str, way: str):
        answer = stack.get(way.format(door))

        assert answer is not None
        assert answer.status_code == 404
        assert answer.text == "Not found"

    def test_nobody_uploads_without_a_sign_in(self, stack: Dashboard):
        address = f"{stack.address}/_stcore/upload_file/session/file"
        for path in (address, f"{stack.address}/compose/_stcore/upload_file/session/file"):
            answer = httpx.put(path, files={"file": b"x" * 100}, trust_env=False)
            assert (answer.status_code, answer.text) == (401, "Sign in first")

        answer = httpx.put(address, files={"file": b"x"}, headers={"Cookie": f"{routes.COOKIE}=x"}, trust_env=False)
        assert 400 <= answer.status_code < 500
        assert answer.status_code != 401  # past our door, and Streamlit knows no such session

    @pytest.mark.parametrize(
        "origin",
        [
            None,
            "null",
            "http://evil.example",
            "https://localhost.evil.example",
            "http://127.0.0.1:{port}",
            "file://",
            "",
        ],
    )
    def test_a_web_socket_is_for_our_own_pages(self, stack: Dashboard, origin: str | None):
        headers = {} if origin is None else {"Origin": origin.format(port=stack.port)}

        with pytest.raises(InvalidStatus) as refused, connected(stack, **headers):
            pass

        assert refused.value.response.status_code == 403

    def test_a_web_socket_of_our_own_page_opens(self, stack: Dashboard):
        with connected(stack, Origin=stack.address) as socket:
            assert socket.subprotocol == "streamlit"


class TestSecureCookies:
    @pytest.mark.parametrize(
        ("environment", "sent", "arrives"),
        [
            ("production", "a=1; HttpOnly", "a=1; HttpOnly; Secure"),
            ("staging", "a=insecure; Path=/", "a=insecure; Path=/; Secure"),
            ("production", "a=1; secure; HttpOnly", "a=1; secure; HttpOnly"),
            ("development", "a=1; HttpOnly", "a=1; HttpOnly"),
        ],
    )
    def test_outside_development(self, environment, sent: str, arrives: str):
        app = Starlette(
            routes=[Route("/", lambda _: Response(headers={"set-cookie": sent}))],
            middleware=list(middleware.of(Settings(environment=environment))),
        )

        answer = asked(app, "/")

        assert answer.headers["set-cookie"] == arrives
        assert ("strict-transport-security" in answer.headers) == (environment != "development")


def test_the_overview_by_its_name_is_the_first_page():
    answer = asked(Starlette(routes=routes.of(Settings())), "/overview")

    assert (answer.status_code, answer.headers["location"]) == (307, "/")


class TestHealth:
    def test_says_that_it_is_well(self, stack: Dashboard):
        alive, ready = stack.answers("/healthz"), stack.answers("/readyz")

        assert alive.json() == {"status": "ok"}
        assert ready.json()["status"] == "ok"
        assert ready.json()["workers"] == 1

    def test_says_when_no_worker_beats(self, stack: Dashboard):
        def unready() -> httpx.Response | None:
            stack.sql("update composer.workers set beat_at = now() - interval '61 seconds'")
            answer = stack.get("/readyz")
            return answer if answer is not None and answer.status_code == 503 else None

        assert wait_for(unready, what="503 from /readyz").json()["status"] == "no worker"
        assert stack.answers("/healthz").status_code == 200
        stack.answers("/readyz")

    def test_says_when_the_database_is_away_and_when_it_is_back(self, stack: Dashboard):
        stack.part("postgres").kill()

        away = wait_for(lambda: stack.get("/readyz"), every=0, what="an answer")
        while away.status_code != 503:  # the watcher takes a second to start it again
            away = wait_for(lambda: stack.get("/readyz"), every=0, what="an answer")

        assert away.json() == {"status": "database away"}
        stack.answers("/readyz")


class TestDemoSignIn:
    def test_leaves_a_cookie_that_scripts_and_other_sites_do_not_get(self, stack: Dashboard):
        answer = signed_in(stack)

        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        _, *attributes = answer.headers["set-cookie"].split("; ")
        assert {"HttpOnly", "SameSite=lax", "Path=/", "Max-Age=36000"} <= set(attributes)
        assert len(answer.cookies[routes.COOKIE]) >= 43

    def test_opens_the_pages(self, stack: Dashboard):
        cookie = f"{routes.COOKIE}={signed_in(stack).cookies[routes.COOKIE]}"

        assert "Overview" in seen(stack, "/", cookie)

    @pytest.mark.parametrize("role", ["root", "nobody", "publisher'--", "%00", "demo"])
    def test_knows_no_other_roles(self, stack: Dashboard, role: str):
        answer = signed_in(stack, role)

        assert "set-cookie" not in answer.headers

    @pytest.mark.parametrize("cookie", ["", "x", "a" * 43, "'; drop table sign_ins; --"])
    def test_no_made_up_cookie_opens_anything(self, stack: Dashboard, cookie: str):
        assert seen(stack, "/compose", f"{routes.COOKIE}={cookie}")[:3] == SIGN_IN

    def test_signing_out_ends_it_for_every_copy(self, stack: Dashboard):
        copied = f"{routes.COOKIE}={signed_in(stack).cookies[routes.COOKIE]}"
        assert "Overview" in seen(stack, "/", copied)

        answer = stack.get("/sign-out", headers={"Cookie": copied})

        assert answer is not None
        assert 'composer_sign_in=""' in answer.headers["set-cookie"]
        assert "Max-Age=0" in answer.headers["set-cookie"]
        assert seen(stack, "/", copied)[:3] == SIGN_IN

    def test_says_so_while_the_database_is_away(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(opened, "_opened", {})
        with dashboard.scratch_folder() as folder:
            app = Starlette(routes=routes.of(Settings(data_folder=folder)))
            for path in ("/sign-in/demo/publisher", "/sign-out"):
                answer = asked(app, path, Cookie=f"{routes.COOKIE}=x")
                assert answer.status_code == 503
                assert "The database does not answer. Nothing was changed" in answer.text
                assert "set-cookie" not in answer.headers
            assert asked(app, "/readyz").json() == {"status": "database away"}


class TestSignedOut:
    @pytest.mark.parametrize("address", ["/", "/overview", "/compose", "/posts", "/connections"])
    def test_the_very_first_address_of_a_fresh_server_shows_sign_in_and_nothing_else(self, address: str):
        """Streamlit would run the page's own file as long as nobody has called st.navigation in this process."""
        with prepared() as fresh:
            fresh.start()
            fresh.answers("/healthz")

            first, again = seen(fresh, address), seen(fresh, address)

        assert first == again
        assert first[:3] == SIGN_IN
        assert len(first) == 5  # with the cards, and the line below them
        assert "/sign-in/demo/publisher" in first[3]

    def test_so_does_every_other_address(self, stack: Dashboard):
        expected = seen(stack, "/")
        assert expected[:3] == SIGN_IN

        shown = {address: seen(stack, address) for address in ADDRESSES}

        assert shown == dict.fromkeys(ADDRESSES, expected)
