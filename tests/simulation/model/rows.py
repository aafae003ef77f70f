"""What the tables hold, and the steps that a trigger and the unique indexes let happen."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from socialcore.adapters.contract import Capabilities
from tests.simulation.bugs import Bugs
from tests.simulation.sign_ins import Secret
from tests.simulation.world import World

FOREVER = float("inf")
OPEN = ("queued", "ambiguous", "accepted")
IN_FLIGHT = ("sending", "ambiguous", "needs_review")
FLAGLESS = "google_business"
LEGAL = {
    "queued": ("sending", "accepted", "failed", "cancelled", "missed", "needs_review"),
    "sending": ("accepted", "queued", "failed", "ambiguous"),
    "ambiguous": ("accepted", "queued", "needs_review"),
    "needs_review": ("accepted", "queued", "failed"),
    "accepted": ("confirmed", "failed"),
    "missed": ("queued", "cancelled"),
    "failed": ("queued",),
}


class Illegal(Exception):
    """A step that the trigger or a unique index would refuse."""


@dataclass(slots=True)
class Try:
    deadline: float
    flags: int
    kind: str | None = None
    outcome: str | None = None


@dataclass(slots=True)
class Row:
    """A delivery."""

    id: str
    lane: str
    text: str
    next_at: float
    expires_at: float
    state: str = "queued"
    tries: list[Try] = field(default_factory=list)
    priority: int = 0
    misses: int = 0
    looks: int = 0
    remote_id: str | None = None
    cancel_at: float | None = None
    held: str | None = None
    failure: str | None = None
    changed_at: float = 0.0
    due_at: float = 0.0

    def __post_init__(self) -> None:
        self.due_at = self.next_at

    @property
    def is_in_doubt(self) -> bool:
        return any(tried.outcome == "ambiguous" for tried in self.tries)


@dataclass(slots=True)
class LaneRow:
    id: str
    platform: str
    grant: str
    due_at: float = FOREVER
    not_before: float = 0.0
    owner: int | None = None
    claim_no: int = 0


@dataclass(slots=True)
class GrantRow:
    id: str
    secret: Secret
    expires_at: float
    version: int = 1
    refreshing_until: float | None = None
    reconnect: str | None = None


@dataclass(frozen=True)
class Obstacles:
    """What people have put in the way of sending, as it was read at one moment."""

    off: tuple[str, ...] = ()
    holds: tuple[str, ...] = ()
    version: int = 1

    def of(self, lane: LaneRow, *, reads_holds: bool) -> str | None:
        names = ("everything", lane.platform, lane.id)
        if reads_holds and any(name in names for name in self.holds):
            return "a hold is in force"
        if lane.platform != FLAGLESS and any(name in names for name in self.off):
            return "its flag is off"
        return None


def seconds(length: timedelta) -> float:
    return length.total_seconds()


class Database:
    """Everything that survives a crash, with a clock of its own."""

    def __init__(self, world: World, behaviour: Mapping[str, Capabilities], bugs: Bugs) -> None:
        self.world, self.behaviour, self.bugs = world, behaviour, bugs
        self.skew = 0.0
        self.jumped_at = -FOREVER
        self.away_until = 0.0
        self.deliveries: dict[str, Row] = {}
        self.lanes: dict[str, LaneRow] = {}
        self.grants: dict[str, GrantRow] = {}
        self.obstacles = Obstacles()
        self.locked: set[int] = set()  # numbers of workers whose pulse lives
        self.beat: dict[int, float] = {}
        self.notify: Callable[[], None] = lambda: None

    @property
    def now(self) -> float:
        """What clock_timestamp() says, which need not be true."""
        return self.world.now + self.skew

    @property
    def is_away(self) -> bool:
        return self.world.now < self.away_until

    def jittered(self, wait: timedelta) -> float:
        """When a wait that starts now is over; spread, so that not all come back at once."""
        return self.now + wait.total_seconds() * (1 + 0.1 * self.world.dice.random())

    def of(self, lane: str) -> list[Row]:
        return [row for row in self.deliveries.values() if row.lane == lane]

    def is_taken(self, remote_id: str) -> bool:
        return any(row.remote_id == remote_id for row in self.deliveries.values())

    def doubt(self, row: Row) -> None:
        """Its last attempt may have been published."""
        tried = row.tries[-1]
        tried.outcome, tried.kind = "ambiguous", "OutcomeUnknown"
        settle = seconds(self.behaviour[self.lanes[row.lane].platform].settle)
        self.change(row, state="ambiguous", misses=0, looks=0, next_at=max(self.now, tried.deadline) + settle)

    def change(self, row: Row, **columns: object) -> None:
        state = columns.get("state", row.state)
        if state != row.state:
            if state not in LEGAL.get(row.state, ()):
                raise Illegal(f"{row.id}: from {row.state} to {state}")
            if state in IN_FLIGHT and row.state not in IN_FLIGHT and self.has_twin_in_flight(row):
                raise Illegal(f"{row.id}: the same words are in flight already")
            if state == "accepted" and self.is_taken(str(columns["remote_id"])):
                raise Illegal(f"{row.id}: {columns['remote_id']} is bound to another delivery")
            self.world.say("database", f"{row.id}: {row.state} > {state}", event=str(state))
            row.changed_at = self.now
        for name, value in columns.items():
            setattr(row, name, value)

    def has_twin_in_flight(self, row: Row) -> bool:
        return self.bugs.twins_wait and any(
            other.text == row.text and other.state in IN_FLIGHT and other.lane == row.lane and other is not row
            for other in self.deliveries.values()
        )
