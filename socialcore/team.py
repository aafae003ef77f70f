"""Telling the team's Slack channel what needs a person: once, together what happened together, never in the way.

A telling is claimed before anything is sent. What certainly was not written is tried again. Where nobody knows, as when
we are killed between sending and noting, it is not told a second time: the inbox of its author has it in any case, and
a channel that repeats itself is soon read by nobody.
"""

import logging
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode
from uuid import UUID

import sqlalchemy.exc

from socialcore import failures, tellings
from socialcore.adapters import ADAPTERS
from socialcore.database import ContextRefused, Database, in_words, system_scope, worker_scope
from socialcore.tellings import Telling
from socialcore.text.slack import escape
from socialcore.webhook import Webhook

log = logging.getLogger(__name__)

EVERY = 2.0  # seconds between looks for something to tell
GATHER = timedelta(seconds=5)  # what happens within it is told together
REST = timedelta(seconds=30)  # between two messages, however much happens
LOST = timedelta(minutes=2)  # a claim older than this is of a worker that died
TOO_OLD = timedelta(days=1)  # what was never told by then is no news
WAITS = tuple(timedelta(seconds=each) for each in (10, 30, 120, 600, 1800, 3600))
IN_FULL = 5  # more than these are counted, and not told one by one
TURN = (9, 2)


@dataclass(frozen=True, slots=True)
class Channel:
    """Where the team is told."""

    webhook: Webhook
    public_url: str  # of this dashboard, for links


@dataclass(frozen=True, slots=True)
class Claimed:
    account_id: UUID
    id: UUID
    team_tries: int


def run(database: Database, channel: Channel, stopping: threading.Event) -> None:
    """Tell until stopped, in a thread of its own: a webhook that hangs keeps no post waiting."""
    while not stopping.wait(EVERY):
        try:
            tell(database, channel)
        except ContextRefused as error:
            log.warning("the team could not be told: %s", error)
        except sqlalchemy.exc.SQLAlchemyError as error:
            log.warning("the team could not be told: %s", in_words(error))


def tell(database: Database, channel: Channel) -> int:
    """Tell what is due, if anything is.

    Returns:
        How many tellings were claimed.
    """
    claimed = _claim(database)
    if not claimed:
        return 0
    text = message(_told(database, claimed), channel.public_url)
    try:
        channel.webhook.post(text)
    except failures.OutcomeUnknown as failure:
        log.warning("%s %d tellings may not have reached the team's channel", failure, len(claimed))
        _end(database, claimed, "unknown")
    except failures.ContentRejected as failure:
        log.warning("%s %d tellings did not reach the team's channel: check its webhook", failure, len(claimed))
        _end(database, claimed, "given up")
    except failures.PlatformFailure as failure:
        _put_off(database, claimed, failure)
    else:
        _end(database, claimed, "told")
    return len(claimed)


def message(found: Sequence[Telling], public_url: str) -> str:
    """Put into words what happened, for people who know nothing of it yet."""
    if len(found) <= IN_FULL:
        return "\n\n".join(_in_full(each, public_url) for each in found)
    counted = Counter((each.account, ADAPTERS[each.platform].capabilities.name, each.happened) for each in found)
    lines = [
        f"• *{escape(account)}*: {number} on {platform} {escape(happened)}"
        for (account, platform, happened), number in counted.most_common(10)
    ]
    rest = [f"• and {len(counted) - 10} more groups"] if len(counted) > 10 else []
    link = f"<{public_url}/posts?{urlencode({'state_filter': 'attention'})}|Open what needs a person>"
    return "\n".join([f"*{len(found)} deliveries need a person*", *lines, *rest, link])


def _in_full(telling: Telling, public_url: str) -> str:
    platform = ADAPTERS[telling.platform].capabilities.name
    head = f"*{escape(telling.account)}*, {platform} {escape(telling.target)}: P-{telling.number} {telling.happened}."
    says = " ".join(filter(None, (telling.failure, telling.next_step)))
    link = f"<{public_url}/posts?{urlencode({'post': str(telling.post_id)})}|Open P-{telling.number}>"
    return "\n".join(filter(None, (head, escape(says), link)))


def _claim(database: Database) -> list[Claimed]:
    """Take everything that is due, unless another worker does or has just told something."""
    with system_scope(database) as scope:
        scope.run(
            "update tellings set team_done_at = clock_timestamp(), team_outcome = 'unknown'"
            " where team_done_at is null and team_claimed_at < clock_timestamp() - :lost",
            {"lost": LOST},
        )
        if not scope.run("select pg_try_advisory_xact_lock(:kind, :id)", {"kind": TURN[0], "id": TURN[1]}).scalar():
            return []
        return scope.all(
            Claimed,
            "update tellings t set team_claimed_at = clock_timestamp(), team_tries = team_tries + 1"
            " where team_done_at is null and team_claimed_at is null and team_due_at < clock_timestamp() + :gather"
            "   and told_at > clock_timestamp() - :too_old"
            "   and exists (select from tellings d where d.team_done_at is null and d.team_claimed_at is null"
            "     and d.team_due_at <= clock_timestamp() and d.told_at > clock_timestamp() - :too_old)"
            "   and not exists (select from tellings r where r.team_claimed_at > clock_timestamp() - :rest)"
            " returning account_id, id, team_tries",
            {"gather": GATHER, "too_old": TOO_OLD, "rest": REST},
        )


def _told(database: Database, claimed: Sequence[Claimed]) -> list[Telling]:
    found: list[Telling] = []
    for account_id in dict.fromkeys(each.account_id for each in claimed):
        with worker_scope(database, account_id) as scope:
            found += tellings.of_ids(scope, [each.id for each in claimed if each.account_id == account_id])
    return sorted(found, key=lambda each: each.told_at)


def _end(database: Database, claimed: Sequence[Claimed], outcome: str) -> None:
    with system_scope(database) as scope:
        scope.run(
            "update tellings set team_done_at = clock_timestamp(), team_outcome = :outcome"
            " where id = any(:ids) and team_done_at is null",
            {"ids": [each.id for each in claimed], "outcome": outcome},
        )


def _put_off(database: Database, claimed: Sequence[Claimed], failure: failures.PlatformFailure) -> None:
    """It certainly was not written: try again later, but not for ever."""
    tries = max(each.team_tries for each in claimed)
    if tries > len(WAITS) and not isinstance(failure, failures.RateLimited):
        log.warning("%s %d tellings did not reach the team's channel", failure, len(claimed))
        _end(database, claimed, "given up")
        return
    wait = failure.wait if isinstance(failure, failures.RateLimited) else WAITS[tries - 1]
    with system_scope(database) as scope:
        scope.run(
            "update tellings set team_claimed_at = null, team_due_at = clock_timestamp() + :wait"
            " where id = any(:ids) and team_done_at is null",
            {"ids": [each.id for each in claimed], "wait": wait},
        )
