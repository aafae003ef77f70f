"""Coming back from a platform: what counts, once, for whom, and what is said of everything else."""

import asyncio
import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from starlette.applications import Starlette
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value

from api import oauth
from api.opened import Opened
from socialcore import connections, departures, duties, failures, grants, openings, operators
from socialcore.adapters import ADAPTERS
from socialcore.adapters.apps import sandbox_app
from socialcore.adapters.contract import Capabilities, Departure, Granted, Target, TextLimit, TextUnit
from socialcore.adapters.google_business import GoogleBusiness
from socialcore.adapters.http import new_client
from socialcore.adapters.slack import Slack
from socialcore.adapters.twitter import Twitter
from socialcore.connections import Connection
from socialcore.posts import Platform
from socialcore.settings import Oidc, Settings
from tests.conftest import Business, make_business
from tests.sandbox import Sandbox, running

SECRET = "c" * 40
PUBLIC = "https://composer.example"
TOKEN = "refresh-token-that-nobody-may-see"
PLATFORM: Platform = "slack"
CHANNELS = (Target("C1", "#general", "Harbor Bakery"), Target("C2", "#general", "Cedar & Pine"))
NEEDS = frozenset({"chat:write", "files:write"})

CAPABILITIES = Capabilities(
    name="Slack",
    text_limits=(TextLimit(4000, TextUnit.GRAPHEMES),),
    can_delete=True,
    why_not_edited=None,
    settle=timedelta(0),
    misses=1,
    read_lag=timedelta(0),
    sign_in=("browser",),
    permissions=NEEDS,
    source="tests",
)


@dataclass
class Workspace:
    """An adapter whose sign-in by browser gives what a test says."""

    gives: Granted | failures.PlatformFailure
    asked: list[Mapping[str, str]] = field(default_factory=list)
    capabilities: Capabilities = CAPABILITIES

    def depart(self, answer: Mapping[str, str], *, redirect_uri: str, state: str) -> Departure:
        url = httpx.URL("https://slack.test/authorize", params={"state": state, "redirect_uri": redirect_uri})
        return Departure(str(url), {"verifier": "kept-verifier"})

    def connect(self, answer: Mapping[str, str]) -> Granted:
        self.asked.append(answer)
        if isinstance(self.gives, failures.PlatformFailure):
            raise self.gives
        return self.gives


def granted(subject: str = "T1", targets: tuple[Target, ...] = CHANNELS, **rest: Any) -> Granted:
    rest = {"permissions": NEEDS, **rest}
    return Granted("https://slack.test", subject, {"refresh": TOKEN}, targets, None, **rest)


@pytest.fixture
def workspace(monkeypatch: pytest.MonkeyPatch) -> Workspace:
    made = Workspace(granted())
    monkeypatch.setitem(ADAPTERS, PLATFORM, made)  # type: ignore[arg-type]
    return made


@dataclass
class Browser:
    """One browser at a configured dashboard, signed in or not."""

    app: Starlette
    business: Business
    cookies: dict[str, str]

    def get(self, url: str, host: str = PUBLIC) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=True)
            async with httpx.AsyncClient(transport=transport, base_url=host, cookies=self.cookies) as client:
                return await client.get(url)

        return asyncio.run(ask())

    def leave(self, connection: Connection | None = None) -> str:
        """Go to the platform, as the page lets one; returns the state it was given."""
        state, departure = departures.leave(PLATFORM, {}, public_url=PUBLIC)
        with self.business.scope() as scope:
            renews = connection.id if connection else None
            departures.remember(scope, self.business.vault, PLATFORM, state, departure, connection_id=renews)
        query = parse_qs(urlsplit(departure.url).query)
        assert query == {"state": [state], "redirect_uri": [f"{PUBLIC}/oauth/callback"]}
        return state

    def back(self, **query: str) -> httpx.Response:
        return self.get(str(httpx.URL("/oauth/callback", params=query)))

    def outcome(self, answer: httpx.Response) -> departures.Outcome:
        """What the page that it leads to will say."""
        assert answer.status_code == 303, answer.text
        where = urlsplit(answer.headers["location"])
        assert where.path == "/connections"
        said = parse_qs(where.query)
        assert said["account"] == [str(self.business.account_id)]
        with self.business.scope() as scope:
            found = departures.outcome(scope, UUID(said["departure"][0]))
        assert found is not None
        return found


OPENED: list[Opened] = []


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Give back what the routes of a test's browsers have opened."""
    yield
    while OPENED:
        OPENED.pop().close()


def browser(migrated, business: Business, superuser: psycopg.Connection) -> Browser:
    """A browser in which the business's operator has signed in at the provider."""
    oidc = Oidc(issuer="tests", client_id="c", client_secret="c", redirect_uri=f"{PUBLIC}/o", cookie_secret=SECRET)
    settings = Settings(
        environment="staging",
        database_url=migrated.app_url,
        context_key=migrated.context_key,
        sealing_keys=migrated.sealing_keys,
        oidc=oidc,
        public_url=PUBLIC,
    )
    found = superuser.execute("select subject from operators where id = %s", (business.operator_id,)).fetchone()
    assert found
    vouched = {"iss": "tests", "sub": found[0], "iat": int(datetime.now(UTC).timestamp()), "is_logged_in": True}
    operators.start_sign_in(
        business.app, operators.token_of(vouched), issuer="tests", subject=found[0], verified_email=None
    )
    cookie = create_signed_value(SECRET, "_streamlit_user", json.dumps({"origin": PUBLIC, **vouched})).decode()
    OPENED.append(Opened(settings))
    return Browser(Starlette(routes=oauth.of(OPENED[-1])), business, {"_streamlit_user": cookie})


@pytest.fixture
def here(migrated, bakery: Business, superuser, workspace: Workspace) -> Browser:
    return browser(migrated, bakery, superuser)


def stored(superuser: psycopg.Connection, business: Business) -> int:
    rows = superuser.execute("select count(*) from grants where account_id = %s", (business.account_id,)).fetchone()
    return rows[0] if rows else 0


def connected(here: Browser, *targets: str) -> list[Connection]:
    """Connect these channels by a sign-in that went well."""
    found = here.outcome(here.back(state=here.leave(), code="good"))
    assert found.grant_id
    with here.business.scope() as scope:
        openings.open_targets(scope, found.grant_id, targets or ["C1"])
        return connections.of_account(scope)


class TestGoingWell:
    def test_the_sign_in_is_stored_sealed_and_waits_for_a_choice(self, here: Browser, workspace, superuser):
        answer = here.back(state=here.leave(), code="good")

        found = here.outcome(answer)
        assert found.outcome is None
        with here.business.scope() as scope:
            (opening,) = openings.of_account(scope)
            assert connections.of_account(scope) == []
        assert (opening.grant_id, opening.is_unused) == (found.grant_id, True)
        assert [(each.name, each.detail) for each in opening.targets] == [
            ("#general", "Harbor Bakery"),
            ("#general", "Cedar & Pine"),
        ]
        sealed = superuser.execute("select sealed from grants where id = %s", (found.grant_id,)).fetchone()
        assert sealed
        assert TOKEN.encode() not in sealed[0]

    def test_the_adapter_gets_what_was_kept_whatever_the_address_says(self, here: Browser, workspace: Workspace):
        state = here.leave()
        here.back(state=state, code="good", verifier="somebody else's", iss="x")

        (asked,) = workspace.asked
        assert asked == {"verifier": "kept-verifier", "state": state, "code": "good", "iss": "x"}

    def test_one_sign_in_opens_many_connections(self, here: Browser, superuser):
        made = connected(here, "C1", "C2")

        assert [each.detail for each in made] == ["Cedar & Pine", "Harbor Bakery"]
        assert len({each.grant_id for each in made}) == 1
        assert stored(superuser, here.business) == 1

    def test_a_sign_in_that_opens_nothing_but_itself_is_connected_at_once(self, here: Browser, workspace: Workspace):
        workspace.gives = granted("U7", (Target("U7", "harborbakery"),))

        here.outcome(here.back(state=here.leave(), code="good"))

        with here.business.scope() as scope:
            (made,) = connections.of_account(scope)
        assert (made.name, made.state) == ("harborbakery", "healthy")

    def test_what_was_kept_is_gone_afterwards(self, here: Browser, superuser):
        here.back(state=here.leave(), code="good")

        left = superuser.execute(
            "select sealed from departures where account_id = %s", (here.business.account_id,)
        ).fetchall()
        assert left == [(None,)]


class TestWhatDoesNotCount:
    def refused(self, here: Browser, superuser, answer: httpx.Response, *says: str, status: int = 400) -> None:
        assert answer.status_code == status
        for each in (*says, "Nothing"):
            assert each in answer.text
        assert "/connections" in answer.text or "Sign in" in answer.text
        assert TOKEN not in answer.text
        assert stored(superuser, here.business) == 0
        assert answer.headers["cache-control"] == "no-store"

    @pytest.mark.parametrize("state", ["", "never-given", "x" * 5000, "\ud800", "' or 1 = 1 --"])
    def test_a_state_that_we_never_gave(self, here: Browser, workspace: Workspace, superuser, state: str):
        answer = here.get(f"/oauth/callback?code=good&state={state.encode('utf-8', 'replace').decode()}")

        self.refused(here, superuser, answer, "Nobody signed in here has begun this sign-in.")
        assert workspace.asked == []

    def test_no_state_at_all(self, here: Browser, superuser):
        self.refused(here, superuser, here.back(code="good"), "Nobody signed in here")

    def test_a_state_that_was_used_before(self, here: Browser, workspace: Workspace, superuser):
        state = here.leave()
        workspace.gives = failures.ReconnectNeeded("Slack refused the code.")
        here.back(state=state, code="bad")

        answer = here.back(state=state, code="good")

        self.refused(here, superuser, answer, "counts once")
        assert len(workspace.asked) == 1

    def test_a_state_used_by_two_at_the_same_time_counts_once(self, here: Browser, workspace: Workspace):
        state = here.leave()
        with here.business.scope() as scope:
            found = departures.find(replace_scope(scope), state)
            departures.arrive(scope, here.business.vault, found)
        with here.business.scope() as scope, pytest.raises(departures.NoWayBack, match="cannot be taken up"):
            departures.arrive(scope, here.business.vault, found)

    def test_a_state_from_long_ago(self, here: Browser, superuser):
        state = here.leave()
        superuser.execute("update departures set expires_at = now() where account_id = %s", (here.business.account_id,))

        self.refused(here, superuser, here.back(state=state, code="good"), "took longer than ten minutes")

    def test_somebody_elses_state(self, here: Browser, migrated, app, vault, superuser, workspace: Workspace):
        """Whoever is talked into opening another's way back connects nothing."""
        other = make_business(migrated, app, vault)
        superuser.execute(
            "insert into memberships (operator_id, account_id) values (%s, %s)",
            (other.operator_id, here.business.account_id),
        )
        state = here.leave()

        answer = browser(migrated, other, superuser).back(state=state, code="good")

        self.refused(here, superuser, answer, "Nobody signed in here has begun this sign-in.")
        assert workspace.asked == []
        assert here.outcome(here.back(state=state, code="good")).grant_id

    def test_a_state_of_an_account_that_one_no_longer_acts_for(self, here: Browser, superuser):
        state = here.leave()
        superuser.execute("delete from memberships where operator_id = %s", (here.business.operator_id,))

        self.refused(here, superuser, here.back(state=state, code="good"), "Nobody signed in here")

    def test_a_role_that_may_not_connect(self, here: Browser, superuser):
        state = here.leave()
        superuser.execute("update operators set roles = '{product_owner}' where id = %s", (here.business.operator_id,))

        self.refused(here, superuser, here.back(state=state, code="good"), "do not include: connect", status=403)

    @pytest.mark.parametrize("cookie", ["", "forged", "unsigned", "ended"])
    def test_somebody_who_is_not_signed_in(self, here: Browser, superuser, cookie: str):
        state = here.leave()
        vouched = here.cookies["_streamlit_user"]
        here.cookies = {
            "": {},
            "forged": {"_streamlit_user": create_signed_value("x" * 40, "_streamlit_user", "{}").decode()},
            "unsigned": {"_streamlit_user": base64.b64encode(b'{"is_logged_in": true}').decode()},
            "ended": {"_streamlit_user": vouched},
        }[cookie]
        superuser.execute("update sign_ins set ended_at = now() where operator_id = %s", (here.business.operator_id,))

        self.refused(here, superuser, here.back(state=state, code="good"), "Your own sign-in", status=401)


def replace_scope(scope):
    """`find` asks in a portfolio scope; here the account's own shows the same row."""
    return scope


class TestWhatIsSaidOnThePage:
    def said(self, here: Browser, superuser, answer: httpx.Response) -> str:
        found = here.outcome(answer)
        assert found.grant_id is None
        assert stored(superuser, here.business) == 0
        assert found.outcome
        assert TOKEN not in found.outcome
        return found.outcome

    def test_denied_consent(self, here: Browser, workspace: Workspace, superuser):
        answer = here.back(state=here.leave(), error="access_denied", error_description="<script>alert(1)</script>")

        assert self.said(here, superuser, answer).startswith("Access was not allowed. To connect it, begin again")
        assert workspace.asked == []

    @pytest.mark.parametrize(
        ("error", "says"),
        [("invalid_scope", "(invalid_scope)"), ("<b>now</b>", "sign-in. Begin"), ("", "sign-in. Begin")],
    )
    def test_another_error(self, here: Browser, superuser, error: str, says: str):
        assert says in self.said(here, superuser, here.back(state=here.leave(), error=error))

    def test_no_code(self, here: Browser, superuser):
        assert "no code" in self.said(here, superuser, here.back(state=here.leave()))

    def test_a_code_that_the_platform_refuses(self, here: Browser, workspace: Workspace, superuser):
        workspace.gives = failures.ReconnectNeeded("Slack does not accept this code. Begin again.")

        answer = here.back(state=here.leave(), code="old")

        assert self.said(here, superuser, answer) == "Slack does not accept this code. Begin again."

    def test_a_platform_that_is_away(self, here: Browser, workspace: Workspace, superuser):
        workspace.gives = failures.Unavailable("Slack could not be reached. Nothing was sent.")

        assert "could not be reached" in self.said(here, superuser, here.back(state=here.leave(), code="good"))

    def test_a_sign_in_that_opens_nothing(self, here: Browser, workspace: Workspace, superuser):
        workspace.gives = granted(targets=())

        assert "opens nothing at Slack" in self.said(here, superuser, here.back(state=here.leave(), code="good"))


class TestReconnecting:
    def test_the_same_identity_renews_the_sign_in(self, here: Browser, workspace: Workspace, superuser):
        _, known = connected(here, "C1", "C2")
        superuser.execute(
            "update grants set reconnect_because = 'gone', reconnect_since = now() where id = %s", (known.grant_id,)
        )
        workspace.gives = granted(targets=(Target("C1", "#news", "Harbor Bakery"), CHANNELS[1]))

        found = here.outcome(here.back(state=here.leave(known), code="good"))

        assert found.grant_id == known.grant_id
        with here.business.scope() as scope:
            renewed = connections.of_account(scope)
        assert [(each.name, each.state) for each in renewed] == [("#general", "healthy"), ("#news", "healthy")]

    @pytest.mark.parametrize(
        ("gives", "says"),
        [
            (granted("T2", (Target("D1", "#other"),)), "it opens #other, and the connection is to #general."),
            (replace(granted(), service="https://other.test"), "on other.test, and the connection is to #general."),
            (granted("T2", ()), "it opens nothing, and the connection is to #general."),
            (granted("T1", CHANNELS[1:]), "no longer opens #general: it opens #general. Nothing was changed."),
        ],
        ids=["another identity", "another server", "nothing", "target gone"],
    )
    def test_anything_else_is_refused_and_changes_nothing(
        self, here: Browser, workspace: Workspace, superuser, gives: Granted, says: str
    ):
        (known,) = connected(here, "C1")
        before = self.everything(superuser, here.business)
        workspace.gives = gives

        found = here.outcome(here.back(state=here.leave(known), code="good"))

        assert found.grant_id is None
        assert says in (found.outcome or "")
        assert "Nothing was changed." in (found.outcome or "")
        assert self.everything(superuser, here.business) == before

    def everything(self, superuser, business: Business) -> list[Any]:
        return [
            superuser.execute(f"select t::text from {table} t where account_id = %s", (business.account_id,)).fetchall()
            for table in ("grants", "connections", "lanes")
        ]

    def test_missing_permissions_are_said_and_do_not_undo_the_rest(self, here: Browser, workspace: Workspace):
        workspace.gives = granted(permissions=frozenset({"chat:write"}))

        (made,) = connected(here, "C1")

        assert (made.state, made.missing) == ("degraded", ["files:write"])
        assert made.check_failure == "Slack did not allow us: files:write. Reconnect, and allow everything it asks for."


class TestTheWayHome:
    def test_a_loopback_address_leads_to_our_own_with_all_it_brought(self, here: Browser):
        cookies, here.cookies = here.cookies, {}
        state = here.leave()

        answer = here.get(f"/oauth/callback?state={state}&code=a%2Bb", host="http://127.0.0.1:8501")

        assert answer.status_code == 303
        where = answer.headers["location"]
        assert where == f"{PUBLIC}/oauth/callback?state={state}&code=a%2Bb&hopped=1"
        here.cookies = cookies
        assert here.outcome(here.get(where)).grant_id

    def test_no_address_leads_round_in_circles(self, here: Browser):
        here.cookies = {}
        answer = here.get("/oauth/callback?state=x&hopped=1", host="http://127.0.0.1:8501")

        assert answer.status_code == 401


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running(tmp_path_factory.mktemp("sandbox")) as started:
        yield started
        assert started.complaints() == []


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with new_client() as made:
        yield made


class TestEveryPlatform:
    """The whole way at the sandbox: leave, allow, come back, pick, check."""

    @pytest.mark.parametrize("platform", ["google_business", "slack", "twitter"])
    def test_is_connected_by_browser_and_then_well(
        self, here: Browser, sandbox: Sandbox, client, as_worker, monkeypatch, platform: Platform
    ):
        adapter = ADAPTER[platform](sandbox_app(platform, sandbox.url), client)
        monkeypatch.setitem(ADAPTERS, platform, adapter)
        who = opened_at(sandbox, platform)
        state, departure = departures.leave(platform, {}, public_url=PUBLIC)
        with here.business.scope() as scope:
            departures.remember(scope, here.business.vault, platform, state, departure)

        found = here.outcome(here.back(**sandbox.consent(platform, departure.url, who)))

        assert found.grant_id, found.outcome
        with here.business.scope() as scope:
            targets = [each.id for each in grants.targets(scope, found.grant_id)]
            if not connections.of_account(scope):  # X has but one target, the identity itself
                openings.open_targets(scope, found.grant_id, targets)
            made = connections.of_account(scope)
        assert len(made) == len(targets)
        found_well: set[tuple[str | None, bool]] = set()
        for each in made:
            assert (each.state, each.missing) == ("healthy", [])
            duty = duties.Duty(None, each.account_id, each.id, "check", platform)
            duties.perform(as_worker, here.business.vault, duty)
            with here.business.scope() as scope:
                checked = connections.connection(scope, each.id)
            assert checked
            found_well.add((checked.health, "invite" in (checked.check_failure or "").lower()))
        # One channel of the sandbox's Slack has not invited the app, and says so.
        assert found_well == {("fine", False)} | ({("degraded", True)} if platform == "slack" else set())

    def test_denied_consent_is_said_in_the_same_words_everywhere(
        self, here: Browser, sandbox: Sandbox, client, monkeypatch
    ):
        for platform, adapter in ADAPTER.items():
            monkeypatch.setitem(ADAPTERS, platform, adapter(sandbox_app(platform, sandbox.url), client))
            state, departure = departures.leave(platform, {}, public_url=PUBLIC)
            with here.business.scope() as scope:
                departures.remember(scope, here.business.vault, platform, state, departure)
            brought = sandbox.consent(platform, departure.url, opened_at(sandbox, platform), deny=True)

            found = here.outcome(here.back(**brought))

            assert found.grant_id is None
            assert (found.outcome or "").startswith("Access was not allowed.")


ADAPTER: dict[Platform, Any] = {"google_business": GoogleBusiness, "slack": Slack, "twitter": Twitter}


def opened_at(sandbox: Sandbox, platform: Platform) -> str:
    """Open an account at the sandbox; returns who decides there about consent."""
    name = f"bakery-{uuid4().hex[:8]}"
    match platform:
        case "google_business":
            streets = [{"title": "Harbor Bakery", "street": street} for street in ("12 Quay Street", "480 High Street")]
            email = f"{name}@harbor-bakery.example"
            sandbox.open_account(platform, email=email, accounts=[{"name": name, "locations": streets}])
            return email
        case "slack":
            sandbox.open_account(platform, handle=name, name="Harbor Bakery")
            return name
        case _:
            return sandbox.open_account(platform, username=name.replace("-", "_"), name="Harbor Bakery")["username"]
