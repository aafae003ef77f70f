"""Pictures and videos, by the hash of their bytes."""

from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, ForeignKeyConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from socialcore.models.base import Base, Now


class Media(Base):
    __tablename__ = "media"

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    media_type: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)
    width: Mapped[int]
    height: Mapped[int]
    seconds: Mapped[float | None]
    stored_by: Mapped[UUID | None] = mapped_column(ForeignKey("operators.id"))
    stored_at: Mapped[Now]


class MediaChunk(Base):
    __tablename__ = "media_chunks"
    __table_args__ = (ForeignKeyConstraint(["account_id", "id"], ["media.account_id", "media.id"]),)

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    n: Mapped[int] = mapped_column(primary_key=True)
    data: Mapped[bytes]


class MediaFit(Base):
    __tablename__ = "media_fits"
    __table_args__ = (
        ForeignKeyConstraint(["account_id", "original_id"], ["media.account_id", "media.id"]),
        ForeignKeyConstraint(["account_id", "fitted_id"], ["media.account_id", "media.id"]),
        Index("media_fits_fitted_id", "account_id", "fitted_id"),
    )

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    original_id: Mapped[str] = mapped_column(primary_key=True)
    limits: Mapped[str] = mapped_column(primary_key=True)
    fitted_id: Mapped[str]


class MediaCrop(Base):
    __tablename__ = "media_crops"
    __table_args__ = (
        ForeignKeyConstraint(["account_id", "original_id"], ["media.account_id", "media.id"]),
        ForeignKeyConstraint(["account_id", "cropped_id"], ["media.account_id", "media.id"]),
        Index("media_crops_cropped_id", "account_id", "cropped_id"),
    )

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    original_id: Mapped[str] = mapped_column(primary_key=True)
    x: Mapped[int] = mapped_column(primary_key=True)
    y: Mapped[int] = mapped_column(primary_key=True)
    width: Mapped[int] = mapped_column(primary_key=True)
    height: Mapped[int] = mapped_column(primary_key=True)
    cropped_id: Mapped[str]
