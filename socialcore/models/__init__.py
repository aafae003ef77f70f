"""The tables, typed. The migrations make them; `alembic check` keeps these in step.

What a model does not say (policies, triggers, grants) stands in `migrations/versions` and is
compared with a snapshot by `tests/socialcore/test_schema.py`.
"""

from socialcore.models.base import Base
from socialcore.models.connections import Clock, Connection, Departure, Duty, Grant, Lane, Spending, Worker
from socialcore.models.flags import AccountFeature, Feature, FlagsVersion, Hold
from socialcore.models.media import Media, MediaChunk, MediaCrop, MediaFit
from socialcore.models.people import Account, ApiToken, Membership, Operator, SignIn
from socialcore.models.publishing import Attempt, Delivery, Draft, DraftVersion, Edit, HashtagGroup, Post, Slot, Telling
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
    "DraftVersion",
    "Duty",
    "Edit",
    "Event",
    "Feature",
    "FlagsVersion",
    "Grant",
    "HashtagGroup",
    "Hold",
    "Lane",
    "Media",
    "MediaChunk",
    "MediaCrop",
    "MediaFit",
    "Membership",
    "Operator",
    "Post",
    "SignIn",
    "Slot",
    "Spending",
    "Telling",
    "Worker",
]
