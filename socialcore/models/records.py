"""What happened: events for measuring, and the audit log for answering."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Identity, Index
from sqlalchemy.orm import Mapped, mapped_column

from socialcore.models.base import Base, EmptyObject, Now


class Event(Base):
    __tablename__ = "events"
    __table_args__ = (Index("events_name", "name", "at"), Index("events_account_id", "account_id", "at"))

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[Now]
    name: Mapped[str]
    account_id: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.id"))
    operator_id: Mapped[UUID | None] = mapped_column(ForeignKey("operators.id"))
    detail: Mapped[EmptyObject]


class AuditEntry(Base):
    __tablename__ = "audit_log"
    __table_args__ = (Index("audit_log_account_id", "account_id", "seq"), Index("audit_log_action", "action", "seq"))

    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    actor: Mapped[str]
    account_id: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.id"))
    action: Mapped[str]
    detail: Mapped[dict[str, Any]]
    previous: Mapped[bytes]
    hash: Mapped[bytes]
