"""What every table has in common: names of constraints as Postgres gives them, and column types."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from sqlalchemy import DateTime, MetaData, Text, Uuid, func, text
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA, JSONB
from sqlalchemy.orm import DeclarativeBase, mapped_column

Key = Annotated[UUID, mapped_column(primary_key=True, server_default=func.gen_random_uuid())]
Now = Annotated[datetime, mapped_column(server_default=func.now())]
EmptyObject = Annotated[dict[str, Any], mapped_column(server_default=text("'{}'::jsonb"))]


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "uq": "%(table_name)s_%(column_0_N_name)s_key",
            "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
            "pk": "%(table_name)s_pkey",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy declares it so
        str: Text,
        bytes: BYTEA,
        datetime: DateTime(timezone=True),
        UUID: Uuid(),
        dict[str, Any]: JSONB,
        list[dict[str, Any]]: JSONB,
        list[str]: ARRAY(Text),
        list[UUID]: ARRAY(Uuid()),
    }
