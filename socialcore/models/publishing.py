"""From a draft to what became public."""

from datetime import datetime, time
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    SmallInteger,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from socialcore.models.base import Base, Key, Now


class Draft(Base):
    __tablename__ = "drafts"
    __table_args__ = (UniqueConstraint("account_id", "operator_id", "name", postgresql_nulls_not_distinct=True),)

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    id: Mapped[Key]
    operator_id: Mapped[UUID] = mapped_column(ForeignKey("operators.id"))
    name: Mapped[str | None]
    content: Mapped[dict[str, Any]]
    connection_ids: Mapped[list[UUID]] = mapped_column(server_default="{}")
    submit_token: Mapped[UUID] = mapped_column(server_default=func.gen_random_uuid())
    revision: Mapped[int] = mapped_column(server_default=text("1"))
    updated_at: Mapped[Now]
    opened_at: Mapped[Now]
    saves: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    removed: Mapped[int] = mapped_column(server_default=text("0"))


class DraftVersion(Base):
    __tablename__ = "draft_versions"
    __table_args__ = (
        ForeignKeyConstraint(["account_id", "draft_id"], ["drafts.account_id", "drafts.id"], ondelete="CASCADE"),
        Index("draft_versions_of_draft", "account_id", "draft_id", text("n DESC")),
    )

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    n: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    draft_id: Mapped[UUID]
    operator_id: Mapped[UUID] = mapped_column(ForeignKey("operators.id"))
    content: Mapped[dict[str, Any]]
    connection_ids: Mapped[list[UUID]] = mapped_column(server_default="{}")
    why: Mapped[str]
    saved_at: Mapped[Now]


class HashtagGroup(Base):
    __tablename__ = "hashtag_groups"
    __table_args__ = (UniqueConstraint("account_id", "name"),)

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    id: Mapped[Key]
    name: Mapped[str]
    tags: Mapped[list[str]]
    changed_at: Mapped[Now]


class Post(Base):
    __tablename__ = "posts"
    __table_args__ = (
        UniqueConstraint("number"),
        UniqueConstraint("account_id", "submit_token"),
        Index("posts_submitted", "account_id", text("submitted_at DESC")),
    )

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    id: Mapped[Key]
    number: Mapped[int] = mapped_column(BigInteger, Identity(always=True))
    submit_token: Mapped[UUID]
    author_id: Mapped[UUID] = mapped_column(ForeignKey("operators.id"))
    content: Mapped[dict[str, Any]]
    content_hash: Mapped[bytes]
    submitted_at: Mapped[Now]
    request_hash: Mapped[bytes | None]


class Delivery(Base):
    __tablename__ = "deliveries"
    __table_args__ = (
        ForeignKeyConstraint(["account_id", "post_id"], ["posts.account_id", "posts.id"]),
        ForeignKeyConstraint(["account_id", "connection_id"], ["connections.account_id", "connections.id"]),
        ForeignKeyConstraint(["account_id", "follows"], ["deliveries.account_id", "deliveries.id"]),
        UniqueConstraint("account_id", "post_id", "connection_id", "part"),
        UniqueConstraint("account_id", "connection_id", "remote_id"),
        Index("deliveries_changed", "account_id", text("changed_at DESC"), text("id DESC")),
        Index(
            "deliveries_ended",
            "account_id",
            "connection_id",
            text("changed_at DESC"),
            text("id DESC"),
            postgresql_where=text("state in ('confirmed', 'failed', 'missed', 'needs_review')"),
        ),
        Index(
            "deliveries_in_flight",
            "account_id",
            "connection_id",
            "text_hash",
            unique=True,
            postgresql_where=text("state in ('sending', 'ambiguous', 'needs_review')"),
        ),
        Index(
            "deliveries_waiting",
            "account_id",
            "connection_id",
            "next_at",
            postgresql_where=text("state in ('queued', 'ambiguous', 'accepted')"),
        ),
        Index(
            "deliveries_open",
            "account_id",
            "state",
            postgresql_where=text("state not in ('confirmed', 'cancelled')"),
        ),
        Index("deliveries_of_connection", "account_id", "connection_id", "due_at"),
        Index("deliveries_due", "account_id", "due_at"),
        Index("deliveries_withdrawn", "account_id", postgresql_where=text("withdrawn_at is not null")),
        Index("deliveries_mismatch", "account_id", postgresql_where=text("read_back = 'mismatch'")),
        Index("deliveries_follows", "account_id", "follows", postgresql_where=text("follows is not null")),
    )

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    id: Mapped[Key]
    post_id: Mapped[UUID]
    connection_id: Mapped[UUID]
    part: Mapped[int] = mapped_column(server_default=text("1"))
    follows: Mapped[UUID | None]
    state: Mapped[str] = mapped_column(server_default="queued")
    priority: Mapped[int] = mapped_column(SmallInteger)
    due_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    next_at: Mapped[datetime]
    attempt: Mapped[int] = mapped_column(server_default=text("0"))
    rendered: Mapped[dict[str, Any]]
    text_hash: Mapped[bytes]
    record_key: Mapped[str | None]
    wire_at: Mapped[datetime | None]
    wire: Mapped[dict[str, Any] | None]
    misses: Mapped[int] = mapped_column(server_default=text("0"))
    looks: Mapped[int] = mapped_column(server_default=text("0"))
    remote_id: Mapped[str | None]
    url: Mapped[str | None]
    read_back: Mapped[str | None]
    read_back_at: Mapped[datetime | None]
    cancel_at: Mapped[datetime | None]
    held_because: Mapped[str | None]
    withdrawn_at: Mapped[datetime | None]
    failure_kind: Mapped[str | None]
    failure: Mapped[str | None]
    changed_at: Mapped[Now]
    withdraw_at: Mapped[datetime | None]
    withdraw_by: Mapped[UUID | None] = mapped_column(ForeignKey("operators.id"))
    withdraw_reason: Mapped[str | None]


class Edit(Base):
    __tablename__ = "edits"
    __table_args__ = (
        ForeignKeyConstraint(["account_id", "delivery_id"], ["deliveries.account_id", "deliveries.id"]),
        Index("edits_open", "account_id", "delivery_id", unique=True, postgresql_where=text("done_at is null")),
    )

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    delivery_id: Mapped[UUID] = mapped_column(primary_key=True)
    n: Mapped[int] = mapped_column(primary_key=True)
    rendered: Mapped[dict[str, Any]]
    wire: Mapped[dict[str, Any]]
    asked_by: Mapped[UUID | None] = mapped_column(ForeignKey("operators.id"))
    asked_at: Mapped[Now]
    done_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
    says: Mapped[str | None]


class Telling(Base):
    __tablename__ = "tellings"
    __table_args__ = (
        ForeignKeyConstraint(["account_id", "delivery_id"], ["deliveries.account_id", "deliveries.id"]),
        UniqueConstraint("account_id", "delivery_id", "episode"),
        Index("tellings_operator_id", "operator_id", text("told_at DESC")),
        Index("tellings_team", "team_due_at", postgresql_where=text("team_done_at is null")),
        Index("tellings_claimed", "team_claimed_at", postgresql_where=text("team_claimed_at is not null")),
    )

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    id: Mapped[Key]
    delivery_id: Mapped[UUID]
    episode: Mapped[int]
    kind: Mapped[str]
    operator_id: Mapped[UUID] = mapped_column(ForeignKey("operators.id"))
    told_at: Mapped[Now]
    read_at: Mapped[datetime | None]
    team_due_at: Mapped[datetime] = mapped_column(server_default=text("now() + interval '5 seconds'"))
    team_claimed_at: Mapped[datetime | None]
    team_tries: Mapped[int] = mapped_column(server_default=text("0"))
    team_done_at: Mapped[datetime | None]
    team_outcome: Mapped[str | None]


class Attempt(Base):
    __tablename__ = "attempts"
    __table_args__ = (
        ForeignKeyConstraint(["account_id", "delivery_id"], ["deliveries.account_id", "deliveries.id"]),
        Index("attempts_worker", "worker", postgresql_where=text("outcome is null")),
    )

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    delivery_id: Mapped[UUID] = mapped_column(primary_key=True)
    n: Mapped[int] = mapped_column(primary_key=True)
    worker: Mapped[int] = mapped_column(ForeignKey("workers.no"))
    claim_no: Mapped[int] = mapped_column(BigInteger)
    grant_version: Mapped[int]
    flags_version: Mapped[int] = mapped_column(BigInteger)
    started_at: Mapped[Now]
    deadline_at: Mapped[datetime]
    outcome: Mapped[str | None]
    failure_kind: Mapped[str | None]
    failure: Mapped[str | None]
    remote_id: Mapped[str | None]
    ended_at: Mapped[datetime | None]


class Slot(Base):
    __tablename__ = "slots"

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    weekday: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    at: Mapped[time] = mapped_column(primary_key=True)
