"""The database's clock is the one everybody goes by: what we do when ours is wrong, and when that one jumps."""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from socialcore.database import AccountScope, Database, system_scope

MOST_APART = timedelta(minutes=2)  # between this machine's clock and the database's; contexts are signed with ours
JUMP = timedelta(seconds=5)  # forwards between two looks at the database's clock; less is a slow transaction


class ClocksDiffer(Exception):
    """This machine's clock is so wrong that what it signs may be refused. Its message says by how much."""


@dataclass
class Clock:
    """Watches the database's clock; `watch` is to be called every few seconds.

    An absence at a platform proves something only once a settle time has really passed. When the clock by which that
    is measured has jumped forwards, it may not have: so everybody is told, and nobody trusts an absence for a while.
    """

    _apart: float | None = None  # the database's time less our monotonic one, when we last looked

    def watch(self, database: Database) -> timedelta | None:
        """See whether the clocks agree, and whether the database's has jumped.

        Returns:
            How far it has jumped forwards since the last time, which is noted for everybody; None if it has not.

        Raises:
            ClocksDiffer: if this machine's is too far from it.
        """
        with system_scope(database) as scope:
            ours, monotonic = time.time(), time.monotonic()
            theirs: float = scope.run("select extract(epoch from clock_timestamp())::float8").scalar_one()
            was, self._apart = self._apart, theirs - monotonic
            jump = timedelta(seconds=self._apart - was) if was is not None else timedelta(0)
            if jump > JUMP:
                scope.run("update clock set jumped_at = clock_timestamp()")
        if abs(ours - theirs) > MOST_APART.total_seconds():
            apart = f"{abs(ours - theirs):,.0f} s {'ahead of' if ours > theirs else 'behind'} the database's"
            raise ClocksDiffer(f"This machine's clock is {apart}: set one of them")
        return jump if jump > JUMP else None


def jumped_within(scope: AccountScope, settle: timedelta) -> datetime | None:
    """When the database's clock has jumped forwards, if that was so lately that a settle time may not have passed."""
    return scope.run(
        "select jumped_at from clock where jumped_at > clock_timestamp() - cast(:settle as interval)",
        {"settle": settle},
    ).scalar()
