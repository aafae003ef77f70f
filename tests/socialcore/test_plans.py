"""Plans: what they hold is a setting; what a plan does not hold is not connected and takes no new posts."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest

from socialcore import accounts, connections, duties, openings, outcomes, plans, publishing
from socialcore.adapters import ADAPTERS
from socialcore.adapters.contract import Granted, Target
from socialcore.connections import Connection
from socialcore.failures import Unavailable
from socialcore.plans import NotInPlan
from socialcore.posts import PLATFORMS, Content, Platform
from socialcore.publishing import NotReady
from socialcore.settings import DEFAULT_PLANS, Settings, SettingsError
from tests.conftest import Business

CHANNELS = (Target("C1", "#general", "Harbor Bakery"), Target("C2", "#news", "Harbor Bakery"))


def granted(subject: str = "T1", *targets: Target) -> Granted:
    return Granted("https://slack.test", subject, {"access": "x"}, targets or CHANNELS, None)


@pytest.fixture
def plan(bakery: Business, superuser: psycopg.Connection):
    """Put the bakery on a plan."""

    def put(name: str) -> None:
        superuser.execute("update accounts set plan = %s where id = %s", (name, bakery.account_id))

    return put


def of(business: Business, name: str) -> Connection:
    with business.scope() as scope:
        return next(each for each in connections.of_account(scope) if each.name == name)


class TestSetting:
    def test_is_read_in_its_order(self):
        found = Settings.from_environment({"COMPOSER_PLANS": "free:; pro: slack , twitter ;all:" + ",".join(PLATFORMS)})
        assert list(found.plans) == ["free", "pro", "all"]
        assert found.plans["pro"] == {"twitter", "slack"}
        assert found.plans["all"] == set(PLATFORMS)
        assert found.plans["free"] == set()

    @pytest.mark.parametrize("value", ["", " ; "])
    def test_left_out_is_the_default(self, value: str):
        assert Settings.from_environment({"COMPOSER_PLANS": value}).plans == DEFAULT_PLANS

    @pytest.mark.parametrize("value", ["basic", "basic: bluesky; basic: slack", ": slack", "basic: x", "basic=bluesky"])
    def test_that_cannot_be_read_says_how_it_looks(self, value: str):
        with pytest.raises(SettingsError, match="COMPOSER_PLANS looks like basic"):
            Settings.from_environment({"COMPOSER_PLANS": value})


class TestWhatAPlanHolds:
    def test_is_what_the_setting_says(self):
        assert plans.held("basic") == ["bluesky", "google_business"]
        assert plans.held("premium") == list(PLATFORMS)
        assert plans.smallest() == "basic"

    @pytest.mark.parametrize("name", ["basic", "premium", "forgotten", ""])
    def test_is_google_in_any_case(self, name: str, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(plans, "installed", lambda: {"basic": frozenset(), "premium": frozenset({"slack"})})
        assert plans.holds(name, "google_business")

    def test_is_least_for_a_plan_that_nobody_knows(self):
        assert plans.held("forgotten") == ["google_business"]

    def test_leads_to_the_first_plan_that_holds_more(self, monkeypatch: pytest.MonkeyPatch):
        three = {"a": {"bluesky"}, "b": {"slack"}, "c": {"bluesky", "slack"}}
        monkeypatch.setattr(plans, "installed", lambda: {name: frozenset(held) for name, held in three.items()})
        assert plans.upgrade("a", "slack") == "c"  # b would lose Bluesky
        assert plans.upgrade("c", "twitter") is None


class TestConnecting:
    def test_a_platform_of_the_plan(self, bakery: Business, plan):
        plan("basic")
        assert bakery.connect("bakery.test").is_in_plan

    @pytest.mark.parametrize("platform", ["twitter", "slack"])
    def test_another_is_refused_and_stores_nothing(self, bakery: Business, plan, superuser, platform: Platform):
        plan("basic")
        with pytest.raises(NotInPlan, match=r"not in the account's plan, basic\. Ask an admin .* to premium"):
            bakery.connect("bakery", platform=platform)
        with bakery.scope() as scope, pytest.raises(NotInPlan):
            openings.take_in(scope, bakery.vault, platform, granted())
        with bakery.scope() as scope, pytest.raises(NotInPlan):
            openings.insist_on_plan(scope, platform)
        for table in ("grants", "connections"):
            assert superuser.execute(
                f"select count(*) from {table} where account_id = %s", (bakery.account_id,)
            ).fetchone() == (0,)

    def test_more_of_a_sign_in_that_left_the_plan_is_refused(self, bakery: Business, plan):
        with bakery.scope() as scope:
            grant_id = openings.take_in(scope, bakery.vault, "slack", granted())
            openings.open_targets(scope, grant_id, ["C1"])
        plan("basic")
        with pytest.raises(NotInPlan), bakery.scope() as scope:
            openings.open_targets(scope, grant_id, ["C1", "C2"])
        with bakery.scope() as scope:
            assert [each.name for each in connections.of_account(scope)] == ["#general"]

    def test_what_is_connected_may_be_renewed_under_any_plan(self, bakery: Business, plan):
        with bakery.scope() as scope:
            grant_id = openings.take_in(scope, bakery.vault, "slack", granted())
            (connection_id,) = openings.open_targets(scope, grant_id, ["C1"])
        plan("basic")
        with bakery.scope() as scope:
            assert openings.renew(scope, bakery.vault, connection_id, granted()) == grant_id
            openings.insist_on_plan(scope, "slack")

    def test_what_was_disconnected_may_not(self, bakery: Business, plan):
        with bakery.scope() as scope:
            grant_id = openings.take_in(scope, bakery.vault, "slack", granted())
            (connection_id,) = openings.open_targets(scope, grant_id, ["C1"])
            connections.disconnect(scope, connection_id, why="test")
        plan("basic")
        with pytest.raises(NotInPlan), bakery.scope() as scope:
            openings.renew(scope, bakery.vault, connection_id, granted())


class TestPublishing:
    def test_new_posts_are_refused_in_words_and_google_is_not(self, bakery: Business, plan):
        slack, google = (
            bakery.connect("#general", platform="slack"),
            bakery.connect("12 Quay", platform="google_business"),
        )
        plan("basic")
        slack, google = of(bakery, "#general"), of(bakery, "12 Quay")

        found = publishing.problems(Content(text="Fresh rye"), [slack, google])

        assert list(found) == [slack.id]
        (problem,) = found[slack.id]
        assert problem.title == "Slack is no longer in the account's plan, basic"
        assert "What is scheduled already goes out." in problem.next_step

    def test_what_is_scheduled_goes_out_and_nothing_new_is_stored(self, bakery: Business, plan, superuser):
        slack = bakery.connect("#general", platform="slack")
        content, now = Content(text="Fresh rye"), datetime.now(UTC)
        fresh = {slack.id: [{"text": "Fresh rye"}]}
        rest = {"due_at": now + timedelta(hours=1), "undo": timedelta(0), "late_window": timedelta(hours=2), "now": now}
        with bakery.scope() as scope:
            publishing.submit(scope, content, fresh, [slack], submit_token=uuid4(), **rest)
        plan("basic")
        slack = of(bakery, "#general")
        with pytest.raises(NotReady), bakery.scope() as scope:
            publishing.submit(scope, content, fresh, [slack], submit_token=uuid4(), **rest)
        assert superuser.execute(
            "select state, held_because from deliveries where account_id = %s", (bakery.account_id,)
        ).fetchall() == [("queued", None)]

    def test_an_account_of_the_command_line_is_on_the_smallest(self, migrated):
        with migrated.administration() as scope:
            assert accounts.add(scope, f"Café {uuid4().hex}", time_zone="UTC").plan == plans.smallest()


class TestGivingBack:
    """A sign-in that nothing was picked from."""

    @pytest.fixture
    def mine(self) -> str:
        """A workspace that no other test has signed in to."""
        return uuid4().hex

    @pytest.fixture
    def revoked(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """The secrets that Slack was told to forget."""
        told: list[str] = []

        class Slack:
            capabilities = ADAPTERS["slack"].capabilities

            def revoke(self, access) -> None:
                if access.secret["access"] == "away":
                    raise Unavailable("Slack does not answer.")
                told.append(access.secret["access"])

        monkeypatch.setitem(ADAPTERS, "slack", Slack())  # type: ignore[arg-type]
        return told

    def work(self, bakery: Business, as_worker) -> None:
        duty = duties.take(as_worker, ["slack"])
        assert duty
        assert (duty.kind, duty.account_id, duty.platform) == ("revoke", bakery.account_id, "slack")
        duties.perform(as_worker, bakery.vault, duty)

    def test_a_worker_tells_the_platform(self, bakery: Business, mine: str, as_worker, revoked: list[str], superuser):
        with bakery.scope() as scope:
            grant_id = openings.take_in(scope, bakery.vault, "slack", granted(mine))
            (opening,) = openings.of_account(scope)
            assert opening.is_unused
            assert openings.give_back(scope, grant_id)
            assert openings.of_account(scope) == []  # nothing is offered of it from now on
            assert not openings.give_back(scope, grant_id)

        self.work(bakery, as_worker)

        assert revoked == ["x"]
        assert superuser.execute(
            "select outcome, done_at is not null from duties where grant_id = %s", (grant_id,)
        ).fetchall() == [("given back", True)]
        assert duties.take(as_worker, ["slack"]) is None

    def test_not_when_something_was_picked(self, bakery: Business, mine: str):
        with bakery.scope() as scope:
            grant_id = openings.take_in(scope, bakery.vault, "slack", granted(mine))
            openings.open_targets(scope, grant_id, ["C1"])
            assert not openings.give_back(scope, grant_id)

    def test_not_when_somebody_has_signed_in_anew_meanwhile(
        self, bakery: Business, mine: str, as_worker, revoked, superuser
    ):
        with bakery.scope() as scope:
            grant_id = openings.take_in(scope, bakery.vault, "slack", granted(mine))
            openings.give_back(scope, grant_id)
            openings.take_in(scope, bakery.vault, "slack", granted(mine))

        self.work(bakery, as_worker)

        assert revoked == []
        with bakery.scope() as scope:
            assert [each.grant_id for each in openings.of_account(scope)] == [grant_id]
        assert superuser.execute("select outcome from duties where grant_id = %s", (grant_id,)).fetchone() == (
            "kept: somebody has signed in anew",
        )

    def test_not_while_another_account_uses_the_same(self, bakery: Business, mine: str, florist, as_worker, revoked):
        with florist.scope() as scope:
            grant_id = openings.take_in(scope, florist.vault, "slack", granted(mine))
            openings.open_targets(scope, grant_id, ["C1"])
        with bakery.scope() as scope:
            openings.give_back(scope, openings.take_in(scope, bakery.vault, "slack", granted(mine)))

        self.work(bakery, as_worker)

        assert revoked == []

    def test_is_tried_again_while_the_platform_is_away(
        self, bakery: Business, mine: str, as_worker, revoked, superuser
    ):
        away = Granted("https://slack.test", mine, {"access": "away"}, CHANNELS, None)
        with bakery.scope() as scope:
            grant_id = openings.take_in(scope, bakery.vault, "slack", away)
            openings.give_back(scope, grant_id)

        self.work(bakery, as_worker)

        assert superuser.execute(
            "select outcome, done_at, due_at > now() from duties where grant_id = %s", (grant_id,)
        ).fetchone() == ("Slack does not answer.", None, True)

    @pytest.fixture(autouse=True)
    def no_other_duties(self, superuser: psycopg.Connection):
        superuser.execute("update duties set done_at = now() where done_at is null")
        yield
        superuser.execute("update duties set done_at = now() where done_at is null")


class TestRecord:
    """How the last posts went through a connection."""

    def put(self, bakery: Business, connection: Connection, superuser, state: str, n: int, **columns: object) -> int:
        post_id, number = superuser.execute(
            "insert into posts (account_id, submit_token, author_id, content, content_hash)"
            " values (%s, gen_random_uuid(), %s, '{}', sha256('x')) returning id, number",
            (bakery.account_id, bakery.operator_id),
        ).fetchone()
        values = {
            "account_id": bakery.account_id, "post_id": post_id, "connection_id": connection.id, "state": state,
            "priority": 1, "rendered": "{}", "text_hash": uuid4().bytes * 2, "attempt": 1, "remote_id": uuid4().hex,
            "changed_at": datetime(2026, 11, 1, tzinfo=UTC) + timedelta(minutes=n),
            **{each: datetime(2026, 11, 2, tzinfo=UTC) for each in ("due_at", "expires_at", "next_at")},
            **columns,
        }  # fmt: skip
        with superuser.transaction():
            superuser.execute("set local session_replication_role = replica")
            superuser.execute(
                f"insert into deliveries ({', '.join(values)}) values ({', '.join(['%s'] * len(values))})",
                list(values.values()),
            )
        return number

    def record(self, bakery: Business, connection: Connection) -> outcomes.Record:
        with bakery.scope() as scope:
            return outcomes.of_connections(scope, [connection.id]).get(connection.id, outcomes.NOTHING)

    def test_of_nothing_is_nothing(self, bakery: Business):
        assert self.record(bakery, bakery.connect()) == outcomes.NOTHING

    def test_counts_the_last_twenty_that_came_to_an_end(self, bakery: Business, superuser):
        connection = bakery.connect()
        wire = {"wire": "{}", "wire_at": datetime(2026, 11, 1, tzinfo=UTC), "read_back": "match"}
        for n in range(25):
            self.put(bakery, connection, superuser, "confirmed", n, **wire)
        self.put(bakery, connection, superuser, "failed", 25)
        self.put(bakery, connection, superuser, "missed", 26)
        self.put(bakery, connection, superuser, "needs_review", 27)
        self.put(bakery, connection, superuser, "confirmed", 28, **{**wire, "read_back": "mismatch"})
        last = self.put(bakery, connection, superuser, "confirmed", 29, **wire, url="https://bsky.app/x")
        for n, state in enumerate(("cancelled", "sending", "ambiguous", "accepted"), start=30):
            self.put(bakery, connection, superuser, state, n, **wire)
        self.put(bakery, connection, superuser, "queued", 40)

        found = self.record(bakery, connection)

        assert found.outcomes == "o" * 15 + "xx??o"
        assert (found.last_number, found.last_url) == (last, "https://bsky.app/x")
        assert (found.waiting, found.next_due) == (1, datetime(2026, 11, 2, tzinfo=UTC))

    def test_is_each_connections_own(self, bakery: Business, florist: Business, superuser):
        mine, other, theirs = bakery.connect("a.test"), bakery.connect("b.test"), florist.connect("c.test")
        self.put(bakery, other, superuser, "failed", 1)
        self.put(florist, theirs, superuser, "failed", 1)
        assert self.record(bakery, mine) == outcomes.NOTHING
        with bakery.scope() as scope:
            assert set(outcomes.of_connections(scope, [mine.id, other.id, theirs.id])) == {other.id}
