"""What became of posts, connection by connection."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from api.v1.call import Seeing
from api.v1.wire import Moment, Page, Paging, Told, cursor_after, found
from socialcore import deliveries
from socialcore.deliveries import Shown, State
from socialcore.posts import Platform

router = APIRouter(prefix="/accounts/{account_id}/deliveries", tags=["deliveries"])


class Receipt(Told):
    """Proof that the platform has the post."""

    remote_id: str = Field(description="The platform's own id")
    url: str | None
    read_back: Literal["match", "mismatch", "unavailable"] | None = Field(
        description="What it shows, next to what was sent; null: not read yet"
    )
    read_back_at: datetime | None


class Failure(Told):
    kind: str = Field(description="Named by what we do next, or GivenUp", examples=["ContentRejected"])
    says: str


class Delivery(Told):
    id: UUID
    post_id: UUID
    connection_id: UUID
    platform: Platform
    target: str = Field(description="The connection's name")
    part: int = Field(description="Of a thread that goes out part by part; 1 otherwise")
    state: State
    shown: Shown = Field(description="The state as people see it, told apart by why it lasts")
    due_at: datetime
    expires_at: datetime = Field(description="Later than this it is missed, never sent late in silence")
    changed_at: datetime = Field(description="When the state last changed")
    attempts_made: int
    held_because: str | None
    stop_asked_at: datetime | None
    failure: Failure | None = Field(description="Of the last attempt")
    receipt: Receipt | None


class Attempt(Told):
    n: int
    worker: int
    started_at: datetime
    ended_at: datetime | None
    outcome: str | None = Field(description="null: it is under way")
    failure_kind: str | None
    failure: str | None


class DeliveryInFull(Delivery):
    attempts: list[Attempt]


class Filter(Paging):
    state: State | None = None
    since: Moment | None = Field(default=None, description="Only those whose state changed then or later")


@router.get("", operation_id="listDeliveries")
def some(call: Seeing, asked: Annotated[Filter, Query()]) -> Page[Delivery]:
    """List deliveries, the one whose state changed last first."""
    with call.scope() as scope:
        read = deliveries.page(scope, state=asked.state, since=asked.since, before=asked.before, most=asked.limit + 1)
    more = cursor_after(read[asked.limit - 1].changed_at, read[asked.limit - 1].id) if len(read) > asked.limit else None
    return Page[Delivery](items=[told(each) for each in read[: asked.limit]], next=more)


@router.get("/{delivery_id}", operation_id="getDelivery")
def one(call: Seeing, delivery_id: UUID) -> DeliveryInFull:
    """Say what became of one delivery, attempt by attempt."""
    with call.scope() as scope:
        delivery = found(deliveries.one(scope, delivery_id), "delivery")
        attempts = deliveries.attempts(scope, delivery_id)
    made = [Attempt.model_validate(each) for each in attempts]
    return DeliveryInFull(**told(delivery).model_dump(), attempts=made)


def told(delivery: deliveries.Delivery) -> Delivery:
    receipt = Receipt.model_validate(delivery) if delivery.remote_id else None
    kind, says = delivery.failure_kind, delivery.failure
    return Delivery(
        id=delivery.id,
        post_id=delivery.post_id,
        connection_id=delivery.connection_id,
        platform=delivery.platform,
        target=delivery.target,
        part=delivery.part,
        state=delivery.state,
        shown=delivery.shown,
        due_at=delivery.due_at,
        expires_at=delivery.expires_at,
        changed_at=delivery.changed_at,
        attempts_made=delivery.attempt,
        held_because=delivery.why_held,
        stop_asked_at=delivery.cancel_at,
        failure=Failure(kind=kind, says=says or "") if kind else None,
        receipt=receipt,
    )
