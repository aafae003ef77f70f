"""What the API says a person would be warned of: it stands in nobody's way, and tells nothing of other accounts."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from socialcore import accounts
from socialcore.accounts import Account
from tests.api_client import Api
from tests.conftest import Business

RYE = "Fresh rye and cardamom rolls from eight on Saturday."


@pytest.fixture
def second(bakery: Business, migrated) -> Account:
    """Another account of the same operator."""
    with migrated.administration() as scope:
        account = accounts.add(scope, f"Cedar & Pine {uuid4().hex[:8]}", time_zone="UTC")
        scope.run(
            "insert into memberships (operator_id, account_id) values (:operator_id, :account_id)",
            {"operator_id": bakery.operator_id, "account_id": account.id},
        )
    return account


def validated(api: Api, connection_id: UUID, text: str, **other: Any) -> tuple[bool, list[dict[str, Any]]]:
    answer = api.post("/posts/validate", {"text": text, "connection_ids": [str(connection_id)], **other})
    assert answer.status_code == 200, answer.text
    return answer.json()["fits"], answer.json()["connections"][0]["problems"]


def test_that_another_account_is_named_is_a_warning(calling: Callable[..., Api], bakery: Business, second: Account):
    api = calling(bakery, accounts=[bakery.account_id, second.id])
    connection_id = bakery.connect().id

    fits, problems = validated(api, connection_id, f"Tulips at {second.name}")

    assert fits
    (found,) = problems
    assert (found["title"], found["severity"]) == (f"The text names {second.name}", "warning")
    assert api.publish([connection_id], f"Tulips at {second.name}").status_code == 201


def test_a_token_learns_nothing_of_accounts_it_is_not_for(api: Api, bakery: Business, second: Account):
    assert validated(api, bakery.connect().id, f"Tulips at {second.name}") == (True, [])


def test_what_was_said_before_and_goes_out_now_is_a_warning(api: Api, bakery: Business):
    connection_id = bakery.connect().id
    number = api.publish([connection_id], RYE).json()["number"]

    fits, problems = validated(api, connection_id, RYE)
    assert fits
    assert [each["severity"] for each in problems] == ["warning", "warning"]
    assert problems[0]["title"] == f"P-{number} says the same there"
    assert problems[1]["title"].startswith(f"P-{number} goes out there")

    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    assert validated(api, connection_id, "Closed because of the holiday", due_at=tomorrow) == (True, [])


@pytest.mark.parametrize("due_at", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_any_moment_can_be_asked_about(api: Api, bakery: Business, due_at: str):
    connection_id = bakery.connect().id
    api.publish([connection_id], RYE)

    assert validated(api, connection_id, RYE, due_at=due_at) == (True, [])
