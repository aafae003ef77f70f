"""Times as people choose them: a day and an hour where the account is, daylight saving included."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo


class NoSuchTime(Exception):
    """The clocks skip this hour; says when it happens."""


def chosen_moment(day: date, hour: time, zone: ZoneInfo) -> datetime:
    """Turn a choice on the account's calendar into a moment; an hour that comes twice means the first of the two.

    Raises:
        NoSuchTime: if the clocks are put forward over it.
    """
    moment = datetime.combine(day, hour, zone)
    if moment.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != moment.replace(tzinfo=None):
        raise NoSuchTime(f"{hour:%H:%M} does not exist on this day in {zone.key}: the clocks go forward over it.")
    return moment


def comes_twice(moment: datetime) -> bool:
    """Does the clock show this hour twice on that day?"""
    return moment.replace(fold=0).utcoffset() != moment.replace(fold=1).utcoffset()


def city(zone: ZoneInfo) -> str:
    return zone.key.rpartition("/")[2].replace("_", " ")
