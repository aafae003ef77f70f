"""Posts: would it fit, send it, what became of it, take it back."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, Response
from pydantic import Field

from api.v1 import deliveries as delivered
from api.v1.call import Call, Publishing, Seeing
from api.v1.deliveries import Delivery
from api.v1.document import may_answer
from api.v1.doubts import doubts_of
from api.v1.problems import Refusal
from api.v1.rendering import Fit, chosen_of, fit_of, rendered
from api.v1.wire import (
    MEDIA_ID,
    Asked,
    Ids,
    Moment,
    Options,
    Page,
    Paging,
    Parts,
    Told,
    Words,
    cursor_after,
    found,
    insist_on_storable,
)
from socialcore import deliveries, history, posts, publishing
from socialcore.history import SubmittedPost
from socialcore.posts import Content, MediaReference, Platform

router = APIRouter(prefix="/accounts/{account_id}/posts", tags=["posts"])
FARTHEST = timedelta(days=731)


class Media(Asked):
    """A picture or a video that was added before, by POST …/media."""

    id: str = Field(pattern=MEDIA_ID)
    alt: Words = Field(default="", description="What it shows, for people who do not see it")


class Variant(Asked):
    """What differs on one platform; what is left out is as for all."""

    text: Words | None = None
    parts: Parts | None = None
    media: list[Media] | None = Field(
        default=None, max_length=20, description="Cropped for this platform, fewer, or in another order"
    )
    options: Options = Field(default_factory=dict[str, object])


class PostRequest(Asked):
    """What to publish, where, and when."""

    text: Words = Field(examples=["Sourdough is out of the oven 🥖 harborbakery.example"])
    parts: Parts = Field(default_factory=list[str], description="Further posts of a thread, after `text`")
    links: Parts = Field(default_factory=list[str], description="To show as a card")
    media: list[Media] = Field(default_factory=list[Media], max_length=20)
    connection_ids: Ids
    due_at: Moment | None = Field(
        default=None, description="null: now, which for some seconds can still be cancelled before anything is sent"
    )
    options: Options = Field(default_factory=dict[str, object], description="For every platform that knows them")
    variants: dict[Platform, Variant] = Field(default_factory=dict[Platform, Variant])

    @property
    def content(self) -> Content:
        """What is published.

        Raises:
            Refusal: if it cannot be stored.
        """
        insist_on_storable([self.options, *(each.options for each in self.variants.values())])
        variants: dict[Platform, posts.Variant] = {
            platform: posts.Variant(
                text=each.text,
                parts=None if each.parts is None else tuple(each.parts),
                media=None if each.media is None else _references(each.media),
                options=each.options,
            )
            for platform, each in self.variants.items()
        }
        return Content(
            text=self.text,
            parts=tuple(self.parts),
            links=tuple(self.links),
            media=_references(self.media),
            options=self.options,
            variants=variants,
        )


def _references(media: Sequence[Media]) -> tuple[MediaReference, ...]:
    return tuple(MediaReference(id=each.id, alt=each.alt) for each in media)


class Validated(Told):
    """What would become of a post."""

    fits: bool = Field(description="Nothing stands in its way on any connection")
    cost_usd: str = Field(description="What the platforms charge for it together", examples=["0.015"])
    connections: list[Fit]


class Post(Told):
    id: UUID
    number: int
    title: str = Field(examples=["P-2287"])
    author_id: UUID = Field(description="The operator it was submitted by")
    submitted_at: datetime
    content: Content
    deliveries: list[Delivery]


class Cancelled(Told):
    stopped: int = Field(description="Deliveries that certainly do not go out; others were on their way or had ended")
    post: Post


Key = Annotated[
    str,
    Header(
        alias="Idempotency-Key", min_length=1, max_length=200, pattern=r"^[!-~]+$",
        description="Yours for this post: asking again under the same key publishes nothing a second time",
        examples=["sourdough-2026-11-23"],
    ),
]  # fmt: skip


@router.post(
    "/validate",
    operation_id="validatePost",
    responses=may_answer("does-not-fit", "no-such-connection", "platform-away"),
)
def validate(call: Publishing, asked: PostRequest) -> Validated:
    """Say what each connection would be sent and what stands in its way. Sends nothing, and makes no post."""
    content = asked.content
    with call.scope() as scope:
        chosen = chosen_of(scope, asked.connection_ids)
        allowed = publishing.allowed(scope, chosen)
    doubts = doubts_of(call, content, chosen, asked.due_at)
    fits = [fit_of(call, content, each, allowed[each.id], doubts[each.id]) for each in chosen]
    cost = sum((Decimal(each.cost_usd) for each in fits), Decimal(0))
    return Validated(fits=all(each.fits for each in fits), cost_usd=str(cost), connections=fits)


@router.post(
    "",
    operation_id="createPost",
    status_code=201,
    responses={
        **may_answer(
            "does-not-fit", "no-such-connection", "time-passed", "too-far-ahead", "key-reused", "platform-away"
        ),
        200: {"model": Post, "description": "It was created before, under this key"},
    },
)
def create(call: Publishing, asked: PostRequest, key: Key, response: Response) -> Post:
    """Make a post final and queue it for each connection; a worker sends it once it is due."""
    token, request_hash = _token_of(key), posts.digest(asked.model_dump(mode="json"))
    with call.scope() as scope:
        known = publishing.repeated(scope, token, request_hash)
        chosen = [] if known else chosen_of(scope, asked.connection_ids)
    post_id = known or _submit(call, asked, token, request_hash, chosen)
    response.status_code = 200 if known else 201
    response.headers["Location"] = f"/api/v1/accounts/{call.account_id}/posts/{post_id}"
    return one(call, post_id)


@router.get("", operation_id="listPosts")
def some(call: Seeing, asked: Annotated[Paging, Query()]) -> Page[Post]:
    """List posts, the latest first."""
    with call.scope() as scope:
        read = history.page(scope, before=asked.before, most=asked.limit + 1)
    last = read[asked.limit - 1] if len(read) > asked.limit else None
    more = cursor_after(last.submitted_at, last.id) if last else None
    return Page[Post](items=[_told(each) for each in read[: asked.limit]], next=more)


@router.get("/{post_id:uuid}", operation_id="getPost")
def one(call: Seeing, post_id: UUID) -> Post:
    """Say what became of a post."""
    with call.scope() as scope:
        return _told(found(history.post(scope, post_id), "post"))


@router.post("/{post_id:uuid}/cancel", operation_id="cancelPost")
def cancel(call: Publishing, post_id: UUID) -> Cancelled:
    """Stop what has not been sent. What is being sent is stopped if it turns out not to have gone out."""
    with call.scope() as scope:
        post = found(history.post(scope, post_id), "post")
        stopped = deliveries.cancel(scope, [each.id for each in post.deliveries])
        return Cancelled(stopped=stopped, post=_told(found(history.post(scope, post_id), "post")))


def _submit(
    call: Call, asked: PostRequest, token: UUID, request_hash: bytes, chosen: list[publishing.Connection]
) -> UUID:
    now, content = datetime.now(UTC), asked.content
    if asked.due_at and asked.due_at > now + FARTHEST:
        raise Refusal("too-far-ahead", f"It is {asked.due_at:%Y-%m-%d}; nothing was stored.")
    if asked.due_at and asked.due_at <= now:
        raise publishing.TimePassed("This time has passed. Nothing was stored.")
    # Platforms, linked pages and pictures are asked outside of any transaction, and before anything is stored.
    frozen = rendered(call, content, chosen)
    settings = call.here.settings
    with call.scope() as scope:
        submitted = publishing.submit(
            scope,
            content,
            frozen,
            chosen,
            submit_token=token,
            due_at=asked.due_at,
            undo=settings.undo,
            late_window=settings.late_window,
            now=now,
            request_hash=request_hash,
        )
    return submitted.post_id


def _token_of(key: str) -> UUID:
    """The submit token that a key stands for: whoever submits twice under one submits once."""
    return UUID(bytes=hashlib.sha256(b"Idempotency-Key\0" + key.encode()).digest()[:16])


def _told(post: SubmittedPost) -> Post:
    return Post(
        id=post.id,
        number=post.number,
        title=post.title,
        author_id=post.author_id,
        submitted_at=post.submitted_at,
        content=post.content,
        deliveries=[delivered.told(each) for each in post.deliveries],
    )
