"""The reference data set: 200 accounts, 5,000 posts over 90 days, in every state and on every platform.

`fill` writes it as the roles that may: accounts and people as composer_admin, posts and deliveries as the dashboard
(each account in its own scope, past the same policies as everything else), attempts as the worker. The same seed makes
the same businesses, words, times and states; ids are the database's own. Nothing is sent: lanes sleep, and the
services the connections name do not exist.
"""

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from socialcore import accounts, connections, operators, posts
from socialcore.adapters.contract import Granted, Target
from socialcore.database import Database, account_scope, worker_scope
from socialcore.installation import Installation
from socialcore.posts import Content, Platform

ACCOUNTS, POSTS, DAYS = 200, 5_000, 90
PAST = 60  # of the days; the rest are to come
PLATFORMS: Sequence[Platform] = ("bluesky", "google_business", "twitter", "slack")
ZONES = (
    *("America/Los_Angeles", "America/New_York", "America/Denver", "America/Chicago", "Europe/Zurich", "Europe/Berlin"),
    *("Asia/Kolkata", "Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Chatham"),
)
TRADES = ("Bakery", "Florist", "Yoga", "Dental", "Cycle Works", "Veterinary", "Books", "Coffee", "Garage", "Gallery")
PLACES = (
    *("Harbor", "Cedar", "Riverbend", "Northside", "Summit", "Lakeside", "Mill Lane", "Old Town", "Station", "Meadow"),
    *("Quay", "Hillside", "Orchard", "Bridge", "Market", "Chapel", "Garden", "Castle", "Forest", "Canal"),
)
WORDS = (
    *("Fresh rye and cardamom knots from eight", "Open late on Thursday", "Two places left in the evening class"),
    *(
        "New opening hours from Monday",
        "Spring bicycles are in",
        "We are closed on the 1st",
        "Meet the team this Friday",
    ),
    *("Half price on winter stock", "Ask us about vaccinations", "Order ahead: https://example.com/order #local"),
)
# What became of past deliveries, of a thousand; and of those that are due about now.
ENDS = {"confirmed": 930, "failed": 25, "missed": 15, "cancelled": 22, "needs_review": 8}
UNDER_WAY = ("sending", "ambiguous", "accepted", "held", "retrying", "queued")
HOURS = (7, 8, 9, 9, 9, 10, 11, 12, 12, 13, 15, 17, 18, 18, 20)


@dataclass(frozen=True)
class Reference:
    """What was written: whom to sign in as, and where."""

    operator_id: UUID  # sees every account
    account_ids: Sequence[UUID]
    posts: int
    deliveries: int


@dataclass
class _Rows:
    """The rows of one account."""

    posts: list[dict[str, Any]] = field(default_factory=list)
    deliveries: list[dict[str, Any]] = field(default_factory=list)
    attempts: list[dict[str, Any]] = field(default_factory=list)


def fill(
    here: Installation,
    app: Database,
    worker: Database,
    now: datetime,
    *,
    many_accounts: int = ACCOUNTS,
    many_posts: int = POSTS,
    seed: int = 7,
    identity: tuple[str, str] = ("reference", "operator"),
) -> Reference:
    """Write the data set into a migrated database.

    Args:
        now: the middle of it: 60 days have passed, 30 are to come.
        many_posts: over all accounts; a few accounts have most of them, as in life.
        identity: issuer and subject under which its operator, who is an admin, signs in.
    """
    dice = random.Random(seed)
    operator_id, account_ids = _people(here, many_accounts, identity)
    worker_no = _worker(worker, account_ids[0])
    shares = [1 / (n + 5) for n in range(many_accounts)]
    owners = sorted(dice.choices(range(many_accounts), shares, k=many_posts))
    deliveries = 0
    for n, account_id in enumerate(account_ids):
        with account_scope(app, operator_id, account_id) as scope:
            made = _connect(scope, here, n)
            rows, zone = _Rows(), ZoneInfo(ZONES[n % len(ZONES)])
            for number in range(owners.count(n)):
                _plan(rows, dice, now, account_id, operator_id, worker_no, zone, made, f"{n}-{number}")
            _write(scope, "posts", rows.posts)
            _write(scope, "deliveries", rows.deliveries)
        with worker_scope(worker, account_id) as scope:
            _write(scope, "attempts", rows.attempts)
        deliveries += len(rows.deliveries)
    with worker_scope(worker, account_ids[0]) as scope:
        scope.run("update workers set stopped_at = now() where no = :no", {"no": worker_no})
    return Reference(operator_id, account_ids, many_posts, deliveries)


def _people(here: Installation, many: int, identity: tuple[str, str]) -> tuple[UUID, list[UUID]]:
    with here.administration() as scope:
        names = [f"{PLACES[n % len(PLACES)]} {TRADES[n // len(PLACES) % len(TRADES)]}" for n in range(many)]
        names = [name if n < 200 else f"{name} {n // 200 + 1}" for n, name in enumerate(names)]
        known = {account.name for account in accounts.all_accounts(scope)}
        made = [
            accounts.add(
                scope,
                name if name not in known else f"{name} of the reference",
                time_zone=ZONES[n % len(ZONES)],
                plan="premium",
            ).id
            for n, name in enumerate(names)
        ]
        email = f"{identity[1]}@{identity[0]}.example"
        operator_id = operators.add(
            scope, "Reference operator", email, ["admin"], every_account=True, identity=identity
        )
    return operator_id, made


def _worker(worker: Database, account_id: UUID) -> int:
    """A worker that is no more: attempts name one."""
    with worker_scope(worker, account_id) as scope:
        return scope.run(
            "insert into workers (name, version, concurrency, pulse_pid) values ('reference', '0', 1, 1) returning no"
        ).scalar_one()


def _connect(scope: Any, here: Installation, n: int) -> list[connections.Connection]:
    """One connection to each platform for every second account, fewer for the rest."""
    for platform in PLATFORMS[: 4 if n % 2 else 1 + n % 4]:
        target = Target(f"reference-{platform}-{n}", f"business{n}.example")
        granted = Granted("http://127.0.0.1:9", target.id, {"access": "a", "refresh": "r"}, (target,), None)
        connections.connect(scope, here.vault(), platform, granted, target.id)
    return connections.of_account(scope)


def _plan(
    rows: _Rows,
    dice: random.Random,
    now: datetime,
    account_id: UUID,
    operator_id: UUID,
    worker_no: int,
    zone: ZoneInfo,
    made: Sequence[connections.Connection],
    tag: str,
) -> None:
    """One post with its deliveries: in the past, about now, or to come."""
    day = now.astimezone(zone) + timedelta(days=dice.randrange(-PAST, DAYS - PAST))
    due_at = day.replace(hour=dice.choice(HOURS), minute=dice.choice((0, 0, 15, 30)), second=0, microsecond=0)
    is_now = dice.random() < 0.01
    due_at = now - timedelta(seconds=dice.randrange(5, 60)) if is_now else due_at.astimezone(UTC)
    content = posts.to_json(Content(text=f"{dice.choice(WORDS)} ({tag})"))
    post_id = uuid4()
    rows.posts.append(
        {
            "account_id": account_id,
            "id": post_id,
            "submit_token": uuid4(),
            "author_id": operator_id,
            "content": json.dumps(content),
            "content_hash": posts.digest(content),
            "submitted_at": min(now, due_at - timedelta(hours=dice.randrange(1, 72))),
        }
    )
    chosen = dice.sample(made, dice.randint(1, len(made)))
    for connection in chosen:
        state = dice.choice(UNDER_WAY) if is_now else "queued"
        if due_at < now and not is_now:
            state = dice.choices(list(ENDS), list(ENDS.values()))[0]
        known = {"account_id": account_id, "post_id": post_id, "connection_id": connection.id, "due_at": due_at}
        rows.deliveries.append({**_delivery(state, due_at, now), **known, "text_hash": sha256(tag.encode()).digest()})
        rows.attempts += _attempts(rows.deliveries[-1], state, worker_no)


def _delivery(state: str, due_at: datetime, now: datetime) -> dict[str, Any]:
    was_sent = state in ("confirmed", "failed", "needs_review", "sending", "ambiguous", "accepted", "retrying")
    is_public = state in ("confirmed", "accepted")
    failed = state in ("failed", "ambiguous", "needs_review", "retrying")
    remote_id = f"reference/{uuid4()}" if is_public else None
    return {
        "id": uuid4(),
        "state": "queued" if state in ("held", "retrying") else state,
        "priority": 2 if state == "retrying" else 1,
        "expires_at": due_at + timedelta(hours=2),
        "next_at": due_at,
        "attempt": int(was_sent),
        "rendered": "{}",
        "wire": "{}" if was_sent else None,
        "wire_at": due_at if was_sent else None,
        "remote_id": remote_id,
        "url": f"https://example.com/{remote_id}" if remote_id else None,
        "read_back": "match" if state == "confirmed" else None,
        "read_back_at": due_at + timedelta(seconds=4) if state == "confirmed" else None,
        "cancel_at": due_at if state == "cancelled" else None,
        "held_because": "Posting is off: the flag is off." if state == "held" else None,
        "failure_kind": "ContentRejected" if state == "failed" else "OutcomeUnknown" if failed else None,
        "failure": "The platform refused it." if state == "failed" else "It did not answer." if failed else None,
        "changed_at": min(now, due_at + timedelta(seconds=5)),
    }


def _attempts(delivery: dict[str, Any], state: str, worker_no: int) -> Iterator[dict[str, Any]]:
    """The one attempt of what was tried, with how it ended."""
    if not delivery["attempt"]:
        return
    ended = {"confirmed": "accepted", "accepted": "accepted", "failed": "failed", "retrying": "queued"}
    outcome = None if state == "sending" else ended.get(state, "ambiguous")
    yield {
        "account_id": delivery["account_id"],
        "delivery_id": delivery["id"],
        "n": 1,
        "worker": worker_no,
        "claim_no": 1,
        "grant_version": 1,
        "flags_version": 1,
        "started_at": delivery["due_at"] + timedelta(seconds=1),
        "deadline_at": delivery["due_at"] + timedelta(seconds=16),
        "outcome": outcome,
        "failure_kind": delivery["failure_kind"],
        "failure": delivery["failure"],
        "remote_id": delivery["remote_id"],
        "ended_at": delivery["due_at"] + timedelta(seconds=2) if outcome else None,
    }


def _write(scope: Any, table: str, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows, in one go; policies check each of them, which is why Postgres takes no COPY here."""
    if rows:
        names = list(rows[0])
        statement = f"insert into {table} ({', '.join(names)}) values ({', '.join(['%s'] * len(names))})"
        scope.connection.connection.cursor().executemany(statement, [list(row.values()) for row in rows])
