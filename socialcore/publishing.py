"""From what an operator wrote to deliveries waiting in the queue."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

from socialcore import events, flags, lanes, posts, slots
from socialcore.adapters import ADAPTERS
from socialcore.adapters.contract import Json, Lookups, Option, Shown, Target, Usage
from socialcore.connections import Connection
from socialcore.database import AccountScope
from socialcore.posts import Content, Platform, Problem
from socialcore.times import TimePassed

FILES = frozenset({"pictures", "video", "card"})  # of rendered content; uploaded before the request
NOBODYS = UUID(int=0)  # the id of no delivery


class NotReady(Exception):
    """The post does not fit every chosen connection. Its problems say why; nothing was stored."""

    def __init__(self, problems: Mapping[UUID, Sequence[Problem]]) -> None:
        super().__init__("The post does not fit every chosen connection.")
        self.problems = problems


class AlreadySubmitted(Exception):
    """This draft has become a post already, with other words. Nothing was stored."""


@dataclass(frozen=True, slots=True)
class Submitted:
    post_id: UUID
    number: int
    due_at: datetime
    delivery_ids: Sequence[UUID]


def problems(content: Content, chosen: Sequence[Connection]) -> dict[UUID, list[Problem]]:
    """Say, for each connection the post would not fit, why. Empty means that nothing stands in its way."""
    return _with_severity(content, chosen, "error")


def warnings(content: Content, chosen: Sequence[Connection]) -> dict[UUID, list[Problem]]:
    """Say, for each connection, what an operator should know before publishing; none of it stands in the way."""
    return _with_severity(content, chosen, "warning")


def render(content: Content, connection: Connection, lookups: Lookups) -> Sequence[Json]:
    """What this connection's platform will be given, all but what the moment of sending decides.

    One object per delivery: more than one for a thread that goes out part by part.
    """
    return ADAPTERS[connection.platform].render(content, lookups)


def cost(rendered: Sequence[Json], connection: Connection) -> Decimal:
    """What the platform charges for all parts together, in US dollars."""
    return sum((ADAPTERS[connection.platform].cost(part) for part in rendered), Decimal(0))


def shown(rendered: Sequence[Json], connection: Connection) -> list[Shown]:
    """Say what people will see, post by post, read from what will be sent."""
    return [post for part in rendered for post in ADAPTERS[connection.platform].shown(part)]


def options(platform: Platform) -> tuple[Option, ...]:
    """What an operator may choose there besides the text."""
    return ADAPTERS[platform].capabilities.options


def requests(rendered: Sequence[Json], connection: Connection, *, at: datetime) -> list[Json]:
    """What each request to the platform would carry if it were made now.

    Its time and our id are those of a request made `at`; pictures, a video and the post before in a thread
    have ids that only the platform gives: such a part is shown as it is frozen when it is submitted.
    """
    freeze, target = ADAPTERS[connection.platform].freeze, connection.target_id
    return [part if part.keys() & FILES else freeze(target, part, delivery_id=NOBODYS, at=at).wire for part in rendered]


def usage(content: Content, connection: Connection) -> Usage:
    """Measure the text as the connection's platform counts it: against the limit that is the nearest."""
    found = ADAPTERS[connection.platform].usage(content)
    return max(found, key=lambda each: each.used / each.limit.most)


def usages(content: Content, connection: Connection) -> Sequence[Usage]:
    """Measure the text against each of the platform's limits, the tightest first."""
    return ADAPTERS[connection.platform].usage(content)


def can_suggest(connection: Connection) -> bool:
    """Does the connection's platform say whose handle begins with some letters?"""
    return ADAPTERS[connection.platform].capabilities.suggests


def suggest(connection: Connection, prefix: str) -> Sequence[Target]:
    """Ask the connection's platform whose handle begins so.

    Raises:
        PlatformFailure: if the platform does not say.
    """
    return ADAPTERS[connection.platform].suggest(connection.service, prefix)


def allowed(scope: AccountScope, chosen: Sequence[Connection]) -> dict[UUID, flags.Evaluation]:
    """Is posting through these connections on for the account, and why?"""
    features = flags.of_account(scope, scope.account_id)
    return {each.id: flags.may_publish(features, each.platform, scope.account_id) for each in chosen}


def submit(  # noqa: PLR0913 - all that is decided at this moment
    scope: AccountScope,
    content: Content,
    rendered: Mapping[UUID, Sequence[Json]],
    chosen: Sequence[Connection],
    *,
    submit_token: UUID,
    due_at: datetime | None,
    undo: timedelta,
    late_window: timedelta,
    now: datetime,
    takes_slot: bool = False,
    request_hash: bytes | None = None,
) -> Submitted:
    """Make a draft final and queue it for each of the chosen connections.

    Nothing is sent here: a worker sends a delivery once it is due. Submitting under the same token again,
    as a double click does, queues nothing new.

    Args:
        rendered: by connection, what `render` made of the content; frozen from now on.
        due_at: when to publish, with a time zone; None for now, which leaves `undo` to take it back.
        late_window: later than this after it was due, it is missed and not sent.
        takes_slot: `due_at` is a slot of the account's queue, and nothing else may be due then.
        request_hash: of the whole request, if it came through the API; under the same token it must be the same.

    Raises:
        NotReady: if the post does not fit a chosen connection, or no connection was chosen.
        TimePassed: if `due_at` is over.
        SlotTaken: if the slot is not free any more.
        AlreadySubmitted: if the token stands for other content, as from a window that was left behind.
    """
    if due_at is not None and due_at <= now:
        raise TimePassed("This time has passed. Choose a later one, or publish now.")
    if found := problems(content, chosen):
        raise NotReady(found)
    if not chosen:
        raise NotReady({})
    content_json = posts.to_json(content)
    scope.run(
        "insert into posts (account_id, submit_token, author_id, content, content_hash, request_hash)"
        " values (:account_id, :token, :author, cast(:content as jsonb), :hash, :request_hash)"
        " on conflict (account_id, submit_token) do nothing",
        {
            "account_id": scope.account_id,
            "token": submit_token,
            "author": scope.operator_id,
            "content": json.dumps(content_json),
            "hash": posts.digest(content_json),
            "request_hash": request_hash,
        },
    )
    post = scope.run(
        "select id, number, content_hash, request_hash from posts"
        " where account_id = :account_id and submit_token = :token",
        {"account_id": scope.account_id, "token": submit_token},
    ).one()
    if (post.content_hash, post.request_hash) != (posts.digest(content_json), request_hash):
        raise AlreadySubmitted(f"This draft was published already, as P-{post.number}, with other words.")
    if not scope.run(
        "select 1 from deliveries where account_id = :account_id and post_id = :id limit 1",
        {"account_id": scope.account_id, "id": post.id},
    ).first():
        if takes_slot and due_at is not None:
            slots.take(scope, due_at, now)
        _queue(scope, post.id, rendered, chosen, due_at, undo, late_window)
        events.record(
            scope,
            "post.submitted",
            number=post.number,
            connections=len(chosen),
            scheduled=due_at is not None,
            composition=submit_token,
        )
    queued = scope.run(
        "select id, due_at from deliveries where account_id = :account_id and post_id = :id order by id",
        {"account_id": scope.account_id, "id": post.id},
    ).all()
    return Submitted(post.id, post.number, queued[0].due_at, [row.id for row in queued])


def repeated(scope: AccountScope, submit_token: UUID, request_hash: bytes) -> UUID | None:
    """The post that the same request through the API has become already; None if it has not.

    Raises:
        AlreadySubmitted: if another request has, under this token.
    """
    post = scope.run(
        "select id, number, request_hash from posts where account_id = :account_id and submit_token = :token",
        {"account_id": scope.account_id, "token": submit_token},
    ).first()
    if post is None:
        return None
    if post.request_hash != request_hash:
        raise AlreadySubmitted(f"Under this key, another request has become P-{post.number}.")
    return post.id


def _queue(
    scope: AccountScope,
    post_id: UUID,
    rendered: Mapping[UUID, Sequence[Json]],
    chosen: Sequence[Connection],
    due_at: datetime | None,
    undo: timedelta,
    late_window: timedelta,
) -> None:
    parts = [
        (connection.id, number, part)
        for connection in chosen
        for number, part in enumerate(rendered[connection.id], start=1)
    ]
    delivery_id: UUID | None = None
    for connection_id, number, part in parts:
        before, delivery_id = delivery_id if number > 1 else None, uuid4()
        scope.run(
            "insert into deliveries (account_id, id, post_id, connection_id, part, follows, priority, due_at,"
            "    expires_at, next_at, rendered, text_hash)"
            " select :account_id, :id, :post_id, :connection_id, :part, cast(:follows as uuid), :priority, due,"
            "    due + :late_window, due, cast(:rendered as jsonb), :text_hash"
            " from (select coalesce(cast(:due_at as timestamptz), clock_timestamp() + :undo) as due) as chosen",
            {
                "account_id": scope.account_id,
                "id": delivery_id,
                "post_id": post_id,
                "connection_id": connection_id,
                "part": number,
                "follows": before,
                "priority": 0 if due_at is None else 1,
                "due_at": due_at,
                "undo": undo,
                "late_window": late_window,
                "rendered": json.dumps(part),
                "text_hash": posts.digest(part.get("text")),
            },
        )
    lanes.wake(scope, [connection.id for connection in chosen])


def _with_severity(content: Content, chosen: Sequence[Connection], severity: str) -> dict[UUID, list[Problem]]:
    found = {each.id: [why for why in _problems(content, each) if why.severity == severity] for each in chosen}
    return {connection_id: why for connection_id, why in found.items() if why}


def _problems(content: Content, connection: Connection) -> list[Problem]:
    found = ADAPTERS[connection.platform].validate(content)
    if connection.disconnected_at is not None:
        found.append(Problem(f"{connection.name} is disconnected", "Connect it again, or send without it."))
    if not connection.is_in_plan:
        name = ADAPTERS[connection.platform].capabilities.name
        found.append(
            Problem(
                f"{name} is no longer in the account's plan, {connection.plan}",
                "Send without it, or ask an admin to change the plan. What is scheduled already goes out.",
            )
        )
    return found
