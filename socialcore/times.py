"""Times as people choose them: a day and an hour where the account is, daylight saving included."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

STEP = timedelta(minutes=5)  # between the times that are offered


class NoSuchTime(Exception):
    """The clocks skip this hour; says when it happens, and which times are the nearest."""

    def __init__(self, day: date, hour: time, zone: ZoneInfo) -> None:
        super().__init__(f"{hour:%H:%M} does not exist on this day in {zone.key}: the clocks go forward over it.")
        change = _change(day, hour, zone)
        self.nearest = ((change - STEP).astimezone(zone), change.astimezone(zone))


class TimePassed(Exception):
    """The chosen time is over. Nothing was stored; the draft is as it was."""


def moments(day: date, hour: time, zone: ZoneInfo) -> list[datetime]:
    """When the clock shows this hour on this day: mostly once, never where it is put forward, twice where back."""
    wanted = datetime.combine(day, hour)
    found = [wanted.replace(tzinfo=zone, fold=fold) for fold in (0, 1)]
    real = [each for each in found if each.astimezone(UTC).astimezone(zone).replace(tzinfo=None, fold=0) == wanted]
    return real if len(real) < 2 or real[0].utcoffset() != real[1].utcoffset() else real[:1]


def chosen_moment(day: date, hour: time, zone: ZoneInfo, *, second: bool = False) -> datetime:
    """Turn a choice on the account's calendar into a moment.

    Args:
        second: where the hour comes twice, the second of the two.

    Raises:
        NoSuchTime: if the clocks are put forward over it.
    """
    if found := moments(day, hour, zone):
        return found[-1 if second else 0]
    raise NoSuchTime(day, hour, zone)


def comes_twice(moment: datetime) -> bool:
    """Does the clock show this hour twice on that day?"""
    zone = moment.tzinfo
    return isinstance(zone, ZoneInfo) and len(moments(moment.date(), moment.time(), zone)) > 1


def city(zone: ZoneInfo) -> str:
    return zone.key.rpartition("/")[2].replace("_", " ")


def _change(day: date, hour: time, zone: ZoneInfo) -> datetime:
    """When the clocks are put forward over this hour, to the minute."""
    skipped = datetime.combine(day, hour, zone)
    # An hour that is skipped is read by the clock before the change (fold 0) as a moment after it, and the other way.
    early, late = skipped.replace(fold=1).astimezone(UTC), skipped.astimezone(UTC)
    before = early.astimezone(zone).utcoffset()
    while late - early > timedelta(seconds=1):
        middle = early + (late - early) / 2
        is_before = middle.astimezone(zone).utcoffset() == before
        early, late = (middle, late) if is_before else (early, middle)
    return late.replace(second=0, microsecond=0)
