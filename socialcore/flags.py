"""Is a feature on for this account, and why?

The row of `account_features` without an account is the switch: while it is off, the feature is on for
nobody. So the customer's rollback statement, which turns every row off, reaches accounts that are on
by row, on by percentage, and created later.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal
from uuid import UUID

import mmh3

from socialcore.database import ReadScope
from socialcore.posts import Platform


class Flag(StrEnum):
    COMPOSER = "feature_social_composer"
    BLUESKY = "feature_bluesky_posting"
    TWITTER = "feature_twitter_posting"
    SLACK = "feature_slack_posting"


# Google Business carries no flag: nothing here may stop it.
OF_PLATFORM: Mapping[Platform, Flag] = {
    "bluesky": Flag.BLUESKY,
    "twitter": Flag.TWITTER,
    "slack": Flag.SLACK,
}

Reason = Literal["UNKNOWN", "DISABLED", "PREREQUISITE", "TARGETING_MATCH", "SPLIT", "DEFAULT"]


@dataclass(frozen=True, slots=True)
class Feature:
    name: str
    percentage: int
    salt: str
    requires: str | None
    switch: bool | None  # None: no row, which counts as off
    enabled: bool | None  # this account's own row; None: it has none


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The words of OpenFeature for why, and a sentence for people."""

    on: bool
    reason: Reason
    because: str


def bucket(salt: str, account_id: UUID) -> int:
    """The account's place from 1 to 100, equal to Unleash's; raising a percentage only adds accounts."""
    return mmh3.hash(f"{salt}:{account_id}", signed=False) % 100 + 1


def evaluate(features: Mapping[str, Feature], name: str, account_id: UUID) -> Evaluation:
    """Decide whether a feature is on for an account. Pure."""
    feature = features.get(name)
    if feature is None:
        return Evaluation(False, "UNKNOWN", "this flag does not exist")
    if not feature.switch:
        return Evaluation(False, "DISABLED", "the flag is off for everybody")
    others = {key: each for key, each in features.items() if key != name}  # flags that require each other are off
    if feature.requires and not (required := evaluate(others, feature.requires, account_id)).on:
        return Evaluation(False, "PREREQUISITE", f"it needs {feature.requires}, and {required.because}")
    if feature.enabled is not None:
        state = "on" if feature.enabled else "off"
        return Evaluation(feature.enabled, "TARGETING_MATCH", f"it is {state} for this account")
    place = bucket(feature.salt, account_id)
    if place <= feature.percentage:
        return Evaluation(True, "SPLIT", f"in {feature.percentage} %, bucket {place}")
    return Evaluation(False, "DEFAULT", f"not in {feature.percentage} %, bucket {place}")


def of_account(scope: ReadScope, account_id: UUID) -> dict[str, Feature]:
    """Read every flag with its switch and this account's own row."""
    found = scope.all(
        Feature,
        "select f.name, f.percentage, f.salt, f.requires, s.enabled as switch, a.enabled"
        " from features f"
        " left join account_features s on s.feature_name = f.name and s.account_id is null"
        " left join account_features a on a.feature_name = f.name and a.account_id = :account_id",
        {"account_id": account_id},
    )
    return {feature.name: feature for feature in found}


def may_publish(features: Mapping[str, Feature], platform: Platform, account_id: UUID) -> Evaluation:
    """Is posting to this platform on for the account?"""
    flag = OF_PLATFORM.get(platform)
    if flag is None:
        return Evaluation(True, "DEFAULT", "this platform carries no flag")
    return evaluate(features, flag, account_id)
