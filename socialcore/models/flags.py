"""Feature flags and holds: reasons not to send."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, ForeignKeyConstraint, Identity, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from socialcore.models.base import Base, Key, Now


class FlagsVersion(Base):
    __tablename__ = "flags_version"

    only_row: Mapped[bool] = mapped_column(primary_key=True, server_default=text("true"))
    version: Mapped[int] = mapped_column(BigInteger)


class Feature(Base):
    __tablename__ = "features"

    name: Mapped[str] = mapped_column(primary_key=True)
    gates: Mapped[str]
    percentage: Mapped[int] = mapped_column(server_default=text("0"))
    salt: Mapped[str]
    requires: Mapped[str | None] = mapped_column(ForeignKey("features.name"))
    owner: Mapped[str] = mapped_column(server_default="")
    notes: Mapped[str] = mapped_column(server_default="")
    version: Mapped[int] = mapped_column(BigInteger, server_default=text("1"))
    created_at: Mapped[Now]
    updated_at: Mapped[Now]


class AccountFeature(Base):
    __tablename__ = "account_features"
    __table_args__ = (
        UniqueConstraint("feature_name", "account_id", postgresql_nulls_not_distinct=True),
        Index("account_features_account_id", "account_id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    feature_name: Mapped[str] = mapped_column(ForeignKey("features.name"))
    account_id: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.id"))
    enabled: Mapped[bool]
    updated_at: Mapped[Now]


class Hold(Base):
    __tablename__ = "holds"
    __table_args__ = (
        ForeignKeyConstraint(["account_id", "connection_id"], ["connections.account_id", "connections.id"]),
        Index("holds_placed", "kind", postgresql_where=text("lifted_at is null")),
        Index("holds_account", "account_id", "connection_id"),
    )

    id: Mapped[Key]
    kind: Mapped[str]
    platform: Mapped[str | None]
    account_id: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.id"))
    connection_id: Mapped[UUID | None]
    reason: Mapped[str]
    placed_by: Mapped[UUID | None] = mapped_column(ForeignKey("operators.id"))
    placed_at: Mapped[Now]
    lifted_at: Mapped[datetime | None]
    lifted_by: Mapped[UUID | None] = mapped_column(ForeignKey("operators.id"))
