"""An account's authorised ways to platforms, the sign-ins that open them, and the workers that use them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Computed,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from socialcore.models.base import Base, Key, Now


class Worker(Base):
    __tablename__ = "workers"

    no: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    name: Mapped[str]
    version: Mapped[str]
    concurrency: Mapped[int]
    pulse_pid: Mapped[int]
    started_at: Mapped[Now]
    beat_at: Mapped[Now]
    stopped_at: Mapped[datetime | None]


class Grant(Base):
    __tablename__ = "grants"
    __table_args__ = (UniqueConstraint("account_id", "platform", "service", "subject"),)

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    id: Mapped[Key]
    platform: Mapped[str]
    service: Mapped[str]
    subject: Mapped[str]
    sealed: Mapped[bytes]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    refreshing_until: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    reconnect_since: Mapped[datetime | None]
    reconnect_because: Mapped[str | None]
    created_at: Mapped[Now]
    ends_at: Mapped[datetime | None]
    permissions: Mapped[list[str] | None]
    targets: Mapped[list[dict[str, Any]]] = mapped_column(server_default=text("'[]'::jsonb"))
    warned_days: Mapped[int | None]
    reconnected_from: Mapped[datetime | None]


class Departure(Base):
    __tablename__ = "departures"
    __table_args__ = (
        UniqueConstraint("account_id", "state_hash"),
        ForeignKeyConstraint(["account_id", "connection_id"], ["connections.account_id", "connections.id"]),
        ForeignKeyConstraint(["account_id", "grant_id"], ["grants.account_id", "grants.id"]),
        Index("departures_operator_id", "account_id", "operator_id"),
    )

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    id: Mapped[Key]
    operator_id: Mapped[UUID] = mapped_column(ForeignKey("operators.id"))
    platform: Mapped[str]
    connection_id: Mapped[UUID | None]
    state_hash: Mapped[bytes]
    sealed: Mapped[bytes | None]
    started_at: Mapped[Now]
    expires_at: Mapped[datetime]
    returned_at: Mapped[datetime | None]
    grant_id: Mapped[UUID | None]
    outcome: Mapped[str | None]


class Connection(Base):
    __tablename__ = "connections"
    __table_args__ = (
        UniqueConstraint("account_id", "platform", "target_id"),
        ForeignKeyConstraint(["account_id", "grant_id"], ["grants.account_id", "grants.id"]),
        Index("connections_grant_id", "account_id", "grant_id"),
    )

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    id: Mapped[Key]
    grant_id: Mapped[UUID]
    platform: Mapped[str]
    target_id: Mapped[str]
    name: Mapped[str]
    connected_by: Mapped[UUID | None] = mapped_column(ForeignKey("operators.id"))
    connected_at: Mapped[Now]
    checked_at: Mapped[datetime | None]
    check_failure: Mapped[str | None]
    disconnected_at: Mapped[datetime | None]
    detail: Mapped[str] = mapped_column(server_default=text("''"))
    named_by_us: Mapped[bool] = mapped_column(server_default=text("false"))
    health: Mapped[str | None]
    check_ms: Mapped[int | None]


class Lane(Base):
    __tablename__ = "lanes"
    __table_args__ = (
        UniqueConstraint("account_id", "connection_id"),
        ForeignKeyConstraint(
            ["account_id", "connection_id"], ["connections.account_id", "connections.id"], ondelete="CASCADE"
        ),
        ForeignKeyConstraint(["account_id", "grant_id"], ["grants.account_id", "grants.id"]),
        Index(
            "lanes_ready_of_platform",
            "platform",
            "ready_at",
            postgresql_where=text("owner is null and ready_at < 'infinity'"),
        ),
        Index("lanes_owner", "owner", postgresql_where=text("owner is not null")),
        Index("lanes_grant", "account_id", "grant_id"),
        Index("lanes_check", "check_at", postgresql_where=text("check_at < 'infinity'")),
    )

    connection_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID]
    grant_id: Mapped[UUID]
    platform: Mapped[str]
    due_at: Mapped[datetime] = mapped_column(server_default=text("'infinity'"))
    not_before: Mapped[datetime] = mapped_column(server_default=text("'-infinity'"))
    ready_at: Mapped[datetime] = mapped_column(Computed(func.greatest(text("due_at"), text("not_before"))))
    owner: Mapped[int | None] = mapped_column(ForeignKey("workers.no"))
    claim_no: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    check_at: Mapped[datetime] = mapped_column(server_default=text("'infinity'"))


class Duty(Base):
    __tablename__ = "duties"
    __table_args__ = (
        ForeignKeyConstraint(["account_id", "connection_id"], ["connections.account_id", "connections.id"]),
        Index("duties_due", "due_at", postgresql_where=text("done_at is null")),
        Index("duties_connection", "account_id", "connection_id"),
        ForeignKeyConstraint(["account_id", "delivery_id"], ["deliveries.account_id", "deliveries.id"]),
        Index("duties_delivery", "account_id", "delivery_id", postgresql_where=text("delivery_id is not null")),
        ForeignKeyConstraint(["account_id", "grant_id"], ["grants.account_id", "grants.id"]),
        Index("duties_grant", "account_id", "grant_id", postgresql_where=text("grant_id is not null")),
    )

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    id: Mapped[Key]
    kind: Mapped[str]
    connection_id: Mapped[UUID | None]
    asked_by: Mapped[UUID | None] = mapped_column(ForeignKey("operators.id"))
    asked_at: Mapped[Now]
    due_at: Mapped[Now]
    done_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
    delivery_id: Mapped[UUID | None]
    remote_id: Mapped[str | None]
    url: Mapped[str | None]
    found: Mapped[list[dict[str, Any]] | None]
    grant_id: Mapped[UUID | None]
    platform: Mapped[str | None]


class Clock(Base):
    __tablename__ = "clock"

    only_row: Mapped[bool] = mapped_column(primary_key=True, server_default=text("true"))
    jumped_at: Mapped[datetime] = mapped_column(server_default=text("'-infinity'"))


class Spending(Base):
    __tablename__ = "spendings"

    payer: Mapped[str] = mapped_column(primary_key=True)
    window_seconds: Mapped[int] = mapped_column(primary_key=True)
    slot: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    spent: Mapped[int]
