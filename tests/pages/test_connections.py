"""The connections page with all four platforms: by browser and by password, picking, renewing, histories."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from socialcore import connections, departures, failures, openings
from socialcore.adapters import ADAPTERS
from socialcore.adapters.apps import sandbox_app
from socialcore.adapters.contract import Granted, Target
from socialcore.adapters.slack import Slack
from socialcore.adapters.twitter import Twitter
from socialcore.connections import Connection
from tests import sandbox
from tests.conftest import Business, make_business
from tests.pages.test_pages import Desk, Visit, configured, put, seated
from tests.sandbox import APP_PASSWORD, Sandbox

__all__ = ["configured"]  # a fixture that every test here uses

CHANNELS = (
    Target("C1", "#general", "Harbor Bakery"),
    Target("C2", "#news", "Harbor Bakery"),
    Target("C3", "#news", "Cedar & Pine"),
)


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with sandbox.running(tmp_path_factory.mktemp("sandbox"), rate_limits=False) as running:
        yield running


@pytest.fixture
def desk(bakery: Business, superuser: psycopg.Connection, platform: Sandbox) -> Desk:
    return seated(superuser, bakery, platform)


@pytest.fixture
def apps(platform: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """This installation is registered at the sandbox's Slack and X, and not at Google."""
    for name, adapter in (("slack", Slack), ("twitter", Twitter)):
        monkeypatch.setenv(f"COMPOSER_{name.upper()}_CLIENT_ID", "id")
        monkeypatch.setenv(f"COMPOSER_{name.upper()}_CLIENT_SECRET", "secret")
        monkeypatch.setitem(ADAPTERS, name, adapter(sandbox_app(name, platform.url)))  # type: ignore[arg-type]


def granted(subject: str = "T1", **rest: Any) -> Granted:
    return Granted("https://slack.test", subject, {"access": "x"}, CHANNELS, None, **rest)


def came_back(desk: Desk, gives: Granted | str, *, renews: Connection | None = None) -> UUID:
    """What the call-back leaves for the page."""
    with desk.business.scope() as scope:
        kept = departures.Departure("https://slack.test", {})
        state = uuid4().hex
        departures.remember(
            scope, desk.business.vault, "slack", state, kept, connection_id=renews.id if renews else None
        )
        found = departures.find(scope, state)  # type: ignore[arg-type]
        departures.arrive(scope, desk.business.vault, found)
        if isinstance(gives, str):
            departures.conclude(scope, found.id, why=gives)
        elif renews:
            departures.conclude(scope, found.id, grant_id=openings.renew(scope, desk.business.vault, renews.id, gives))
        else:
            departures.conclude(scope, found.id, grant_id=openings.take_in(scope, desk.business.vault, "slack", gives))
    return found.id


def back(desk: Desk, departure_id: UUID) -> Visit:
    return desk.visit("connections", account=desk.id, departure=departure_id)


def mine(desk: Desk) -> list[Connection]:
    with desk.business.scope() as scope:
        return connections.of_account(scope)


class TestLeaving:
    @pytest.mark.usefixtures("apps")
    @pytest.mark.parametrize(("name", "shown"), [("slack", "Slack"), ("twitter", "X")])
    def test_one_press_shows_what_to_prepare_and_the_way(self, desk: Desk, superuser, name: str, shown: str):
        visit = desk.visit("connections").press(f"connect-{name}")

        assert f"Connect {shown} for Business" in visit.words
        assert f"Sign in at {shown}" in visit.words
        assert [each for each in visit.links if "state=" in each and "127.0.0.1" in each]
        left = superuser.execute(
            "select platform, connection_id, sealed is null from departures where account_id = %s", (desk.id,)
        ).fetchall()
        assert left == [(name, None, False)]

    @pytest.mark.usefixtures("apps")
    def test_a_platform_without_our_app_says_which_settings_are_missing(self, desk: Desk):
        button = desk.visit("connections").at.button(key="connect-google_business")

        assert button.disabled
        assert "COMPOSER_GOOGLE_BUSINESS_CLIENT_ID and COMPOSER_GOOGLE_BUSINESS_CLIENT_SECRET" in button.proto.help

    @pytest.mark.usefixtures("apps")
    def test_what_stands_open_can_be_closed(self, desk: Desk):
        visit = desk.visit("connections").press("connect-slack").press("close_connect")

        assert "connect-slack" in visit.keys
        assert "Sign in at Slack" not in visit.words

    def test_whoever_may_only_look_is_offered_nothing(self, migrated, app, vault, superuser, platform):
        owner = seated(superuser, make_business(migrated, app, vault, roles=("product_owner",)), platform)

        keys = owner.visit("connections").keys

        assert not [key for key in keys if key.startswith(("connect-", "check", "rename", "disconnect", "fix"))]


class TestComingBack:
    def test_the_targets_are_picked_by_name_and_detail_several_at_once(self, desk: Desk):
        visit = back(desk, came_back(desk, granted()))
        assert "What should Business" in visit.words
        chooser = visit.at.multiselect[0]
        assert list(chooser.options) == ["#general · Harbor Bakery", "#news · Harbor Bakery", "#news · Cedar & Pine"]
        assert chooser.value == []  # nothing is chosen for anybody
        assert visit.at.button(key="do_pick").disabled

        chooser.select("#general · Harbor Bakery").select("#news · Cedar & Pine")
        visit.run().press("do_pick")

        assert "Slack: 2 targets connected" in visit.words
        made = [each for each in mine(desk) if each.platform == "slack"]
        assert [(each.name, each.detail) for each in made] == [
            ("#general", "Harbor Bakery"),
            ("#news", "Cedar & Pine"),
        ]
        assert "Where Cedar & Pine" in visit.words

    def test_more_of_the_same_sign_in_can_be_picked_later(self, desk: Desk):
        visit = back(desk, came_back(desk, granted())).press("close_connect")
        more = next(key for key in visit.keys if key.startswith("more-"))
        assert visit.at.button(key=more).label == "Slack: 3 more"

        visit.press(more)

        assert "What should Business" in visit.words

    def test_the_address_says_it_once(self, desk: Desk):
        visit = back(desk, came_back(desk, "Access was not allowed."))
        assert "Slack is not connected" in visit.words
        assert "Access was not allowed. Nothing was changed." in visit.words

        assert "departure" not in visit.at.query_params
        assert "Slack is not connected" not in visit.run().words

    def test_somebody_elses_departure_says_nothing(self, desk: Desk, migrated, app, vault, superuser):
        other = seated(superuser, make_business(migrated, app, vault), None)
        visit = back(desk, came_back(other, "Access was not allowed."))

        assert "Access was not allowed" not in visit.words

    @pytest.mark.parametrize("which", ["nonsense", "5a1e0000-0000-4000-8000-000000000000"])
    def test_an_address_that_names_none_is_no_error(self, desk: Desk, which: str):
        assert "Connections" in desk.visit("connections", account=desk.id, departure=which).words

    def test_a_missing_permission_is_said_with_what_does_not_work(self, desk: Desk):
        visit = back(desk, came_back(desk, granted(permissions=frozenset({"chat:write"}))))
        visit.at.multiselect[0].select("#general · Harbor Bakery")
        visit.run().press("do_pick")

        assert "Degraded" in visit.words
        assert "A permission is missing" in visit.words
        assert "files:write: pictures does not work" in visit.words
        slack = next(each for each in mine(desk) if each.platform == "slack")
        assert f"fix-{slack.id}" in visit.keys


class TestReconnecting:
    @pytest.fixture
    def channel(self, desk: Desk, superuser: psycopg.Connection) -> Connection:
        """A channel whose sign-in is refused."""
        with desk.business.scope() as scope:
            grant_id = openings.keep(scope, desk.business.vault, "slack", granted())
            (made,) = openings.open_targets(scope, grant_id, ["C1"])
        superuser.execute(
            "update grants set reconnect_because = 'It was revoked.', reconnect_since = now() where id = %s",
            (grant_id,),
        )
        return next(each for each in mine(desk) if each.id == made)

    @pytest.mark.usefixtures("apps")
    def test_takes_two_presses(self, desk: Desk, channel: Connection, superuser):
        visit = desk.visit("connections")
        assert "It was revoked." in visit.words

        visit.press(f"fix-{channel.id}")

        assert "Reconnect #general" in visit.words
        assert [each for each in visit.links if "state=" in each]
        left = superuser.execute("select connection_id from departures where account_id = %s", (desk.id,)).fetchall()
        assert left == [(channel.id,)]

    def test_says_so_and_offers_what_did_not_go_out(self, desk: Desk, channel: Connection, superuser):
        post_id = put(desk, superuser, "missed")
        with superuser.transaction():
            superuser.execute("set local session_replication_role = replica")
            superuser.execute(
                "update deliveries set connection_id = %s, changed_at = now() where post_id = %s", (channel.id, post_id)
            )

        visit = back(desk, came_back(desk, granted(), renews=channel))

        assert "#general is connected again" in visit.words
        assert "1 post did not go out meanwhile" in visit.words
        visit.press(f"send_left-{channel.id}")
        assert "1 post on the way" in visit.words
        assert "did not go out meanwhile" not in visit.words
        row = superuser.execute("select state from deliveries where post_id = %s", (post_id,)).fetchone()
        assert row == ("queued",)

    def test_what_did_not_go_out_can_be_left(self, desk: Desk, channel: Connection, superuser):
        post_id = put(desk, superuser, "missed")
        with superuser.transaction():
            superuser.execute("set local session_replication_role = replica")
            superuser.execute(
                "update deliveries set connection_id = %s, changed_at = now() where post_id = %s", (channel.id, post_id)
            )

        visit = back(desk, came_back(desk, granted(), renews=channel)).press(f"leave_left-{channel.id}")

        assert "did not go out meanwhile" not in visit.words

    def test_by_password_as_somebody_else_is_refused(self, desk: Desk, platform: Sandbox, superuser):
        platform.account("mine.test")
        platform.account("other.test")
        connection = desk.business.sign_in(platform.url, "mine.test", APP_PASSWORD)
        superuser.execute("update grants set reconnect_because = 'gone' where id = %s", (connection.grant_id,))
        visit = desk.visit("connections").press(f"fix-{connection.id}")
        assert "Reconnect @mine.test" in visit.words
        visit.at.text_input(key=f"bluesky_identifier-{desk.id}").set_value("other.test")
        visit.at.text_input(key=f"bluesky_app_password-{desk.id}").set_value(APP_PASSWORD)

        visit.press("do_connect")

        assert "That is another identity" in visit.words
        assert "it opens other.test, and the connection is to mine.test. Nothing was changed." in visit.words
        assert next(each for each in mine(desk) if each.id == connection.id).state == "reconnect"

        visit.at.text_input(key=f"bluesky_identifier-{desk.id}").set_value("mine.test")
        visit.press("do_connect")
        assert "@mine.test is connected again" in visit.words


class TestCard:
    def test_says_when_it_was_measured_and_how_long_that_took(self, desk: Desk, superuser):
        assert desk.connection
        superuser.execute(
            "update connections set check_ms = 1234, checked_at = now() - interval '5 min' where id = %s",
            (desk.connection.id,),
        )

        assert "Last check 5 min ago, in 1,234 ms" in desk.visit("connections").words

    def test_warns_of_the_end_of_a_sign_in_here_and_on_the_overview(self, desk: Desk, superuser):
        assert desk.connection
        superuser.execute(
            "update grants set ends_at = now() + interval '5 days' where id = %s", (desk.connection.grant_id,)
        )

        said = desk.visit("connections").words
        assert "Expires soon" in said
        assert "The sign-in ends in 4 days." in said
        assert f"{desk.connection.name}: Signing in again now avoids failed posts." in desk.visit().words

    def test_is_renamed(self, desk: Desk):
        assert desk.connection
        visit = desk.visit("connections").press(f"rename-{desk.connection.id}")
        visit.at.text_input(key=f"name-{desk.connection.id}").set_value("Oakland")
        visit.press(f"rename_now-{desk.connection.id}")

        assert "@Oakland" in visit.words
        assert f"rename_now-{desk.connection.id}" not in visit.keys

    def test_all_are_checked_at_once(self, desk: Desk, superuser):
        desk.business.connect("second.test", service="http://127.0.0.1:9")

        desk.visit("connections").press("check_all")

        asked = superuser.execute("select count(*) from duties where account_id = %s and kind = 'check'", (desk.id,))
        assert asked.fetchone() == (2,)

    def test_why_it_was_disconnected_is_in_its_history(self, desk: Desk):
        assert desk.connection
        which = desk.connection.id
        visit = desk.visit("connections").press(f"disconnect-{which}")
        visit.at.text_input(key=f"why-{which}").set_value("They closed the shop.")
        visit.press(f"really-{which}")

        from ui import connection_card  # noqa: PLC0415

        with desk.business.scope() as scope:
            from socialcore import audit  # noqa: PLC0415

            entries = audit.of_connection(scope, which, desk.connection.grant_id)
        said = [connection_card._said(each) for each in entries]  # noqa: SLF001
        operator = f"Operator {desk.subject}"
        assert said == [f"Disconnected by {operator}: They closed the shop.", f"Connected by {operator}"]


def test_a_platform_that_is_away_while_leaving_is_said(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    class Away:
        capabilities = ADAPTERS["slack"].capabilities

        def depart(self, *_: object, **__: object) -> None:
            raise failures.Unavailable("Slack could not be reached. Nothing was sent.")

    monkeypatch.setitem(ADAPTERS, "slack", Away())  # type: ignore[arg-type]
    monkeypatch.setenv("COMPOSER_SLACK_CLIENT_ID", "id")
    monkeypatch.setenv("COMPOSER_SLACK_CLIENT_SECRET", "secret")

    visit = desk.visit("connections").press("connect-slack")

    assert "Slack could not be reached." in visit.words
