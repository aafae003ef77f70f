"""The calendar page as Streamlit runs it, and the choice of a time on Compose, on a real database."""

# ruff: noqa: F811 - fixtures are named where they are used
import json
import time as stopwatch
from datetime import UTC, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
import pytest

from benchmarks import reference
from socialcore import slots
from tests.conftest import make_business
from tests.pages.test_pages import (  # noqa: F401 - four are fixtures
    Desk,
    Visit,
    _data,
    configured,
    desk,
    other,
    platform,
    posts_of,
    seated,
    sunday,
)
from tests.socialcore.test_planning import put

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) + timedelta(days=40)
ON = NOON.date()


def data(visit: Visit) -> dict:
    return _data(visit._component("calendar".__eq__))  # noqa: SLF001


def items(visit: Visit) -> list[tuple[str, str, str]]:
    """Each post that is drawn: its day, time and first words."""
    return [(day["on"], item["time"], item["title"]) for day in data(visit)["days"] for item in day["items"]]


def due(superuser: psycopg.Connection, post_id: UUID) -> datetime:
    return superuser.execute("select due_at from deliveries where post_id = %s", (post_id,)).fetchone()[0]


@pytest.fixture
def planned(desk: Desk, superuser: psycopg.Connection) -> UUID:
    return put(superuser, desk.business, NOON, "queued", text="Fresh rye")


class TestTheCalendar:
    def test_shows_a_month_in_the_accounts_own_time(self, desk: Desk, other: Desk, superuser, planned: UUID):
        late = datetime(ON.year, ON.month, ON.day, 2, tzinfo=UTC)  # the evening before in New York
        put(superuser, other.business, late, "queued", text="Tulips")

        visit = desk.visit("calendar", on=ON)

        assert (f"{ON}", "12:00", "Fresh rye") in items(visit)
        assert [on for on, _, title in items(visit) if title == "Tulips"] == [f"{ON - timedelta(days=1)}"]
        assert "Times are each account's own." in visit.words
        assert f"{ON:%B %Y}" in visit.words

    def test_shows_one_account_and_one_platform(self, desk: Desk, other: Desk, superuser, planned: UUID):
        put(superuser, other.business, NOON, "queued", text="Tulips")
        visit = desk.visit("calendar", on=ON)

        visit.at.selectbox(key="calendar_account").set_value(other.id)
        visit.run()
        assert [title for *_, title in items(visit)] == ["Tulips"]
        assert "Times are in New York." in visit.words

        visit.at.selectbox(key="calendar_platform").set_value("slack")
        visit.run()
        assert items(visit) == []
        assert "Nothing is planned here" in visit.words

    def test_begins_with_the_account_one_acts_for(self, desk: Desk, other: Desk, planned: UUID):
        visit = desk.visit("calendar", on=ON, account=desk.id)

        assert visit.at.selectbox(key="calendar_account").value == desk.id

    @pytest.mark.parametrize(("view", "days"), [("week", 7), ("day", 1)])
    def test_shows_a_week_and_a_day(self, desk: Desk, planned: UUID, view: str, days: int):
        visit = desk.visit("calendar", on=ON)
        visit.at.button_group(key="calendar_view").set_value(view)
        visit.run()

        assert len(data(visit)["days"]) == days
        assert [title for *_, title in items(visit)] == ["Fresh rye"]

    def test_turns_over(self, desk: Desk):
        visit = desk.visit("calendar", on="2031-01-31")
        assert "January 2031" in visit.words
        assert "February 2031" in visit.press("further").words
        assert "December 2030" in visit.press("back").press("back").words
        assert f"{datetime.now(UTC):%B %Y}" in visit.press("today").words

    @pytest.mark.parametrize("on", ["", "soon", "2031-02-31", "0000-00-00"])
    def test_an_address_that_names_no_day_shows_this_month(self, desk: Desk, on: str):
        assert f"{datetime.now(UTC):%B %Y}" in desk.visit("calendar", on=on).words

    def test_lists_what_a_day_can_show_and_opens_the_rest(self, desk: Desk, superuser):
        for n in range(9):
            put(superuser, desk.business, NOON + timedelta(minutes=n), "queued", text=f"Loaf {n}")
        visit = desk.visit("calendar", on=ON)
        assert len(items(visit)) == 3
        assert [day["more"] for day in data(visit)["days"] if day["on"] == f"{ON}"] == [{"": 6}]

        visit.pick("calendar", f"day {ON}")

        assert [title for *_, title in items(visit)] == [f"Loaf {n}" for n in range(9)]

    def test_is_nobody_elses(self, desk: Desk, florist, superuser, planned: UUID):
        stranger = seated(superuser, florist, None)

        assert items(stranger.visit("calendar", on=ON)) == []

    def test_opens_a_post_and_begins_one(self, desk: Desk, planned: UUID):
        visit = desk.visit("calendar", on=ON).pick("calendar", f"open {planned}")
        assert "Fresh rye" in visit.words
        assert "detail" in visit.words or "P-" in visit.words

        written = desk.visit("calendar", on=ON).pick("calendar", f"write {ON}T09:00")
        assert f"{ON:%a} {ON.day} {ON:%b} 09:00 in UTC." in written.words


class TestMovingAPost:
    def drop(self, desk: Desk, post_id: UUID, at: str) -> Visit:
        return desk.visit("calendar", on=ON).pick("calendar", f"move {post_id} {at}")

    def test_by_dropping_it_and_taking_that_back(self, desk: Desk, superuser, planned: UUID):
        to = ON + timedelta(days=1)

        visit = self.drop(desk, planned, f"{to}T12:00")

        assert due(superuser, planned) == NOON + timedelta(days=1)
        assert f"goes out {to:%a} {to.day} {to:%b} 12:00 in UTC" in visit.words
        assert "Moved back" in visit.pick("moved_bar", "undo").words
        assert due(superuser, planned) == NOON
        assert "Undo" not in visit.run().words

    def test_says_what_is_close(self, desk: Desk, superuser, planned: UUID):
        put(superuser, desk.business, NOON + timedelta(days=1, minutes=20), "queued")

        visit = self.drop(desk, planned, f"{ON + timedelta(days=1)}T12:00")

        assert "Close to another post" in visit.words
        assert due(superuser, planned) == NOON + timedelta(days=1)

    def test_never_into_the_past(self, desk: Desk, superuser, planned: UUID):
        visit = self.drop(desk, planned, "2020-01-01T12:00")

        assert "This time has passed" in visit.words
        assert "The post stays where it was." in visit.words
        assert due(superuser, planned) == NOON

    def test_nor_to_an_hour_that_the_clocks_skip(self, other: Desk, superuser):
        skipped = sunday(3, 2)
        before = datetime(skipped.year, skipped.month, skipped.day - 1, 7, 30, tzinfo=UTC)
        post_id = put(superuser, other.business, before, "queued")

        visit = other.visit("calendar", on=skipped).pick("calendar", f"move {post_id} {skipped}T02:30")

        assert "02:30 does not exist on this day in America/New_York" in visit.words
        assert "The nearest times are 01:55 and 03:00." in visit.words
        assert due(superuser, post_id) == before

    def test_by_day_and_time(self, desk: Desk, superuser, planned: UUID):
        visit = desk.visit("calendar", on=ON).pick("calendar", f"ask {planned}")
        assert visit.at.time_input(key=f"move-hour-{desk.id}").value == time(12)
        visit.at.date_input(key=f"move-day-{desk.id}").set_value(ON + timedelta(days=3))
        visit.run()

        visit.press("do_move")

        assert due(superuser, planned) == NOON + timedelta(days=3)
        assert "do_move" not in visit.keys

    def test_may_be_thought_better_of(self, desk: Desk, superuser, planned: UUID):
        visit = desk.visit("calendar", on=ON).pick("calendar", f"ask {planned}").press("keep_it")

        assert "do_move" not in visit.keys
        assert due(superuser, planned) == NOON

    def test_comes_too_late_once_it_has_begun(self, desk: Desk, superuser, planned: UUID):
        visit = desk.visit("calendar", on=ON)
        superuser.execute("set session_replication_role = replica")
        superuser.execute("update deliveries set state = 'failed', attempt = 1 where post_id = %s", (planned,))
        superuser.execute("set session_replication_role = origin")

        visit.pick("calendar", f"move {planned} {ON + timedelta(days=1)}T12:00")

        assert "Too late to move it" in visit.words
        assert due(superuser, planned) == NOON

    def test_is_not_for_whoever_may_only_look(self, migrated, app, vault, superuser, platform):
        owner = seated(superuser, make_business(migrated, app, vault, roles=("product_owner",)), platform)
        post_id = put(superuser, owner.business, NOON, "queued")
        visit = owner.visit("calendar", on=ON)
        assert [item["can_move"] for day in data(visit)["days"] for item in day["items"]] == [False]
        assert {day["write"] for day in data(visit)["days"]} == {""}

        visit.pick("calendar", f"move {post_id} {ON + timedelta(days=1)}T12:00")

        assert "This is not for your role" in visit.words
        assert due(superuser, post_id) == NOON

    def test_of_a_post_that_is_not_shown_does_nothing(self, desk: Desk, florist, superuser):
        theirs = put(superuser, florist, NOON, "queued", to=florist.connect())

        desk.visit("calendar", on=ON).pick("calendar", f"move {theirs} {ON + timedelta(days=1)}T12:00")

        assert due(superuser, theirs) == NOON


class TestWhenOnCompose:
    def choose(self, desk: Desk, what: str, **query: object) -> Visit:
        visit = desk.visit("compose", account=desk.id, **query).type("Later")
        visit.at.button_group(key=f"when-{desk.id}").set_value(what)
        return visit.run()

    def test_offers_the_nearest_of_what_the_clocks_skip(self, other: Desk):
        visit = self.choose(other, "At a time", at=f"{sunday(3, 2)}T02:30")
        assert "02:30 does not exist on this day" in visit.words
        assert visit.at.button(key="publish").disabled

        visit.press("nearest-1")

        assert "03:00 in New York" in visit.words
        assert not visit.at.button(key="publish").disabled

    def test_lets_choose_the_second_of_two_hours(self, other: Desk, superuser):
        visit = self.choose(other, "At a time", at=f"{sunday(11, 1)}T01:30")
        assert "this is the first of the two" in visit.words
        visit.at.button_group(key=f"which-{other.id}").set_value(True)
        visit.run()
        assert "this is the second of the two" in visit.words

        visit.press("publish")

        (found,) = superuser.execute("select due_at from deliveries where account_id = %s", (other.id,)).fetchone()
        assert found == datetime.combine(sunday(11, 1), time(6, 30), UTC)

    @pytest.mark.parametrize("at", ["nonsense", "2031", ""])
    def test_an_address_that_names_no_time_chooses_none(self, desk: Desk, at: str):
        visit = desk.visit("compose", account=desk.id, at=at)

        assert visit.at.button_group(key=f"when-{desk.id}").value == "Now"

    def test_without_slots_nothing_can_be_scheduled_and_nothing_goes_out_at_once(self, desk: Desk, superuser):
        visit = self.choose(desk, "Next free slot")

        assert "The queue has no slots yet." in visit.words
        assert visit.at.button(key="publish").disabled
        assert posts_of(desk, superuser) == []

    def test_takes_the_slot_that_is_shown(self, desk: Desk, superuser):
        visit = self.choose(desk, "Next free slot").press("add-slot")
        due_at = slot(desk)
        assert f"{due_at:%a} {due_at.day} {due_at:%b} 09:00 in UTC" in visit.words

        visit.press("publish")

        rows = superuser.execute("select due_at from deliveries where account_id = %s", (desk.id,)).fetchall()
        assert rows == [(due_at,)]
        assert slot(desk) > due_at

    def test_says_when_somebody_was_faster_and_shows_the_next(self, desk: Desk, superuser):
        visit = self.choose(desk, "Next free slot").press("add-slot")
        taken = slot(desk)
        put(superuser, desk.business, taken, "queued", text="Faster")

        visit.press("publish")

        assert "This slot is not free" in visit.words
        assert "Your text is kept." in visit.words
        assert posts_of(desk, superuser) == ["Faster"]
        after = slot(desk)
        assert f"{after:%a} {after.day} {after:%b} 09:00 in UTC" in visit.words
        visit.press("publish")
        assert sorted(posts_of(desk, superuser)) == ["Faster", "Later"]

    def test_a_slot_is_removed(self, desk: Desk):
        visit = self.choose(desk, "Next free slot").press("add-slot")

        visit.pick("slots", "3 09:00")

        with desk.business.scope() as scope:
            assert [each.weekday for each in slots.of_account(scope)] == [1, 2, 4, 5]


def slot(desk: Desk) -> datetime:
    with desk.business.scope() as scope:
        found = slots.next_free(scope, datetime.now(UTC))
    assert found
    return found


@pytest.mark.timeout(300)
def test_a_month_of_the_reference_data_set_is_one_quick_rerun(
    migrated, app, as_worker, superuser, record_property, monkeypatch
):
    """200 accounts and 5,000 posts: measured in the server, as the script runs, without a browser's drawing."""
    made = reference.fill(migrated, app, as_worker, datetime.now(UTC), identity=("tests", "reference"))
    superuser.execute("analyze")
    visit = Visit("reference").open("calendar")
    shown = len(items(visit))
    on_days = sum(sum(day["more"].values()) for day in data(visit)["days"]) + shown
    assert on_days > 1_500
    assert shown <= 3 * 42
    size = len(json.dumps(data(visit)))

    spans = []
    for _ in range(15):
        began = stopwatch.perf_counter()
        visit.run()
        spans.append((stopwatch.perf_counter() - began) * 1000)
    median = sorted(spans)[len(spans) // 2]

    record_property(
        "shows",
        f"calendar of a month, {len(made.account_ids)} accounts, {made.posts:,} posts, {made.deliveries:,} deliveries:"
        f" {on_days:,} posts in {shown} lines, {size // 1000} kB; one rerun of the whole page: median {median:.0f} ms,"
        f" best {min(spans):.0f} ms",
    )
