"""Times as people choose them, over real zones: every hour there is, once; and none that there is not."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from socialcore import slots, times
from socialcore.slots import Slot

BERLIN, NEW_YORK, LORD_HOWE = (ZoneInfo(key) for key in ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe"))
KEYS = (
    *("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "America/Santiago"),
    *("Asia/Kathmandu", "Pacific/Chatham", "Europe/Dublin", "America/Scoresbysund", "Africa/Cairo", "UTC"),
)
ZONES = st.sampled_from([ZoneInfo(key) for key in KEYS])
DAYS = st.dates(date(2026, 1, 1), date(2032, 12, 31))
HOURS = st.times().map(lambda it: it.replace(second=0, microsecond=0))
DAY = timedelta(days=1)


def walls(zone: ZoneInfo, day: date, hour: time) -> list[datetime]:
    """By looking at every minute of three days in UTC: when does the clock show this?"""
    noon = datetime.combine(day, time(12), UTC)
    minutes = (noon + timedelta(minutes=n) for n in range(-36 * 60, 36 * 60))
    return [
        each for each in minutes if each.astimezone(zone).replace(tzinfo=None, fold=0) == datetime.combine(day, hour)
    ]


# The days on which clocks change, found by their midnights: where anything can go wrong.
CHANGES = st.sampled_from(
    [
        (zone, day)
        for zone in map(ZoneInfo, KEYS)
        for day in (date(2026, 1, 1) + timedelta(days=n) for n in range(800))
        if datetime.combine(day, time(0), zone).utcoffset() != datetime.combine(day + DAY, time(0), zone).utcoffset()
    ]
)


@given(CHANGES, st.integers(0, 24 * 12 - 1))
def test_an_hour_is_there_as_often_as_the_clock_shows_it(change, step):
    zone, day = change
    hour = time(step // 12, step % 12 * 5)
    found = walls(zone, day, hour)

    assert [each.astimezone(UTC) for each in times.moments(day, hour, zone)] == found
    if not found:
        with pytest.raises(times.NoSuchTime) as none:
            times.chosen_moment(day, hour, zone)
        before, after = none.value.nearest
        assert times.moments(before.date(), before.time(), zone) == [before]
        assert times.moments(after.date(), after.time(), zone)
        assert before.replace(tzinfo=None) < datetime.combine(day, hour) < after.replace(tzinfo=None) or (
            before.replace(tzinfo=None) < datetime.combine(day, hour) == after.replace(tzinfo=None)
        )
        assert after.astimezone(UTC) - before.astimezone(UTC) == times.STEP
        return
    assert times.chosen_moment(day, hour, zone).astimezone(UTC) == found[0]
    assert times.chosen_moment(day, hour, zone, second=True).astimezone(UTC) == found[-1]
    assert times.comes_twice(times.chosen_moment(day, hour, zone)) == (len(found) == 2)


@given(ZONES, DAYS, HOURS)
def test_what_is_chosen_is_what_the_clock_shows(zone: ZoneInfo, day: date, hour: time):
    for moment in times.moments(day, hour, zone):
        assert moment.astimezone(UTC).astimezone(zone).replace(tzinfo=None, fold=0) == datetime.combine(day, hour)


@pytest.mark.parametrize(
    ("zone", "day", "hour", "nearest"),
    [
        (BERLIN, date(2027, 3, 28), time(2, 30), ("01:55", "03:00")),
        (NEW_YORK, date(2027, 3, 14), time(2), ("01:55", "03:00")),
        (LORD_HOWE, date(2027, 10, 3), time(2, 10), ("01:55", "02:30")),
    ],
)
def test_what_the_clocks_skip_has_neighbours(zone: ZoneInfo, day: date, hour: time, nearest: tuple[str, str]):
    with pytest.raises(times.NoSuchTime, match="does not exist on this day in") as none:
        times.chosen_moment(day, hour, zone)

    assert tuple(f"{each:%H:%M}" for each in none.value.nearest) == nearest


@pytest.mark.parametrize(
    ("zone", "day", "hour", "apart"),
    [
        (BERLIN, date(2027, 10, 31), time(2, 30), timedelta(hours=1)),
        (LORD_HOWE, date(2027, 4, 4), time(1, 45), timedelta(minutes=30)),
    ],
)
def test_of_two_hours_one_is_chosen(zone: ZoneInfo, day: date, hour: time, apart: timedelta):
    first, second = (times.chosen_moment(day, hour, zone, second=which) for which in (False, True))

    assert second.astimezone(UTC) - first.astimezone(UTC) == apart


MOMENTS = st.floats(1.7e9, 1.9e9).map(lambda it: datetime.fromtimestamp(it, UTC))
QUEUES = st.sets(st.builds(Slot, st.integers(1, 7), HOURS), min_size=1, max_size=5)


@given(QUEUES, ZONES, MOMENTS)
@example({Slot(7, time(2, 30))}, BERLIN, datetime(2027, 3, 27, 12, tzinfo=UTC))
@example({Slot(7, time(2, 30))}, BERLIN, datetime(2027, 10, 31, 0, 45, tzinfo=UTC))
def test_slots_come_in_order_each_on_its_day_and_none_twice(queue: set[Slot], zone: ZoneInfo, after: datetime):
    found = list(slots.occurrences(queue, zone, after, days=20))

    assert found == sorted(set(found))
    assert all(each > after for each in found)
    for each in found:
        there = each.astimezone(zone)
        assert Slot(there.isoweekday(), there.time()) in queue
        assert there.fold == 0
    # Every day has each of its slots that the clocks do not skip.
    first = after.astimezone(zone).date() + DAY
    for day in (first + timedelta(days=n) for n in range(15)):
        wanted = {slot.at for slot in queue if slot.weekday == day.isoweekday() and times.moments(day, slot.at, zone)}
        assert {there.time() for each in found if (there := each.astimezone(zone)).date() == day} == wanted


def test_a_queue_without_slots_never_comes_up():
    assert list(slots.occurrences([], BERLIN, datetime(2026, 1, 1, tzinfo=UTC))) == []
