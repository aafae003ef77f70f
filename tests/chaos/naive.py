"""The control: a worker as one would write it, with a lease and retries, that the same chaos must catch out.

It claims with a lease, retries what timed out or whose lease ran out, never looks, holds no lock, and sends
with a fresh key each time. If the harness saw no duplicates here, it could not see any.
"""

import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg

from socialcore import failures
from socialcore.adapters.contract import Access
from tests.chaos.platforms import STRICT
from tests.chaos.points import ANSWERED, Fate
from tests.chaos.worker import die_between_bytes, end_with_the_harness
from tests.chaos.world import World

TABLE = """create table naive (id uuid primary key, service text, did text, token text, text text,
    state text not null default 'queued', lease_until timestamptz not null default now(), remote_id text)"""
ADD = """insert into naive (id, service, did, token, text, lease_until)
    values (%s, %s, %s, %s, %s, now() + %s)"""
CLAIM = """update naive set state = 'sending', lease_until = now() + interval '3 s' where id = (
    select id from naive where state in ('queued', 'sending') and lease_until <= now()
    order by lease_until limit 1 for update skip locked) returning id, service, did, token, text"""
DONE = "update naive set state = 'confirmed', remote_id = %s where id = %s"
AGAIN = "update naive set state = 'queued', lease_until = now() + interval '0.2 s' where id = %s"


def fill(world: World, posts: int, *, over: float) -> None:
    """Have so many posts wait for the naive worker, each with a time to be sent at."""
    accesses = list(world.accesses.values())
    with psycopg.connect(world.conninfo) as connection:
        connection.execute(TABLE)
        for number in range(posts):
            access = accesses[number % len(accesses)]
            text, due = f"Naive {number}", timedelta(seconds=over * number / posts)
            connection.execute(ADD, (uuid4(), access.service, access.target_id, access.secret["access"], text, due))


def work(conninfo: str, fate: Fate | None) -> None:
    """Be a naive worker until killed."""
    end_with_the_harness()
    if fate is not None:
        die_between_bytes(fate)
    while True:
        with suppress(psycopg.Error), psycopg.connect(conninfo, autocommit=True) as connection:
            while True:
                if not _send_one(connection, fate):
                    time.sleep(0.05)
        time.sleep(0.2)  # the database is away


def _send_one(connection: psycopg.Connection, fate: Fate | None) -> bool:
    row = connection.execute(CLAIM).fetchone()
    if row is None:
        return False
    delivery_id, service, did, token, text = row
    remote_id = _publish(Access(service, did, {"access": token}), delivery_id, text)
    if fate is not None:
        fate.pass_by(ANSWERED)
    if remote_id is None:
        connection.execute(AGAIN, (delivery_id,))
    else:
        connection.execute(DONE, (remote_id, delivery_id))
    return True


def _publish(access: Access, delivery_id: UUID, text: str) -> str | None:
    adapter = STRICT["twitter"]
    frozen = adapter.freeze(access.target_id, {"text": text}, delivery_id=uuid4(), at=datetime.now(UTC))
    try:
        return adapter.publish(access, frozen.wire, before_write=lambda: None).remote_id
    except failures.PlatformFailure:
        return None
