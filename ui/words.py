"""Times and amounts in words, as the pages say them."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from socialcore.times import city


def clock(moment: datetime, zone: ZoneInfo, now: datetime) -> str:
    """The time of day where the account is, with the day if it is another."""
    there = moment.astimezone(zone)
    if there.date() == now.astimezone(zone).date():
        return f"{there:%H:%M}"
    return day_and_time(moment, zone)


def day_and_time(moment: datetime, zone: ZoneInfo) -> str:
    there = moment.astimezone(zone)
    return f"{there:%a} {there.day} {there:%b %H:%M}"


def in_zones(moment: datetime, zone: ZoneInfo, mine: ZoneInfo | None) -> str:
    """Day and time where the account is; and for whoever reads it, if their clock shows something else."""
    says = f"{day_and_time(moment, zone)} in {city(zone)}"
    if mine and moment.astimezone(mine).utcoffset() != moment.astimezone(zone).utcoffset():
        says += f", {day_and_time(moment, mine)} for you"
    return says


def exactly(moment: datetime, zone: ZoneInfo) -> str:
    there = moment.astimezone(zone)
    return f"{there:%a} {there.day} {there:%b %H:%M:%S}"


def span(length: timedelta) -> str:
    """A length of time, as long as one needs to know it: "4 s", "12 min", "3 h 20 min", "2 days"."""
    seconds = max(0, int(length.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min"
    if seconds < 86400:
        hours, rest = divmod(seconds, 3600)
        return f"{hours} h {rest // 60} min" if rest >= 60 else f"{hours} h"
    return counted(seconds // 86400, "day")


def counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
