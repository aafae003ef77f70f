"""The tables, typed. The migrations make them; `alembic check` keeps these in step.

What a model does not say (policies, triggers, grants) stands in `migrations/versions` and is
compared with a snapshot by `tests/socialcore/test_schema.py`.
"""

from socialcore.models.base import Base
from socialcore.models.connections import Clock, Connection, Departure, Duty, Grant, Lane, Spending, Worker
from socialcore.models.flags import AccountFeature, Feature, FlagsVersion, Hold
from socialcore.models.media import Media, MediaChunk, MediaFit
from socialcore.models.people import Account, ApiToken, Membership, Operator, SignIn
from socialcore.models.publishing import Attempt, Delivery, Draft, Post, Slot
from socialcore.models.records import AuditEntry, Event

__all__ = [
    "Account",
    "AccountFeature",
    "ApiToken",
    "Attempt",
    "AuditEntry",
    "Base",
    "Clock",
    "Connection",
    "Delivery",
    "Departure",
    "Draft",
    "Duty",
    "Event",
    "Feature",
    "FlagsVersion",
    "Grant",
    "Hold",
    "Lane",
    "Media",
    "MediaChunk",
    "MediaFit",
    "Membership",
    "Operator",
    "Post",
    "SignIn",
    "Slot",
    "Spending",
    "Worker",
]
