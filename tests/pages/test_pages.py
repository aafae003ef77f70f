"""The pages as Streamlit runs them, on a configured installation with a real database; only the browser is missing."""

# ruff: noqa: SLF001 - AppTest has no public way to send what a component would
import ast
import base64
import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from datetime import time as hour
from pathlib import Path
from typing import Any, Literal
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
import streamlit as st
from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.testing.v1 import AppTest

from socialcore import accounts
from socialcore.connections import Connection
from tests import sandbox
from tests.conftest import Business, _conninfo, make_business
from tests.sandbox import APP_PASSWORD, Sandbox

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("overview", "compose", "posts", "calendar", "connections", "tokens")
WIDGETS = {
    *("button", "form_submit_button", "download_button", "text_input", "text_area", "number_input", "date_input"),
    *("time_input", "datetime_input", "selectbox", "multiselect", "radio", "checkbox", "toggle", "slider"),
    *("select_slider", "pills", "segmented_control", "feedback", "file_uploader", "expander", "data_editor"),
}
SIGNED_OUT = ["Social Composer", "Publish on behalf of beta accounts, and run the launch.", "Sign in"]
NOBODY = "5a1e0000-0000-4000-8000-000000000000"  # an id that nothing has
FAMILY = "🧑‍🧑‍🧒‍🧒"  # one character for a person, 25 bytes


class TestSource:
    @pytest.mark.parametrize("page", sorted((ROOT / "pages").glob("[!_]*.py")), ids=lambda page: page.stem)
    def test_a_page_authorises_before_anything_else(self, page: Path):
        docstring, *statements = ast.parse(page.read_text("utf-8")).body
        assert isinstance(docstring, ast.Expr)

        first = next(each for each in statements if not isinstance(each, ast.Import | ast.ImportFrom))

        assert isinstance(first, ast.Assign | ast.Expr)
        assert isinstance(first.value, ast.Call)
        assert ast.unparse(first.value.func) == "session.require"

    def test_every_widget_has_a_key(self):
        without = [
            f"{path.name}:{node.lineno} {node.func.attr}"
            for path in [*(ROOT / "ui").rglob("*.py"), *(ROOT / "pages").glob("*.py")]
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in WIDGETS
            and "key" not in {keyword.arg for keyword in node.keywords}
        ]
        assert without == []


class Visit:
    """One window on the dashboard. What a browser would do for our components, it does by their messages."""

    def __init__(self, subject: str | None, **person: object) -> None:
        self.at = AppTest.from_file(str(ROOT / "ui" / "main.py"), default_timeout=30)
        who = {"iss": "tests", "sub": subject, "iat": int(time.time()), "email": f"{subject}@composer.example"}
        self.at.user = (
            {"is_logged_in": True, "email_verified": True, **who, **person} if subject else {"is_logged_in": False}
        )
        self._picks = 0
        self.run()

    def run(self) -> "Visit":
        self.at.run()
        return self._fine()

    def open(self, page: str, **query: object) -> "Visit":
        for name, value in query.items():
            self.at.query_params[name] = str(value)
        self.at.switch_page(f"../pages/{page}.py")
        return self.run()

    def press(self, key: str) -> "Visit":
        pressed = self.at.button(key=key)
        assert not pressed.disabled, pressed.proto.help
        pressed.click().run()
        return self._fine()

    def type(self, text: str) -> "Visit":
        """Write into the composer, as its JavaScript reports it after a pause."""
        field = self._component(lambda key: key.startswith("text-"))
        rev = _data(field)["rev"]
        return self._tell(
            WidgetState(id=field.proto.id, json_value=json.dumps({"written": {"rev": rev, "text": text}}))
        )

    def pick(self, key: str, value: str) -> "Visit":
        """Press what a component drew as a button."""
        drawn = self._component(key.__eq__)
        self._picks += 1
        sent = {"event": "pick", "value": {"mount": "test", "picks": [[self._picks, value]]}}
        event = f"$$STREAMLIT_INTERNAL_KEY_{drawn.proto.id}__events"
        return self._tell(WidgetState(id=event, json_trigger_value=json.dumps([sent])))

    @property
    def words(self) -> str:
        """Everything that can be read, in order."""
        return "\n".join(self.lines)

    @property
    def lines(self) -> list[str]:
        return [line for element in self._elements() for line in _words(element)]

    @property
    def keys(self) -> set[str]:
        return {element.key for element in self._elements() if getattr(element, "key", None)}

    @property
    def links(self) -> list[str]:
        return [href for element in self._elements() for href in _hrefs(_data(element).get("tree", []))]

    @property
    def text(self) -> str:
        """What stands in the composer."""
        return _data(self._component(lambda key: key.startswith("text-")))["text"]

    def _tell(self, state: WidgetState) -> "Visit":
        states = self.at._tree.get_widget_states()
        states.widgets.append(state)
        self.at._run(states)
        return self._fine()

    def _fine(self) -> "Visit":
        assert [each.value for each in self.at.exception] == []
        return self

    def _elements(self) -> list[Any]:
        return [node for node in self.at._tree if hasattr(node, "proto") and not hasattr(node, "children")]

    def _component(self, matches: Callable[[str], bool]) -> Any:
        return next(each for each in self._elements() if each.type == "bidi_component" and matches(each.key or ""))


def _data(element: Any) -> dict[str, Any]:
    return json.loads(element.proto.json or "{}") if element.type == "bidi_component" else {}


def _words(element: Any) -> Iterator[str]:
    if element.type == "bidi_component":
        data = _data(element)
        yield from map(_inside, data.get("tree", []))
        for count in data.get("counts", []):
            yield f"{count['name']} {count['used']} / {count['most']} {count['unit']}"
        return
    for name in ("label", "value"):
        word = getattr(element, name, None)
        if isinstance(word, str) and word:
            yield word


def _inside(node: Any) -> str:
    return node if isinstance(node, str) else " ".join(filter(None, map(_inside, node[2])))


def _hrefs(nodes: Any) -> Iterator[str]:
    for node in nodes:
        if not isinstance(node, str):
            if href := node[1].get("href"):
                yield href
            yield from _hrefs(node[2])


@pytest.fixture(autouse=True)
def configured(migrated, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Configure the dashboard as an installation is: its own database, keys, and a provider to sign in at."""
    keys = {str(no): base64.b64encode(key).decode() for no, key in migrated.sealing_keys.items()}
    environment = {
        "COMPOSER_ENVIRONMENT": "staging",
        "DATABASE_URL": migrated.app_url,
        "COMPOSER_CONTEXT_KEY": base64.b64encode(migrated.context_key).decode(),
        "COMPOSER_SEALING_KEYS": ",".join(f"{no}:{key}" for no, key in keys.items()),
        "COMPOSER_UNDO_SECONDS": "600",
        "OIDC_ISSUER": "tests",
        "OIDC_CLIENT_ID": "tests",
        "OIDC_CLIENT_SECRET": "tests",
        "OIDC_REDIRECT_URI": "http://localhost/oauth2callback",
        "OIDC_COOKIE_SECRET": "t" * 32,
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    yield
    from ui import session  # noqa: PLC0415 - imports Streamlit's registries, which AppTest sets up

    session._database().engine.dispose()
    st.cache_resource.clear()


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with sandbox.running(tmp_path_factory.mktemp("sandbox"), rate_limits=False) as running:
        yield running


@dataclass(frozen=True)
class Desk:
    """A business with an operator who can be signed in, and their connection."""

    business: Business
    subject: str
    connection: Connection | None

    @property
    def id(self) -> UUID:
        return self.business.account_id

    def visit(self, page: str = "overview", **query: object) -> Visit:
        return Visit(self.subject).open(page, **query)


@pytest.fixture
def desk(bakery: Business, superuser: psycopg.Connection, platform: Sandbox) -> Desk:
    return seated(superuser, bakery, platform)


def seated(superuser: psycopg.Connection, business: Business, platform: Sandbox | None) -> Desk:
    found = superuser.execute("select subject from operators where id = %s", (business.operator_id,)).fetchone()
    assert found
    connection = business.connect(f"b{uuid4().hex[:8]}.test", service=platform.url) if platform else None
    return Desk(business, found[0], connection)


@pytest.fixture
def other(desk: Desk, migrated) -> Desk:
    """Another account of the same operator, as the same person sees it."""
    with migrated.administration() as scope:
        account = accounts.add(scope, f"Second {uuid4().hex[:8]}", time_zone="America/New_York")
        scope.run(
            "insert into memberships (operator_id, account_id) values (:operator_id, :account_id)",
            {"operator_id": desk.business.operator_id, "account_id": account.id},
        )
    business = replace(desk.business, account_id=account.id, connections={})
    business.turn_on()
    return Desk(business, desk.subject, business.connect("second.test", service="http://127.0.0.1:9"))


def posts_of(desk: Desk, superuser: psycopg.Connection) -> list[str]:
    rows = superuser.execute(
        "select content->>'text' from posts where account_id = %s order by submitted_at", (desk.id,)
    ).fetchall()
    return [row[0] for row in rows]


def states_of(desk: Desk, superuser: psycopg.Connection) -> list[str]:
    rows = superuser.execute("select state from deliveries where account_id = %s order by due_at", (desk.id,))
    return [row[0] for row in rows.fetchall()]


class TestWhoMaySeeWhat:
    @pytest.mark.parametrize("page", PAGES)
    def test_signed_out_there_is_sign_in_and_nothing_else(self, page: str):
        assert Visit(None).open(page).lines == SIGNED_OUT

    @pytest.mark.parametrize("page", PAGES)
    def test_somebody_unknown_is_told_so_and_sees_nothing_else(self, page: str):
        visit = Visit("nobody").open(page)

        assert visit.lines[:2] == SIGNED_OUT[:2]
        assert "ask an admin to invite nobody@composer.example" in visit.lines[2]
        assert visit.lines[3:] == ["Sign out"]

    def test_a_sign_in_long_ago_that_we_never_saw_opens_nothing(self, desk: Desk):
        visit = Visit(desk.subject, iat=int(time.time()) - 3600)

        assert "Overview" not in visit.words

    def test_a_sign_in_that_has_ended_opens_nothing(self, desk: Desk, superuser: psycopg.Connection):
        visit = desk.visit("compose")
        assert "Compose" in visit.words

        superuser.execute("update sign_ins set ended_at = now() where operator_id = %s", (desk.business.operator_id,))

        assert visit.run().lines[:2] == SIGNED_OUT[:2]
        assert "publish" not in visit.keys

    def test_a_window_left_open_after_signing_out_elsewhere_can_do_nothing(
        self, desk: Desk, superuser: psycopg.Connection
    ):
        visit = desk.visit("compose").type("Fresh rye")
        superuser.execute("update sign_ins set ended_at = now() where operator_id = %s", (desk.business.operator_id,))

        visit.press("publish")

        assert posts_of(desk, superuser) == []
        assert "Fresh rye" not in visit.words

    def test_a_role_without_the_capability_is_refused_clearly(self, migrated, app, vault, superuser):
        owner = seated(superuser, make_business(migrated, app, vault, roles=("product_owner",)), None)
        visit = owner.visit("compose")

        assert "This is not for your role" in visit.words
        assert "Your roles (product owner) do not include: publish. Nothing was changed." in visit.words
        assert not {key for key in visit.keys if key.startswith(("text-", "publish", "try_again"))}

    def test_a_role_that_may_only_look_is_offered_nothing_to_press(self, migrated, app, vault, superuser, platform):
        owner = seated(superuser, make_business(migrated, app, vault, roles=("product_owner",)), platform)
        assert owner.connection
        post_id = put(owner, superuser, "failed")

        assert "connect-bluesky" not in owner.visit("connections").keys
        assert f"disconnect-{owner.connection.id}" not in owner.visit("connections").keys
        assert not [key for key in owner.visit("posts", post=post_id).keys if key.startswith("again-")]


class TestWhoWeActFor:
    @pytest.mark.parametrize("page", ["compose", "connections"])
    def test_without_an_account_there_is_nothing_to_do(self, migrated, app, vault, superuser, page: str):
        business = make_business(migrated, app, vault)
        alone = seated(superuser, business, None)
        superuser.execute("delete from memberships where operator_id = %s", (business.operator_id,))

        visit = alone.visit(page)

        assert "You act for no account so far. Ask an admin to add you." in visit.words
        assert "publish" not in visit.keys

    @pytest.mark.parametrize("page", ["compose", "connections"])
    def test_of_several_accounts_none_is_chosen_by_itself(self, desk: Desk, other: Desk, page: str):
        visit = desk.visit(page)

        assert "Who are you acting for?" in visit.words
        assert not {"publish", "connect-bluesky", "banner"} & visit.keys

    def test_the_address_keeps_the_choice(self, desk: Desk, other: Desk):
        visit = desk.visit("compose").pick("choose", str(other.id))
        assert "Acting for  Second" in visit.words
        assert visit.at.query_params["account"] == str(other.id)

        assert "Acting for  Second" in desk.visit("compose", account=other.id).words
        assert "Acting for  Business" in desk.visit("compose", account=desk.id).words

    @pytest.mark.parametrize("account", ["nonsense", NOBODY])
    def test_an_address_that_names_no_account_of_theirs_chooses_none(self, desk: Desk, other: Desk, account: str):
        assert "Who are you acting for?" in desk.visit("compose", account=account).words

    def test_somebody_elses_account_is_not_for_them(self, desk: Desk, florist: Business):
        assert str(florist.account_id) not in desk.visit("compose", account=florist.account_id).at.query_params

    def test_no_text_of_one_account_is_ever_shown_for_another(self, desk: Desk, other: Desk):
        visit = desk.visit("compose", account=desk.id).type("Only the bakery says this")

        visit.at.selectbox(key="switch_account").set_value(str(other.id))
        visit.run()
        assert "Acting for  Second" in visit.words
        assert visit.text == ""
        assert "Only the bakery" not in visit.words

        visit.type("Only the second says this")
        visit.at.selectbox(key="switch_account").set_value(str(desk.id))
        visit.run()
        assert visit.text == "Only the bakery says this"

    def test_nothing_typed_to_connect_one_account_is_kept_for_another(self, desk: Desk, other: Desk):
        visit = desk.visit("connections", account=desk.id).press("connect-bluesky")
        visit.at.text_input(key=f"bluesky_identifier-{desk.id}").set_value("bakery.test")

        visit.at.selectbox(key="switch_account").set_value(str(other.id))
        visit.run()

        assert "Connect Bluesky for Second" not in visit.words
        visit.press("connect-bluesky")
        assert [each.value for each in visit.at.text_input] == ["", "", ""]


class TestComposing:
    def test_counts_and_shows_what_will_be_sent(self, desk: Desk, platform: Sandbox):
        platform.account("friend.test")
        visit = desk.visit("compose").type("Rye at https://example.com/rye with @friend.test #rye")

        assert "Bluesky 45 / 300 characters" in visit.words
        assert "3 linked" in visit.words
        assert "Rye at  example.com/rye  with  @friend.test   #rye" in visit.words

    def test_publishes_once_whatever_is_pressed_twice(self, desk: Desk, superuser: psycopg.Connection):
        first = desk.visit("compose").type("Fresh rye")
        second = desk.visit("compose")
        assert second.text == "Fresh rye"

        first.at.button(key="publish").click()
        states = first.at._tree.get_widget_states()
        first.at._run(states)
        first.at._run(states)  # as a second click that came before the page was drawn anew
        second.press("publish")

        assert posts_of(desk, superuser) == ["Fresh rye"]
        assert states_of(desk, superuser) == ["queued"]
        assert first._fine().text == ""

    def test_sends_what_stands_in_the_field_when_typing_and_click_arrive_together(self, desk: Desk, superuser):
        visit = desk.visit("compose").type("Fresh rye")

        visit.at.button(key="publish").click()
        visit.type("Fresh rye, and rolls")

        assert posts_of(desk, superuser) == ["Fresh rye, and rolls"]

    def test_a_window_left_behind_never_writes_into_the_next_draft(self, desk: Desk):
        here, there = desk.visit("compose").type("Fresh rye"), desk.visit("compose")
        here.press("publish").type("The next one")

        there.type("Fresh rye, and rolls")

        assert there.text == "The next one"
        assert "What you wrote is kept: see History." in there.words
        assert desk.visit("compose").text == "The next one"

    def test_a_draft_outlives_the_window(self, desk: Desk):
        desk.visit("compose").type("Half a sent")

        assert desk.visit("compose").text == "Half a sent"

    def test_discarding_empties_it_for_good(self, desk: Desk):
        visit = desk.visit("compose").type("Never mind").press("discard")

        assert visit.text == ""
        assert desk.visit("compose").text == ""

    @pytest.mark.parametrize("text", ["", "   ", "\n\n"])
    def test_blank_text_cannot_be_sent(self, desk: Desk, text: str):
        visit = desk.visit("compose").type(text)

        assert visit.at.button(key="publish").disabled
        assert visit.at.button(key="publish").proto.help == "Write something first."

    def test_300_characters_fit_and_301_do_not(self, desk: Desk):
        visit = desk.visit("compose").type(FAMILY * 100 + "x" * 200)
        assert "Bluesky 300 / 300 characters" in visit.words
        assert not visit.at.button(key="publish").disabled

        visit.type(FAMILY * 100 + "x" * 201)
        assert "Bluesky: 1 character too long" in visit.words
        assert visit.at.button(key="publish").disabled
        assert visit.at.button(key="publish").proto.help == "Solve what is marked red first."

    def test_3000_bytes_fit_and_3001_do_not(self, desk: Desk):
        visit = desk.visit("compose").type(FAMILY * 120)
        assert not visit.at.button(key="publish").disabled

        visit.type(FAMILY * 120 + "x")
        assert "Bluesky: 1 byte too large" in visit.words
        assert "Bluesky 3001 / 3000 bytes" in visit.words
        assert visit.at.button(key="publish").disabled

    def test_a_mention_of_nobody_is_said_and_goes_out_as_words(self, desk: Desk, superuser: psycopg.Connection):
        visit = desk.visit("compose").type("Thanks @nobody.test")
        assert "Nobody on Bluesky is called @nobody.test" in visit.words
        assert "plain words without a link" in visit.words

        visit.press("publish")
        assert posts_of(desk, superuser) == ["Thanks @nobody.test"]

    def test_a_mention_that_nobody_can_look_up_holds_the_post_back(self, bakery: Business, superuser):
        desk = seated(superuser, bakery, None)
        bakery.connect("away.test", service="http://127.0.0.1:9")
        visit = desk.visit("compose").type("Thanks @friend.test")

        visit.press("publish")

        assert "We could not find out who @friend.test is. Try again. Your text is kept." in visit.words
        assert posts_of(desk, superuser) == []
        assert visit.text == "Thanks @friend.test"

    def test_without_a_connection_it_says_how_to_make_one(self, bakery: Business, superuser):
        visit = seated(superuser, bakery, None).visit("compose")

        assert "Connect Bluesky first; the first post takes a minute." in visit.words
        assert "publish" not in visit.keys

    def test_choosing_nowhere_to_go_is_said(self, desk: Desk):
        visit = desk.visit("compose").type("Rye")
        visit.at.button_group[0].set_value([])
        visit.run()

        assert visit.at.button(key="publish").proto.help == "Choose where it should go."

    def test_while_the_flag_is_off_it_warns_and_holds(self, migrated, app, vault, superuser, platform):
        desk = seated(superuser, make_business(migrated, app, vault), platform)
        assert desk.connection
        visit = desk.visit("compose").type("Soon")
        assert f"Posting to {desk.connection.name} is off" in visit.words
        assert "It will be held, not lost" in visit.words

        visit.press("publish")
        assert states_of(desk, superuser) == ["queued"]

    def test_a_connection_ended_elsewhere_is_no_longer_offered(self, desk: Desk):
        desk.business.connect("b.test")
        visit = desk.visit("compose").type("Rye")
        assert desk.connection
        with desk.business.scope() as scope:
            from socialcore import connections  # noqa: PLC0415

            connections.disconnect(scope, desk.connection.id, why="test")

        visit.run()

        assert f"@{desk.connection.name}" not in str(visit.at.button_group[0].options)


class TestTakingBack:
    def test_brings_the_text_back_and_sends_nothing(self, desk: Desk, superuser: psycopg.Connection):
        visit = desk.visit("compose").type("Too early").press("publish")
        assert "You can take it back" in visit.words
        assert visit.text == ""

        visit.pick("watched", "undo")

        assert "Nothing was sent. Your text is here again." in visit.words
        assert visit.text == "Too early"
        assert states_of(desk, superuser) == ["cancelled"]

        visit.press("publish")
        assert states_of(desk, superuser) == ["cancelled", "queued"]

    def test_never_writes_over_what_was_begun_since(self, desk: Desk):
        visit = desk.visit("compose").type("Too early").press("publish").type("The next one")

        visit.pick("watched", "undo")

        assert visit.text == "The next one"
        assert "You have begun another text, so the old one is among your drafts." in visit.words

    def test_says_so_when_it_is_too_late(self, desk: Desk, superuser: psycopg.Connection):
        visit = desk.visit("compose").type("On its way").press("publish")
        move(desk, superuser, "sending")

        visit.pick("watched", "undo")

        assert "Too late to take all of it back" in visit.words
        assert "Being stopped; we make sure that it did not go out." in visit.words

    def test_can_be_hidden(self, desk: Desk):
        visit = desk.visit("compose").type("Rye").press("publish").press("watch_done")

        assert "watched" not in visit.keys


class TestScheduling:
    def choose(self, desk: Desk, on: date, at: hour) -> Visit:
        visit = desk.visit("compose", account=desk.id).type("Later")
        visit.at.button_group[1].set_value("At a time")
        visit.run()
        visit.at.date_input[0].set_value(on)
        visit.at.time_input[0].set_value(at)
        return visit.run()

    def test_means_the_accounts_own_clock(self, other: Desk, superuser: psycopg.Connection):
        day = datetime.now(UTC).date() + timedelta(days=3)

        visit = self.choose(other, day, hour(9, 30))
        assert f"{day:%a} {day.day} {day:%b} 09:30 in New York." in visit.words
        visit.press("publish")

        row = superuser.execute(
            "select due_at at time zone 'America/New_York' from deliveries where account_id = %s", (other.id,)
        ).fetchone()
        assert row == (datetime.combine(day, hour(9, 30)),)
        assert "goes out at" in visit.words

    def test_offers_a_time_to_come(self, desk: Desk):
        visit = desk.visit("compose").type("Later")
        visit.at.button_group[1].set_value("At a time")

        assert not visit.run().at.button(key="publish").disabled

    def test_refuses_a_time_that_has_passed(self, desk: Desk):
        visit = self.choose(desk, datetime.now(UTC).date() - timedelta(days=1), hour(9))

        assert "This time has passed: choose a later one." in visit.words
        assert visit.at.button(key="publish").disabled
        assert visit.text == "Later"

    def test_refuses_an_hour_that_the_clocks_skip(self, other: Desk):
        visit = self.choose(other, sunday(3, 2), hour(2, 30))

        assert "02:30 does not exist on this day in America/New_York: the clocks go forward over it." in visit.words
        assert visit.at.button(key="publish").disabled

    def test_says_which_of_two_hours_it_means(self, other: Desk):
        visit = self.choose(other, sunday(11, 1), hour(1, 30))

        assert "The clocks go back: this is the first of the two." in visit.words
        assert not visit.at.button(key="publish").disabled

    def test_refuses_a_time_that_passes_while_the_page_stands(self, desk: Desk, superuser: psycopg.Connection):
        now = datetime.now(UTC)
        visit = self.choose(desk, now.date() + timedelta(days=1), hour(now.hour, now.minute))
        from ui import session  # noqa: PLC0415

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(session, "now", lambda: now + timedelta(days=2))
            visit.press("publish")

        assert "Choose a later one, or publish now. Your text is kept." in visit.words
        assert posts_of(desk, superuser) == []


def sunday(month: int, nth: int) -> date:
    """The nth Sunday of the next such month, when clocks in New York change."""
    today = datetime.now(UTC).date()
    first = date(today.year + 1, month, 1)
    return first + timedelta(days=(6 - first.weekday()) % 7 + 7 * (nth - 1))


class TestWithoutADatabase:
    @pytest.mark.parametrize("page", PAGES)
    def test_every_page_says_so_and_comes_back(self, desk: Desk, page: str, away: "Away"):
        visit = desk.visit(page)
        with away():
            visit.run()
            assert "The database does not answer" in visit.words
            assert "what you have written stays in this window" in visit.words

        visit.press("try_again")
        assert "The database does not answer" not in visit.words

    def test_what_is_written_meanwhile_is_kept_and_saved_afterwards(self, desk: Desk, away: "Away"):
        visit = desk.visit("compose").type("Begun")
        with away():
            visit.type("Begun, and gone on")

        visit.press("try_again")

        assert visit.text == "Begun, and gone on"
        assert desk.visit("compose").text == "Begun, and gone on"

    def test_publishing_meanwhile_does_nothing_and_works_afterwards(self, desk: Desk, superuser, away: "Away"):
        visit = desk.visit("compose").type("Fresh rye")
        with away():
            visit.press("publish")
            assert "The database does not answer" in visit.words

        visit.press("try_again")
        assert visit.text == "Fresh rye"
        assert posts_of(desk, superuser) == []
        visit.press("publish")
        assert posts_of(desk, superuser) == ["Fresh rye"]


Away = Callable[[], Any]


@pytest.fixture
def away(postgres, migrated) -> Away:
    """The database refuses everybody and has thrown out who was in, for the length of a block."""
    name = migrated.app_url.partition("@/")[2].partition("?")[0]

    @contextmanager
    def gone() -> Iterator[None]:
        with psycopg.connect(_conninfo(postgres, "postgres", "composer"), autocommit=True) as connection:
            connection.execute(f"alter database {name} with allow_connections false")
            try:
                connection.execute(
                    "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
                    " where datname = %s and usename = 'composer_app'",
                    (name,),
                )
                yield
            finally:
                connection.execute(f"alter database {name} with allow_connections true")

    return gone


# How a delivery comes to be in each state, one change after another.
SENDING = "state = 'sending', attempt = 1, wire = '{}', wire_at = now(), record_key = 'key'"
ACCEPTED = "state = 'accepted', remote_id = id::text, url = 'https://bsky.app/profile/bakery.test/post/3k'"
STEPS = {
    "queued": [],
    "held": ["held_because = 'it is off for this account'"],
    "sending": [SENDING],
    "publishing": [SENDING, ACCEPTED],
    "retrying": [
        SENDING,
        "state = 'queued', failure_kind = 'Unavailable', failure = 'Bluesky is down.'",
    ],
    "checking": [SENDING, "state = 'ambiguous'"],
    "published": [SENDING, ACCEPTED, "state = 'confirmed', read_back = 'match', read_back_at = now()"],
    "changed": [SENDING, ACCEPTED, "state = 'confirmed', read_back = 'mismatch', read_back_at = now()"],
    "needs_review": [SENDING, "state = 'ambiguous'", "state = 'needs_review', failure = 'No answer for an hour.'"],
    "failed": [
        SENDING,
        "state = 'failed', failure_kind = 'ContentRejected', failure = 'Bluesky refused: the link is broken.'",
    ],
    "missed": ["state = 'missed'"],
    "cancelled": ["state = 'cancelled'"],
}
State = Literal["queued", "held", "sending", "published", "failed", "missed"]


def put(desk: Desk, superuser: psycopg.Connection, state: str) -> UUID:
    """A post whose one delivery is in this state."""
    assert desk.connection
    (post_id,) = superuser.execute(
        "insert into posts (account_id, submit_token, author_id, content, content_hash)"
        " values (%s, gen_random_uuid(), %s, '{\"text\": \"Fresh rye\"}', sha256('')) returning id",
        (desk.id, desk.business.operator_id),
    ).fetchone() or (None,)
    superuser.execute(
        "insert into deliveries (account_id, post_id, connection_id, priority, due_at, expires_at, next_at, rendered,"
        " text_hash) values (%s, %s, %s, 0, now(), now() + interval '2 h', now() + interval '1 day', '{}',"
        " sha256(%s::text::bytea))",
        (desk.id, post_id, desk.connection.id, str(post_id)),
    )
    move(desk, superuser, state, post_id)
    return post_id


def move(desk: Desk, superuser: psycopg.Connection, state: str, post_id: UUID | None = None) -> None:
    for step in STEPS[state]:
        superuser.execute(
            f"update deliveries set {step} where account_id = %s and post_id = coalesce(%s, post_id)",
            (desk.id, post_id),
        )


def attempt(
    desk: Desk, superuser: psycopg.Connection, post_id: UUID, n: int, outcome: str | None, why: str = ""
) -> None:
    """An attempt as the worker records one."""
    (worker,) = superuser.execute(
        "insert into workers (name, version, concurrency, pulse_pid, stopped_at) values ('test', '0', 1, 1, now())"
        " returning no"
    ).fetchone() or (None,)
    superuser.execute(
        "insert into attempts (account_id, delivery_id, n, worker, claim_no, grant_version, flags_version, deadline_at,"
        "  outcome, failure, ended_at) select account_id, id, %s, %s, 1, 1, 1, now(), %s, %s,"
        "  case when %s::text is null then null else now() end from deliveries where post_id = %s",
        (n, worker, outcome, why or None, outcome, post_id),
    )


class TestPosts:
    @pytest.mark.parametrize(
        ("state", "says"),
        [
            ("queued", "Queued"),
            ("held", "Held, not lost it is off for this account"),
            ("sending", "Sending"),
            ("publishing", "Publishing"),
            ("retrying", "Bluesky is down. We try again at"),
            ("checking", "The platform did not answer. We look before sending again."),
            ("published", "Published"),
            ("changed", "Read back: not as it was sent"),
            ("needs_review", "We cannot tell whether it reached"),
            ("failed", "Bluesky refused: the link is broken. Next: copy the text into a new post"),
            ("missed", "It was not sent. Send it late, or stop it."),
            ("cancelled", "Stopped by an operator before it was sent."),
        ],
    )
    def test_every_state_is_said_in_words(self, desk: Desk, superuser, state: str, says: str):
        post_id = put(desk, superuser, state)

        visit = desk.visit("posts", post=post_id)

        assert says in " ".join(visit.words.split())

    def test_without_any_says_so(self, desk: Desk):
        assert "What is published from Compose is listed here." in desk.visit("posts").words

    def test_a_post_opens_and_its_address_can_be_passed_on(self, desk: Desk, superuser):
        post_id = put(desk, superuser, "published")
        visit = desk.visit("posts")
        assert "detail" not in visit.words
        visit.pick("list", str(post_id))

        assert visit.at.query_params["post"] == str(post_id)
        assert "https://bsky.app/profile/bakery.test/post/3k" in visit.links
        visit.press("close")
        assert visit.links == []

    @pytest.mark.parametrize("post", ["nonsense", NOBODY])
    def test_an_address_that_names_no_post_opens_none(self, desk: Desk, post: str):
        assert desk.visit("posts", post=post).links == []

    def test_somebody_elses_post_is_not_there(self, desk: Desk, florist: Business, superuser, platform):
        theirs = put(seated(superuser, florist, platform), superuser, "published")

        visit = desk.visit("posts", post=theirs)

        assert "There is no such post." in visit.words
        assert "Fresh rye" not in visit.words

    def test_each_attempt_is_told_with_its_end(self, desk: Desk, superuser):
        post_id = put(desk, superuser, "published")
        attempt(desk, superuser, post_id, 1, "queued", "Bluesky could not be reached.")
        attempt(desk, superuser, post_id, 2, "accepted")

        told = desk.visit("posts", post=post_id).words

        order = ["Submitted", "Attempt 1", "Certainly not published", "could not be reached", "Attempt 2"]
        order += ["The platform took it", "Read back: as it was sent"]
        places = [told.index(each) for each in order]
        assert places == sorted(places)

    def test_stops_what_waits(self, desk: Desk, superuser):
        post_id = put(desk, superuser, "queued")
        visit = desk.visit("posts", post=post_id)

        visit.press(next(key for key in visit.keys if key.startswith("stop-")))

        assert "It was not sent, and will not be." in visit.words
        assert states_of(desk, superuser) == ["cancelled"]

    def test_stops_what_is_on_its_way_as_far_as_it_can(self, desk: Desk, superuser):
        visit = desk.visit("posts", post=put(desk, superuser, "sending"))

        visit.press(next(key for key in visit.keys if key.startswith("stop-")))

        assert "It was on its way: we make sure, and say here what became of it." in visit.words

    def test_sends_late_what_was_missed(self, desk: Desk, superuser):
        visit = desk.visit("posts", post=put(desk, superuser, "missed"))

        visit.press(next(key for key in visit.keys if key.startswith("late-")))

        assert states_of(desk, superuser) == ["queued"]

    def test_sends_again_what_failed(self, desk: Desk, superuser):
        visit = desk.visit("posts", post=put(desk, superuser, "failed"))

        visit.press(next(key for key in visit.keys if key.startswith("again-")))

        assert states_of(desk, superuser) == ["queued"]

    @pytest.mark.parametrize(("button", "state"), [("again-", "queued"), ("give-up-", "failed")])
    def test_what_nobody_can_tell_is_for_a_person_to_decide(self, desk: Desk, superuser, button: str, state: str):
        visit = desk.visit("posts", post=put(desk, superuser, "needs_review"))
        visit.at.checkbox(key=self.key(visit, "looked-")).check()
        visit.run()

        visit.press(self.key(visit, button))

        assert states_of(desk, superuser) == [state]
        assert ("Given up" in visit.words) == (state == "failed")

    def test_nothing_doubtful_is_sent_again_by_somebody_who_has_not_looked(self, desk: Desk, superuser):
        visit = desk.visit("posts", post=put(desk, superuser, "needs_review"))

        assert visit.at.button(key=self.key(visit, "again-")).disabled

    def test_a_person_asks_a_worker_to_look(self, desk: Desk, superuser):
        visit = desk.visit("posts", post=put(desk, superuser, "needs_review"))

        visit.press(self.key(visit, "look-")).press(self.key(visit, "look-"))

        assert "A worker is looking at the platform now." in visit.words
        assert self.looks(desk, superuser) == [(None, None)]

    def test_it_is_there_by_its_link(self, desk: Desk, superuser):
        assert desk.connection
        visit = desk.visit("posts", post=put(desk, superuser, "needs_review"))
        link = visit.at.text_input(key=self.key(visit, "link-"))

        link.set_value("https://bsky.app/profile/somebody.else/post/3kabc")
        visit.press(self.key(visit, "is-there-"))
        assert f"This is no link of a post of {desk.connection.name}." in visit.words
        assert self.looks(desk, superuser) == []

        visit.at.text_input(key=self.key(visit, "link-")).set_value(
            f"https://bsky.app/profile/{desk.connection.name}/post/3kabc"
        )
        visit.press(self.key(visit, "is-there-"))
        (look,) = self.looks(desk, superuser)
        assert look[0].endswith("/app.bsky.feed.post/3kabc")

    def test_what_was_found_is_offered(self, desk: Desk, superuser):
        visit = desk.visit("posts", post=put(desk, superuser, "needs_review"))
        visit.press(self.key(visit, "look-"))
        found = {"remote_id": "at://x/y/3k", "url": "https://x.test", "text": "Fresh rye", "at": None, "likeness": 0.8}
        superuser.execute(
            "update duties set done_at = now(), outcome = 'Is it one of them?', found = %s where account_id = %s",
            (json.dumps([found]), desk.id),
        )

        visit.run()
        for words in ("Is it one of them?", "Fresh rye", "80% of the words are the same", "This is it"):
            assert words in visit.words
        visit.pick(self.key(visit, "found-"), "at://x/y/3k")

        assert self.looks(desk, superuser)[-1] == ("at://x/y/3k", "https://x.test")

    def key(self, visit: Visit, start: str) -> str:
        return next(key for key in visit.keys if key.startswith(start))

    def looks(self, desk: Desk, superuser) -> list[tuple[str | None, str | None]]:
        asked = "select remote_id, url from duties where account_id = %s and kind = 'look' order by asked_at"
        return superuser.execute(asked, (desk.id,)).fetchall()

    def test_shows_one_account_on_demand(self, desk: Desk, other: Desk, superuser):
        put(desk, superuser, "published")
        put(other, superuser, "missed")
        visit = desk.visit("posts")
        assert {"Published", "Missed"} <= set(visit.words.split())

        visit.at.selectbox(key="account_filter").set_value(other.id)
        visit.run()

        assert "Published" not in visit.words
        assert "Missed" in visit.words


class TestConnecting:
    def fill(self, desk: Desk, handle: str, password: str, service: str) -> Visit:
        visit = desk.visit("connections").press("connect-bluesky")
        for name, value in {"identifier": handle, "app_password": password, "service": service}.items():
            visit.at.text_input(key=f"bluesky_{name}-{desk.id}").set_value(value)
        return visit.press("do_connect")

    def test_stores_the_sign_in_and_says_so(self, desk: Desk, platform: Sandbox):
        platform.account("real.test")

        visit = self.fill(desk, "@Real.test ", APP_PASSWORD, platform.url)

        assert "@real.test is connected" in visit.words
        assert "Not checked yet" not in visit.words.partition("@real.test\n")[2]
        assert "connect_form" not in visit.keys

    def test_a_wrong_password_is_said_and_what_was_typed_stays(self, desk: Desk, platform: Sandbox):
        platform.account("wrong.test")

        visit = self.fill(desk, "wrong.test", "zzzz-zzzz-zzzz-zzzz", platform.url)

        assert "does not accept this handle with this app password" in visit.words
        assert visit.at.text_input(key=f"bluesky_identifier-{desk.id}").value == "wrong.test"
        assert "@wrong.test" not in visit.words.partition("Connections")[2]

    def test_an_unknown_handle_is_said(self, desk: Desk, platform: Sandbox):
        assert "does not accept this handle" in self.fill(desk, "who.test", APP_PASSWORD, platform.url).words

    def test_the_main_password_is_refused(self, desk: Desk, platform: Sandbox):
        new = {"handle": "main.test", "email": "main@bakery.example", "password": "the-main-password"}
        made = httpx.post(f"{platform.url}/xrpc/com.atproto.server.createAccount", json=new, trust_env=False)
        assert made.status_code == 200, made.text

        visit = self.fill(desk, "main.test", "the-main-password", platform.url)

        assert "This is the account's main password." in visit.words

    def test_a_server_that_does_not_answer_is_said(self, desk: Desk):
        visit = self.fill(desk, "a.test", APP_PASSWORD, "http://127.0.0.1:9")

        assert "http://127.0.0.1:9 does not answer as a Bluesky server." in visit.words
        assert "nothing was stored" in visit.words

    def test_a_server_that_is_none_is_said(self, desk: Desk):
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Silent) as web:
            threading.Thread(target=web.serve_forever, daemon=True).start()
            visit = self.fill(desk, "a.test", APP_PASSWORD, f"http://127.0.0.1:{web.server_port}")
            web.shutdown()

        assert "is no Bluesky server" in visit.words

    @pytest.mark.parametrize("service", ["http://bsky.social", "https://bsky.social/path", "ftp://x"])
    def test_an_address_that_cannot_be_is_refused(self, desk: Desk, service: str):
        assert "The server's address" in self.fill(desk, "a.test", APP_PASSWORD, service).words

    def test_nothing_typed_is_said(self, desk: Desk, platform: Sandbox):
        assert "Type the handle and an app password." in self.fill(desk, "", "", platform.url).words

    def test_a_check_is_asked_for_once(self, desk: Desk, superuser):
        assert desk.connection
        visit = desk.visit("connections").press(f"check-{desk.connection.id}")

        assert visit.at.button(key=f"check-{desk.connection.id}").disabled
        assert visit.at.button(key=f"check-{desk.connection.id}").label == "Checking …"
        asked = superuser.execute("select kind from duties where account_id = %s", (desk.id,)).fetchall()
        assert asked == [("check",)]

    def test_disconnecting_asks_first(self, desk: Desk, superuser):
        assert desk.connection
        which = desk.connection.id
        visit = desk.visit("connections").press(f"disconnect-{which}").press(f"keep-{which}")
        assert "Disconnected" not in visit.words

        visit.press(f"disconnect-{which}").press(f"really-{which}")

        assert "is disconnected" in visit.words
        assert "What was planned for it is held, not lost." in visit.words
        assert f"again-{which}" in visit.keys

    def test_connecting_again_opens_the_form_with_what_is_known(self, desk: Desk, superuser):
        assert desk.connection
        superuser.execute(
            "update grants set reconnect_because = 'Bluesky has ended this sign-in.' where account_id = %s", (desk.id,)
        )
        visit = desk.visit("connections")
        assert "Sign in again" in visit.words

        visit.press(f"fix-{desk.connection.id}")

        assert visit.at.text_input(key=f"bluesky_identifier-{desk.id}").value == desk.connection.name
        assert visit.at.text_input(key=f"bluesky_service-{desk.id}").value == desk.connection.service
        assert visit.at.text_input(key=f"bluesky_app_password-{desk.id}").value == ""

    def test_without_any_says_so(self, bakery: Business, superuser):
        visit = seated(superuser, bakery, None).visit("connections")

        assert "Connect a platform and the first post takes a minute." in visit.words


class Silent(http.server.BaseHTTPRequestHandler):
    """A web server that is no platform."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        return


class TestOverview:
    def test_is_calm_when_nothing_is_wrong(self, desk: Desk):
        said = desk.visit().words

        assert "Needs attention · 0" in said
        assert "Nothing needs you." in said
        assert "Nothing is planned." in said

    def test_names_what_needs_a_person_and_leads_there(self, desk: Desk, superuser):
        post_id = put(desk, superuser, "failed")
        put(desk, superuser, "published")
        visit = desk.visit()
        assert "Needs attention · 1" in visit.words
        assert "Bluesky refused: the link is broken." in visit.words

        visit.pick("attention", f"post:{post_id}")

        assert "Submitted" in visit.words
        assert visit.at.query_params["post"] == str(post_id)

    def test_names_a_connection_that_is_refused_and_leads_there(self, desk: Desk, other: Desk, superuser):
        superuser.execute("update grants set reconnect_because = 'It was revoked.' where account_id = %s", (other.id,))
        visit = desk.visit()
        assert "second.test: It was revoked." in visit.words

        visit.pick("attention", f"account:{other.id}")

        assert "Acting for  Second" in visit.words
        assert "Sign in again" in visit.words

    @pytest.mark.parametrize("state", ["queued", "retrying", "sending", "checking", "publishing"])
    def test_names_what_is_under_way_for_too_long(self, desk: Desk, superuser, state: str):
        put(desk, superuser, state)
        assert "Needs attention · 0" in desk.visit().words

        with superuser.transaction():
            superuser.execute("set local session_replication_role = replica")
            superuser.execute(
                "update deliveries set due_at = now() - interval '3 min', changed_at = now() - interval '3 min'"
                " where account_id = %s",
                (desk.id,),
            )

        assert "Needs attention · 1" in desk.visit().words

    def test_shows_what_goes_out_next(self, desk: Desk, superuser):
        put(desk, superuser, "queued")

        assert "Queued" in desk.visit().words

    def test_says_how_the_workers_are(self, desk: Desk, superuser):
        superuser.execute("delete from attempts; delete from workers")
        assert "Nothing goes out before one is: python -m socialcore work" in desk.visit().words

        row = "insert into workers (name, version, concurrency, pulse_pid, beat_at) values (%s, '0', 1, 1, now() - %s)"
        superuser.execute(row, ("here:1", timedelta(seconds=1)))
        superuser.execute(row, ("gone:1", timedelta(minutes=5)))
        said = desk.visit().words
        superuser.execute("delete from workers")

        assert "Well" in said
        assert "Silent" in said
