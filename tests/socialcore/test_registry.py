"""The registry of connections: how each one is, by the calendar and on demand, and what people change about it."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from socialcore import audit, connections, deliveries, duties, failures, health, openings, transitions
from socialcore.adapters import ADAPTERS
from socialcore.adapters.bluesky import Bluesky
from socialcore.adapters.contract import Access, Checked, Granted, Target
from socialcore.connections import BadName, Connection
from socialcore.database import Database, portfolio_scope, worker_scope
from tests.conftest import Business, make_business
from tests.working import submit

LATE = timedelta(hours=2)
CAPABILITIES = replace(Bluesky.capabilities, permissions=frozenset({"read", "write"}))


@dataclass
class Obedient:
    """An adapter that answers what a test says."""

    found: Checked | failures.PlatformFailure = field(default_factory=Checked)
    revoking: failures.PlatformFailure | None = None
    revoked: list[str] = field(default_factory=list)
    capabilities: Any = CAPABILITIES

    def __getattr__(self, name: str) -> Any:
        return getattr(USUAL, name)

    def check(self, access: Access) -> Checked:
        if isinstance(self.found, failures.PlatformFailure):
            raise self.found
        return self.found

    def revoke(self, access: Access) -> None:
        if self.revoking:
            raise self.revoking
        self.revoked.append(access.target_id)


USUAL = ADAPTERS["bluesky"]


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch, superuser: psycopg.Connection) -> Obedient:
    made = Obedient()
    monkeypatch.setitem(ADAPTERS, "bluesky", made)  # type: ignore[arg-type]
    superuser.execute("update lanes set check_at = 'infinity'")  # what other tests have left
    superuser.execute("update duties set done_at = now() where done_at is null")
    return made


def granted(subject: str, *names: str, **rest: Any) -> Granted:
    targets = tuple(Target(f"{subject}/{name}", name) for name in names)
    return Granted("https://pds.test", subject, {"refresh": "r", "access": "a"}, targets, None, **rest)


def connect(business: Business, *names: str, subject: str | None = None, **rest: Any) -> list[Connection]:
    """Sign in once and connect everything that opens, in this order."""
    sign_in = granted(subject or uuid4().hex, *names, **rest)
    with business.scope() as scope:
        grant_id = openings.keep(scope, business.vault, "bluesky", sign_in)
        ids = openings.open_targets(scope, grant_id, [target.id for target in sign_in.targets])
    return [now(business, each) for each in ids]


def now(business: Business, connection_id: UUID) -> Connection:
    with business.scope() as scope:
        found = connections.connection(scope, connection_id)
    assert found
    return found


def perform(as_worker: Database, business: Business) -> duties.Duty | None:
    duty = duties.take(as_worker, list(ADAPTERS))
    if duty:
        duties.perform(as_worker, business.vault, duty)
    return duty


def check(as_worker: Database, business: Business, connection: Connection) -> Connection:
    with business.scope() as scope:
        connections.ask(scope, "check", connection.id)
    assert perform(as_worker, business)
    return now(business, connection.id)


def minutes_to_check(superuser: psycopg.Connection, connection: Connection) -> float | None:
    row = superuser.execute(
        "select case when check_at < 'infinity' then extract(epoch from check_at - now())::float8 / 60 end from lanes"
        " where connection_id = %s",
        (connection.id,),
    ).fetchone()
    return row[0] if row else None


def said(business: Business, connection: Connection) -> list[tuple[str, str]]:
    with business.scope() as scope:
        found = audit.of_connection(scope, connection.id, connection.grant_id)
    return [(each.actor.partition(" ")[0], each.action.removeprefix("connection.")) for each in found]


class TestChecking:
    @pytest.mark.parametrize(
        ("found", "state", "after"),
        [
            (Checked(), "healthy", 360),
            (Checked(permissions=frozenset({"read", "write", "more"})), "healthy", 360),
            (Checked(permissions=frozenset({"read"})), "degraded", 10),
            (failures.ContentRejected("The channel is archived. Choose another."), "degraded", 10),
            (failures.RateLimited("It asks us to wait.", wait=timedelta(hours=1)), "limited", 60),
            (failures.Unavailable("It could not be reached."), "unreachable", 10),
            (failures.OutcomeUnknown("It did not answer."), "unreachable", 10),
            (failures.ReconnectNeeded("It was revoked."), "reconnect", 360),
        ],
        ids=lambda it: it if isinstance(it, str) else None,
    )
    def test_is_classed_and_planned_again(self, bakery, as_worker, superuser, platform, found, state, after):
        (one,) = connect(bakery, "bakery.test")
        platform.found = found

        seen = check(as_worker, bakery, one)

        assert seen.state == state
        assert seen.check_ms is not None
        assert seen.checked_at
        assert one.checked_at
        assert seen.checked_at > one.checked_at
        assert minutes_to_check(superuser, one) == pytest.approx(after, abs=0.2)
        with portfolio_scope(bakery.app, bakery.operator_id) as scope:
            attention = [each.id for each in connections.needing_attention(scope)]
        assert (one.id in attention) == (state != "healthy")

    def test_a_missing_permission_is_named(self, bakery, as_worker, platform):
        (one,) = connect(bakery, "bakery.test")
        platform.found = Checked(permissions=frozenset({"read"}))

        seen = check(as_worker, bakery, one)

        assert seen.missing == ["write"]
        assert seen.check_failure == "Bluesky did not allow us: write. Reconnect, and allow everything it asks for."
        platform.found = Checked(permissions=frozenset({"read", "write"}))
        assert check(as_worker, bakery, one).state == "healthy"

    def test_ends_a_need_to_reconnect_that_is_over(self, bakery, as_worker, platform):
        (one,) = connect(bakery, "bakery.test")
        platform.found = failures.ReconnectNeeded("It was revoked.")
        assert check(as_worker, bakery, one).reconnect_because == "It was revoked."

        platform.found = Checked()

        assert check(as_worker, bakery, one).state == "healthy"

    def test_of_an_older_sign_in_says_nothing_about_the_new_one(self, bakery, as_worker, platform):
        """Somebody connects again while a check is under way: what the check shows is about the old sign-in."""
        (one,) = connect(bakery, "bakery.test", subject="s1")
        with worker_scope(as_worker, bakery.account_id) as scope:
            _, before = duties.sign_in_of(scope, one.id)
        connect(bakery, "bakery.test", subject="s1")

        refused = failures.ReconnectNeeded("It was revoked.")
        with worker_scope(as_worker, bakery.account_id) as scope:
            health.note(scope, health.Measured(one.id, "bluesky", before, refused, timedelta(0)))

        assert now(bakery, one.id).reconnect_because is None

    def test_changes_are_kept_with_who_when_and_why(self, bakery, as_worker, platform):
        (one,) = connect(bakery, "bakery.test")
        for found in (Checked(), failures.Unavailable("away"), failures.Unavailable("away"), Checked()):
            platform.found = found
            check(as_worker, bakery, one)

        assert said(bakery, one) == [
            ("worker", "health_changed"),
            ("worker", "health_changed"),
            ("Operator", "connected"),
        ]


class TestCalendar:
    def due(self, superuser: psycopg.Connection, *found: Connection) -> None:
        ids = [each.id for each in found]
        superuser.execute("update lanes set check_at = now() - interval '1 s' where connection_id = any(%s)", (ids,))

    def test_the_first_check_comes_an_hour_after_connecting(self, bakery, superuser, platform):
        (one,) = connect(bakery, "bakery.test")

        assert minutes_to_check(superuser, one) == pytest.approx(60, abs=0.2)

    def test_what_is_due_is_taken_once(self, bakery, as_worker, superuser, platform):
        self.due(superuser, *connect(bakery, "one", "two"))

        taken = [duties.take(as_worker, ["bluesky"]) for _ in range(3)]

        assert [each.kind for each in taken if each] == ["check", "check"]
        assert len({each.connection_id for each in taken if each}) == 2

    def test_one_that_a_dead_worker_took_is_due_again_in_a_minute(self, bakery, as_worker, superuser, platform):
        (one,) = connect(bakery, "bakery.test")
        self.due(superuser, one)
        assert duties.take(as_worker, ["bluesky"])

        assert minutes_to_check(superuser, one) == pytest.approx(1, abs=0.2)

    def test_of_another_platform_is_nobodys_business_here(self, bakery, as_worker, superuser, platform):
        self.due(superuser, *connect(bakery, "bakery.test"))

        assert duties.take(as_worker, ["slack"]) is None

    def test_while_the_platform_has_us_wait_there_is_none(self, bakery, as_worker, superuser, platform):
        (one,) = connect(bakery, "bakery.test")
        self.due(superuser, one)
        superuser.execute("update lanes set not_before = now() + interval '1 h' where connection_id = %s", (one.id,))

        assert duties.take(as_worker, ["bluesky"]) is None

    def test_what_is_disconnected_is_not_checked(self, bakery, as_worker, superuser, platform):
        one, two = connect(bakery, "one", "two")
        self.due(superuser, one, two)
        with bakery.scope() as scope:
            connections.disconnect(scope, one.id, why="test")
        assert minutes_to_check(superuser, one) is None

        duty = perform(as_worker, bakery)

        assert duty
        assert duty.connection_id == two.id

    def test_the_installation_says_how_often(self, bakery, as_worker, superuser, platform):
        (one,) = connect(bakery, "bakery.test")
        self.due(superuser, one)
        duty = duties.take(as_worker, ["bluesky"])
        assert duty

        duties.perform(as_worker, bakery.vault, duty, every=timedelta(hours=1))

        assert minutes_to_check(superuser, one) == pytest.approx(60, abs=0.2)


class TestTheEnd:
    def warned(self, superuser: psycopg.Connection, business: Business) -> list[int]:
        rows = superuser.execute(
            "select detail->>'days' from events where account_id = %s and name = 'connection.ends_soon' order by id",
            (business.account_id,),
        ).fetchall()
        return [int(row[0]) for row in rows]

    def test_is_warned_of_seven_days_ahead_and_one_day_ahead_once_each(self, bakery, as_worker, superuser, platform):
        (one,) = connect(bakery, "bakery.test")
        for days, warned, state in ((9, [], "healthy"), (6, [7], "expiring"), (2, [7], "expiring"),
                                    (0.5, [7, 1], "expiring"), (0.1, [7, 1], "expiring")):  # fmt: skip
            superuser.execute(
                "update grants set ends_at = now() + %s where id = %s", (timedelta(days=days), one.grant_id)
            )
            seen = check(as_worker, bakery, one)
            assert (self.warned(superuser, bakery), seen.state) == (warned, state)
        with portfolio_scope(bakery.app, bakery.operator_id) as scope:
            assert one.id in [each.id for each in connections.needing_attention(scope)]

    def test_that_is_near_when_we_hear_of_it_is_warned_of_once(self, bakery, as_worker, superuser, platform):
        (one,) = connect(bakery, "bakery.test")
        superuser.execute("update grants set ends_at = now() + interval '3 h' where id = %s", (one.grant_id,))
        platform.found = failures.Unavailable("away")  # the calendar goes on meanwhile

        for _ in range(2):
            check(as_worker, bakery, one)

        assert self.warned(superuser, bakery) == [1]

    def test_is_warned_of_anew_after_signing_in_again(self, bakery, as_worker, superuser, platform):
        (one,) = connect(bakery, "bakery.test", subject="s1")
        superuser.execute("update grants set ends_at = now() + interval '3 h' where id = %s", (one.grant_id,))
        check(as_worker, bakery, one)
        connect(bakery, "bakery.test", subject="s1")
        assert now(bakery, one.id).state == "healthy"

        superuser.execute("update grants set ends_at = now() + interval '3 h' where id = %s", (one.grant_id,))
        check(as_worker, bakery, one)

        assert self.warned(superuser, bakery) == [1, 1]


class TestNames:
    def test_ours_outlives_a_renaming_at_the_platform(self, bakery, as_worker, platform):
        ours, theirs = connect(bakery, "ours", "theirs", subject="s1")
        with bakery.scope() as scope:
            connections.rename(scope, ours.id, "  Harbor Bakery, Oakland ")
        platform.found = Checked(name="new")

        assert check(as_worker, bakery, ours).name == "Harbor Bakery, Oakland"
        assert check(as_worker, bakery, theirs).name == "new"
        connect(bakery, "ours", subject="s1")
        assert now(bakery, ours.id).name == "Harbor Bakery, Oakland"
        assert said(bakery, ours)[:2] == [("Operator", "reconnected"), ("Operator", "renamed")]
        assert said(bakery, theirs)[0] == ("worker", "renamed_there")

    @pytest.mark.parametrize("name", ["", "  ", "x" * 81])
    def test_that_are_none_are_refused(self, bakery, platform, name):
        (one,) = connect(bakery, "bakery.test")
        with bakery.scope() as scope, pytest.raises(BadName):
            connections.rename(scope, one.id, name)

        assert now(bakery, one.id).name == "bakery.test"


class TestDisconnecting:
    def disconnect(self, business: Business, connection: Connection) -> None:
        with business.scope() as scope:
            connections.disconnect(scope, connection.id, why="They moved on.")

    def test_gives_the_sign_in_back_with_its_last_connection(self, bakery, as_worker, platform):
        one, two = connect(bakery, "one", "two")
        self.disconnect(bakery, one)
        assert perform(as_worker, bakery) is None
        with bakery.scope() as scope:
            (opening,) = openings.of_account(scope)
        assert [each.name for each in opening.targets] == ["one"]

        self.disconnect(bakery, two)
        assert perform(as_worker, bakery)

        assert platform.revoked == [two.target_id]
        with bakery.scope() as scope:
            assert openings.of_account(scope) == []  # nothing of a dead sign-in may be chosen
        assert said(bakery, two)[:2] == [("worker", "sign_in_revoked"), ("Operator", "disconnected")]
        assert now(bakery, two.id).state == "disconnected"

    def test_keeps_a_sign_in_that_another_account_uses(self, bakery, florist, as_worker, platform):
        """Some platforms know one sign-in per person: giving back one account's would end the other's."""
        (mine,) = connect(bakery, "shared", subject="agency")
        connect(florist, "shared", subject="agency")

        self.disconnect(bakery, mine)
        perform(as_worker, bakery)

        assert platform.revoked == []

    def test_keeps_what_was_connected_again_meanwhile(self, bakery, as_worker, platform):
        (one,) = connect(bakery, "bakery.test", subject="s1")
        self.disconnect(bakery, one)
        connect(bakery, "bakery.test", subject="s1")

        perform(as_worker, bakery)

        assert platform.revoked == []
        assert now(bakery, one.id).state == "healthy"

    def test_waits_for_a_platform_that_is_away(self, bakery, as_worker, superuser, platform):
        (one,) = connect(bakery, "bakery.test")
        platform.revoking = failures.Unavailable("away")
        self.disconnect(bakery, one)
        perform(as_worker, bakery)
        assert perform(as_worker, bakery) is None  # not at once again

        platform.revoking = None
        superuser.execute("update duties set due_at = now() where connection_id = %s", (one.id,))
        perform(as_worker, bakery)

        assert platform.revoked == [one.target_id]

    def test_keeps_why(self, bakery, superuser, platform):
        (one,) = connect(bakery, "bakery.test")
        self.disconnect(bakery, one)

        with bakery.scope() as scope:
            latest, *_ = audit.of_connection(scope, one.id, one.grant_id)
        assert (latest.action, latest.detail["why"]) == ("connection.disconnected", "They moved on.")
        assert latest.actor.startswith("Operator")

    def test_shows_no_other_accounts_history(self, bakery, migrated, app, vault, platform):
        (one,) = connect(bakery, "bakery.test")
        other = make_business(migrated, app, vault)
        with other.scope() as scope:
            assert audit.of_connection(scope, one.id, one.grant_id) == []


class TestLeftBehind:
    @pytest.fixture
    def broken(self, bakery, as_worker, superuser, platform) -> tuple[Connection, UUID]:
        """A connection whose sign-in has failed, and a post that missed its time for want of it."""
        (one,) = connect(bakery, "bakery.test", subject="s1")
        platform.found = failures.ReconnectNeeded("It was revoked.")
        check(as_worker, bakery, one)
        delivery_id = submit(bakery, one, "Fresh rye")
        superuser.execute("update deliveries set state = 'missed' where id = %s", (delivery_id,))
        return one, delivery_id

    def test_is_offered_once_the_sign_in_works_again(self, bakery, broken):
        one, delivery_id = broken
        assert now(bakery, one.id).left_behind == 0

        connect(bakery, "bakery.test", subject="s1")

        assert now(bakery, one.id).left_behind == 1
        with bakery.scope() as scope:
            (left,) = deliveries.left_behind(scope, one.id)
        assert (left.id, left.state, left.text) == (delivery_id, "missed", "Fresh rye")

    def test_is_sent_when_asked_for(self, bakery, broken, superuser):
        one, delivery_id = broken
        connect(bakery, "bakery.test", subject="s1")

        with bakery.scope() as scope:
            assert deliveries.send_left_behind(scope, one.id, late_window=LATE) == 1

        row = superuser.execute("select state from deliveries where id = %s", (delivery_id,)).fetchone()
        assert row == ("queued",)
        assert now(bakery, one.id).left_behind == 0

    def test_can_be_left(self, bakery, broken, superuser):
        one, delivery_id = broken
        connect(bakery, "bakery.test", subject="s1")
        with bakery.scope() as scope:
            connections.forget_left_behind(scope, one.id)

        assert now(bakery, one.id).left_behind == 0
        row = superuser.execute("select state from deliveries where id = %s", (delivery_id,)).fetchone()
        assert row == ("missed",)

    def test_is_nothing_that_failed_before(self, bakery, superuser, as_worker, platform):
        (one,) = connect(bakery, "bakery.test", subject="s1")
        delivery_id = submit(bakery, one, "Older")
        superuser.execute("update deliveries set state = 'missed' where id = %s", (delivery_id,))
        platform.found = failures.ReconnectNeeded("It was revoked.")
        check(as_worker, bakery, one)

        connect(bakery, "bakery.test", subject="s1")

        assert now(bakery, one.id).left_behind == 0


def test_a_delivery_that_finds_the_sign_in_refused_leaves_an_entry_once(bakery, as_worker, platform):
    (one,) = connect(bakery, "bakery.test")
    for _ in range(2):
        with worker_scope(as_worker, bakery.account_id) as scope:
            _, grant = duties.sign_in_of(scope, one.id)
            transitions.note_grant(scope, grant, failures.ReconnectNeeded("It was revoked."))

    assert said(bakery, one) == [("worker", "reconnect_needed"), ("Operator", "connected")]
