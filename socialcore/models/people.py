"""Accounts, and the operators who act for them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from socialcore.models.base import Base, Key, Now


class Account(Base):
    __tablename__ = "accounts"

    id: Mapped[Key]
    name: Mapped[str] = mapped_column(unique=True)
    colour: Mapped[str]
    time_zone: Mapped[str]
    plan: Mapped[str] = mapped_column(server_default="basic")
    created_at: Mapped[Now]
    website: Mapped[str | None]
    brand_names: Mapped[list[str]] = mapped_column(server_default=text("'{}'::text[]"))


class Operator(Base):
    __tablename__ = "operators"
    __table_args__ = (UniqueConstraint("issuer", "subject"),)

    id: Mapped[Key]
    name: Mapped[str]
    email: Mapped[str] = mapped_column(unique=True)
    issuer: Mapped[str | None]
    subject: Mapped[str | None]
    roles: Mapped[list[str]]
    every_account: Mapped[bool] = mapped_column(server_default=text("false"))
    active: Mapped[bool] = mapped_column(server_default=text("true"))
    created_at: Mapped[Now]


class Membership(Base):
    __tablename__ = "memberships"
    __table_args__ = (Index("memberships_account_id", "account_id"),)

    operator_id: Mapped[UUID] = mapped_column(ForeignKey("operators.id"), primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    created_at: Mapped[Now]


class SignIn(Base):
    __tablename__ = "sign_ins"
    __table_args__ = (Index("sign_ins_operator_id", "operator_id"),)

    token_hash: Mapped[bytes] = mapped_column(primary_key=True)
    operator_id: Mapped[UUID] = mapped_column(ForeignKey("operators.id"))
    started_at: Mapped[Now]
    seen_at: Mapped[Now]
    ended_at: Mapped[datetime | None]


class ApiToken(Base):
    __tablename__ = "api_tokens"
    __table_args__ = (UniqueConstraint("token_hash"), Index("api_tokens_operator_id", "operator_id"))

    id: Mapped[Key]
    token_hash: Mapped[bytes]
    name: Mapped[str]
    operator_id: Mapped[UUID] = mapped_column(ForeignKey("operators.id"))
    account_ids: Mapped[list[UUID]]
    capabilities: Mapped[list[str]]
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("operators.id"))
    created_at: Mapped[Now]
    expires_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    minute: Mapped[datetime | None]
    calls: Mapped[int] = mapped_column(server_default=text("0"))
    revoked_at: Mapped[datetime | None]
