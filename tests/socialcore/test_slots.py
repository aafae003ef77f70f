"""The queue of an account: which slot is free next, and that no two posts get the same one in silence."""

import threading
from datetime import UTC, datetime, time, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import psycopg
import pytest

from socialcore import deliveries, publishing, slots
from socialcore.adapters.contract import Lookups
from socialcore.database import AccountScope, portfolio_scope
from socialcore.posts import Content
from socialcore.slots import Slot, SlotTaken
from tests.conftest import Business, make_business
from tests.waiting import wait_for

MONDAY = datetime(2031, 3, 24, 12, tzinfo=UTC)  # the clocks go forward in Berlin on the Sunday after
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def baker(migrated, app, vault) -> Business:
    made = make_business(migrated, app, vault, zone="Europe/Berlin")
    made.connect()
    return made


def submit(
    scope: AccountScope, business: Business, due_at: datetime, *, token=None, takes_slot: bool = True, text="Rye"
):
    (connection,) = business.connections.values()
    return publishing.submit(
        scope,
        Content(text=text),
        {connection.id: publishing.render(Content(text=text), connection, Lookups())},
        [connection],
        submit_token=token or uuid4(),
        due_at=due_at,
        undo=timedelta(0),
        late_window=timedelta(hours=2),
        now=MONDAY,
        takes_slot=takes_slot,
    )


def queue(business: Business, *wanted: tuple[set[int], time]) -> None:
    with business.scope() as scope:
        for weekdays, at in wanted:
            slots.add(scope, weekdays, at)


def free(business: Business, now: datetime = MONDAY) -> str | None:
    with business.scope() as scope:
        found = slots.next_free(scope, now)
    return f"{found.astimezone(BERLIN):%a %d %H:%M}" if found else None


class TestTheQueue:
    def test_has_slots_that_are_added_and_removed(self, baker: Business):
        queue(baker, ({3, 1}, time(9)), ({1}, time(7, 30)), ({1}, time(9)))
        with baker.scope() as scope:
            assert slots.of_account(scope) == [Slot(1, time(7, 30)), Slot(1, time(9)), Slot(3, time(9))]
            slots.remove(scope, Slot(1, time(9)))
            assert slots.of_account(scope) == [Slot(1, time(7, 30)), Slot(3, time(9))]

    def test_is_written_down(self, baker: Business, superuser: psycopg.Connection):
        queue(baker, ({2}, time(9)))
        with baker.scope() as scope:
            slots.remove(scope, Slot(2, time(9)))

        rows = superuser.execute(
            "select action, detail->>'at', actor from audit_log where account_id = %s order by seq", (baker.account_id,)
        ).fetchall()
        who = str(baker.operator_id)
        assert rows[-2:] == [("slot.added", "09:00", who), ("slot.removed", "09:00", who)]

    def test_is_nobody_elses(self, baker: Business, florist: Business):
        queue(baker, ({1, 2, 3, 4, 5, 6, 7}, time(9)))

        assert free(florist) is None
        with florist.scope() as scope:
            slots.remove(scope, Slot(1, time(9)))
        with portfolio_scope(florist.app, florist.operator_id) as scope:
            assert scope.run("select count(*) from slots").scalar() == 0
        with baker.scope() as scope:
            assert len(slots.of_account(scope)) == 7

    @pytest.mark.parametrize("slot", [(0, time(9)), (8, time(9))])
    def test_takes_no_day_that_is_none(self, baker: Business, slot: tuple[int, time]):
        with pytest.raises(Exception, match="slots_weekday_check"):
            queue(baker, ({slot[0]}, slot[1]))


class TestTheNextFreeSlot:
    def test_is_none_without_slots(self, baker: Business):
        assert free(baker) is None

    def test_is_the_first_to_come_at_which_nothing_is_due(self, baker: Business):
        queue(baker, ({1}, time(12)), ({1, 3}, time(14)))
        assert free(baker) == "Mon 24 14:00"  # 13:00 in Berlin now

        with baker.scope() as scope:
            first = slots.next_free(scope, MONDAY)
            assert first
            submit(scope, baker, first, takes_slot=False)
        assert free(baker) == "Wed 26 14:00"

    def test_is_free_again_once_what_was_due_then_is_stopped(self, baker: Business):
        queue(baker, ({1}, time(14)))
        with baker.scope() as scope:
            first = slots.next_free(scope, MONDAY)
            assert first
            post = submit(scope, baker, first)
            deliveries.cancel(scope, post.delivery_ids)

        assert free(baker) == "Mon 24 14:00"

    def test_passes_over_a_day_whose_clocks_skip_it(self, baker: Business):
        queue(baker, ({7}, time(2, 30)))

        assert free(baker) == "Sun 06 02:30"  # not on the 30th

    def test_is_the_first_of_two(self, baker: Business):
        queue(baker, ({7}, time(2, 30)))
        with baker.scope() as scope:
            found = slots.next_free(scope, datetime(2031, 10, 25, 12, tzinfo=UTC))
        assert found == datetime(2031, 10, 26, 0, 30, tzinfo=UTC)

    def test_knows_a_slot_taken_in_the_hour_that_comes_twice(self, baker: Business):
        """Times in such an hour never equal those of another zone, by PEP 495."""
        queue(baker, ({7}, time(2, 30)))
        first = datetime(2031, 10, 26, 2, 30, tzinfo=BERLIN)
        with baker.scope() as scope:
            submit(scope, baker, first)
            assert slots.next_free(scope, datetime(2031, 10, 25, 12, tzinfo=UTC)) == first.astimezone(UTC) + timedelta(
                days=7, hours=1
            )


class TestTakingASlot:
    def test_of_two_operators_at_once_one_is_told(self, baker: Business):
        queue(baker, ({1, 2}, time(14)))
        told: list[SlotTaken] = []

        def second() -> None:
            try:
                with baker.scope() as scope:
                    submit(scope, baker, due_at, text="The second")
            except SlotTaken as taken:
                told.append(taken)

        with baker.scope() as scope:
            due_at = slots.next_free(scope, MONDAY)
            assert due_at
            submit(scope, baker, due_at, text="The first")
            waiting = threading.Thread(target=second)
            waiting.start()
            wait_for(lambda: waits_for_a_turn(scope), what="the second to wait for the first")
            assert waiting.is_alive()
        waiting.join(10)

        assert [str(each) for each in told] == [
            "Mon 24 Mar 14:00 is not free any more. The next free slot is Tue 25 Mar 14:00: publish again to take it."
        ]
        assert free(baker) == "Tue 25 14:00"

    def test_when_the_first_gives_up_the_second_has_it(self, baker: Business):
        queue(baker, ({1}, time(14)))
        done: list[datetime] = []

        def second() -> None:
            with baker.scope() as scope:
                done.append(submit(scope, baker, due_at, text="The second").due_at)

        with pytest.raises(ZeroDivisionError), baker.scope() as scope:  # noqa: PT012 - a transaction that fails
            due_at = slots.next_free(scope, MONDAY)
            assert due_at
            submit(scope, baker, due_at, text="The first")
            waiting = threading.Thread(target=second)
            waiting.start()
            wait_for(lambda: waits_for_a_turn(scope), what="the second to wait for the first")
            raise ZeroDivisionError
        waiting.join(10)

        assert done == [due_at]

    def test_twice_by_one_click_is_one_post(self, baker: Business):
        queue(baker, ({1}, time(14)))
        token = uuid4()
        with baker.scope() as scope:
            due_at = slots.next_free(scope, MONDAY)
            assert due_at
            first = submit(scope, baker, due_at, token=token)
        with baker.scope() as scope:
            again = submit(scope, baker, due_at, token=token)

        assert again == first

    def test_that_was_removed_stores_nothing(self, baker: Business, superuser: psycopg.Connection):
        queue(baker, ({1}, time(14)))
        with baker.scope() as scope:
            due_at = slots.next_free(scope, MONDAY)
            assert due_at
            slots.remove(scope, Slot(1, time(14)))

        with pytest.raises(SlotTaken, match="The queue has no slots any more"), baker.scope() as scope:
            submit(scope, baker, due_at)

        (count,) = superuser.execute("select count(*) from posts where account_id = %s", (baker.account_id,)).fetchone()
        assert count == 0

    def test_a_time_of_ones_own_may_be_the_same(self, baker: Business):
        queue(baker, ({1}, time(14)))
        with baker.scope() as scope:
            due_at = slots.next_free(scope, MONDAY)
            assert due_at
            submit(scope, baker, due_at)
            submit(scope, baker, due_at, takes_slot=False, text="On purpose")


def waits_for_a_turn(scope: AccountScope) -> bool:
    return bool(
        scope.run("select count(*) from pg_locks where locktype = 'advisory' and classid = 11 and not granted").scalar()
    )
