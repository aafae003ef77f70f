"""What people were promised, and whether it was true. Knows what the product cannot: what really happened."""

from dataclasses import dataclass

from socialcore.transitions import Grant
from tests.simulation.model.rows import Database, Obstacles, Row
from tests.simulation.platforms import Platform
from tests.simulation.workers import Worker

ENDS = ("confirmed", "cancelled", "failed", "missed")


class Broken(Exception):
    """A promise did not hold."""


@dataclass
class Turn:
    """A worker's right to refresh one version of a sign-in."""

    worker: Worker
    until: float
    is_open: bool = True
    is_stored: bool = False


class Witness:
    def __init__(self, db: Database, platforms: dict[str, Platform]) -> None:
        self.db, self.platforms = db, platforms
        # What people put in the way of sending: from when that has returned until they begin to take it away.
        self.in_force: dict[str, list[str]] = {"off": [], "holds": []}
        self.version = 1  # of the flags, once the flip has returned
        self.stopped: list[str] = []  # deliveries whose cancelling was answered with "stopped"
        self.moved: dict[str, float] = {}  # deliveries that a person has moved: until when they must wait
        self.limits: dict[str, tuple[float, float]] = {}  # by lane: noted when, to wait until when
        self.turns: dict[tuple[str, int], Turn] = {}

    def intended(self, lane_id: str, row: Row, picked_at: tuple[float, float]) -> None:
        """An attempt was committed: was it allowed to be? It was picked when, truly and by the database's clock."""
        lane = self.db.lanes[lane_id]
        seen = Obstacles(tuple(self.in_force["off"]), tuple(self.in_force["holds"]))
        if obstacle := seen.of(lane, reads_holds=True):
            raise Broken(f"{row.id} is sent although {obstacle}")
        if row.tries[-1].flags < self.version:
            raise Broken(f"{row.id} is sent by flags that had been changed")
        if self.db.now < self.moved.get(row.id, 0.0):
            raise Broken(f"{row.id} is sent before the time it was moved to")
        noted, until = self.limits.get(lane_id, (0.0, 0.0))
        truly, by_clock = picked_at
        if truly > noted and by_clock < until:
            raise Broken(f"{row.id} is sent although the platform asked us to wait")

    def takes_turn(self, grant: Grant, turn: Turn) -> None:
        """Nobody refreshes what is being refreshed or has been; whoever froze until its turn was over is excused."""
        key = (grant.id, grant.version)
        earlier = self.turns.get(key)
        self.turns[key] = turn
        if earlier is None:
            return
        is_under_way = earlier.is_open and not earlier.worker.dead and earlier.until >= self.db.now
        if earlier.is_stored or is_under_way:
            raise Broken(f"{grant.id} is refreshed twice with one token")

    def judge(self) -> None:
        for row in self.db.deliveries.values():
            self._judge(row)

    def _judge(self, row: Row) -> None:
        """Hold a delivery, and its twins of the same words with it, against what is public.

        Twins may be bound to one another's posts, which nobody could tell apart; but never two to one, never
        one to a post that is not there, and what is public is bound, or given up and said to be perhaps public.
        """
        posts = self.platforms[row.lane].posts
        twins = [each for each in self.db.of(row.lane) if each.text == row.text]
        public = {post.remote_id for post in posts if post.text == row.text}
        bound = [each.remote_id for each in twins if each.state == "confirmed"]
        doubtful = sum(each.state == "failed" and each.failure == "GivenUp" for each in twins)
        if row.state not in ENDS:
            raise Broken(f"STUCK: {row.id} is {row.state}")
        if row.id in self.stopped and any(post.delivery_id == row.id for post in posts):
            raise Broken(f"UNTRUE: {row.id} was certainly stopped, and is public")
        if len(set(bound)) < len(bound) or not set(bound) <= public:
            raise Broken(f"LOST or MISBOUND: {row.id}: bound are {bound}, public are {sorted(public)}")
        if len(public) > len(bound) + doubtful:
            raise Broken(f"UNTRUE: {row.id} is {row.state}, and public")
