"""Tokens reach no further than their operator, nobody makes or sees more than they may, and the hash is all we keep."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
import sqlalchemy.exc

from socialcore import operators, tokens
from socialcore.database import Database, NotYourAccount, operator_scope, portfolio_scope, system_scope
from socialcore.operators import Capability, NotAllowed, Operator
from socialcore.tokens import BadToken
from tests.api_client import token_for
from tests.conftest import Business, make_business

DAY = timedelta(days=1)


@pytest.fixture
def admin(migrated, app, vault) -> Business:
    return make_business(migrated, app, vault, roles=("admin",))


def operator_of(business: Business) -> Operator:
    with business.installation.administration() as scope:
        return next(each for each in operators.everybody(scope) if each.id == business.operator_id)


def made(business: Business, name: str = "Menu", **other: Any) -> str:
    """Make a token as its operator does on the page."""
    given = {"account_ids": [business.account_id], "capabilities": [Capability.SEE], "lasts": DAY}
    with operator_scope(business.app, business.operator_id) as scope:
        return tokens.create(scope, operator_of(business), name, **(given | other))


def listed(business: Business) -> list[tokens.Token]:
    with portfolio_scope(business.app, business.operator_id) as scope:
        return tokens.visible(scope)


class TestMaking:
    def test_gives_a_token_that_opens_what_was_chosen(self, bakery: Business, app: Database):
        token = made(bakery, name="  Menu of the day ")

        caller = tokens.known(app, token)

        assert caller
        assert caller.token_name == "Menu of the day"
        assert caller.account_ids == {bakery.account_id}
        assert caller.operator.may(Capability.SEE)
        assert not caller.operator.may(Capability.PUBLISH)
        with pytest.raises(NotAllowed, match="This token does not include: publish"):
            caller.operator.require(Capability.PUBLISH)
        with tokens.scope_of(app, caller, bakery.account_id) as scope:
            assert scope.account_id == bakery.account_id

    def test_looks_like_one_and_never_the_same(self, bakery: Business):
        first, second = made(bakery), made(bakery)

        assert first != second
        assert tokens.LOOKS_LIKE.fullmatch(first)

    @pytest.mark.parametrize(
        ("other", "says"),
        [
            ({"name": " "}, "needs a name"),
            ({"name": "x" * 81}, "at most 80"),
            ({"name": "a\0b"}, "needs a name"),
            ({"account_ids": []}, "at least one account"),
            ({"capabilities": []}, "at least one thing"),
            ({"capabilities": [Capability.SEE, Capability.RELEASE]}, "may not release"),
            ({"lasts": timedelta(0)}, "from 1 to 366 days"),
            ({"lasts": timedelta(days=367)}, "from 1 to 366 days"),
        ],
    )
    def test_of_what_makes_none_says_what_to_change(self, bakery: Business, other: dict[str, Any], says: str):
        with pytest.raises(BadToken, match=says):
            made(bakery, **other)
        assert listed(bakery) == []


class TestWalls:
    """What the database refuses, whatever a page asks for."""

    def test_nobody_makes_one_for_an_account_they_do_not_act_for(self, bakery: Business, florist: Business):
        with pytest.raises(sqlalchemy.exc.ProgrammingError, match="row-level security"):
            made(bakery, account_ids=[bakery.account_id, florist.account_id])

    def test_nobody_makes_one_that_acts_as_somebody_else(self, bakery: Business, florist: Business):
        with (
            pytest.raises(sqlalchemy.exc.ProgrammingError, match="row-level security"),
            operator_scope(bakery.app, bakery.operator_id) as scope,
        ):
            tokens.create(
                scope,
                operator_of(florist),
                "Theirs",
                account_ids=[bakery.account_id],
                capabilities=[Capability.SEE],
                lasts=DAY,
            )

    def test_nobody_sees_or_ends_anothers(self, bakery: Business, florist: Business, app: Database):
        token = made(florist)
        (theirs,) = listed(florist)

        assert listed(bakery) == []
        with operator_scope(bakery.app, bakery.operator_id) as scope:
            assert not tokens.revoke(scope, theirs.id)
        assert tokens.known(app, token)

    def test_an_admin_sees_and_ends_anybodys(self, admin: Business, florist: Business, app: Database):
        token = made(florist)
        (theirs,) = listed(florist)

        assert theirs.id in [each.id for each in listed(admin)]
        with operator_scope(admin.app, admin.operator_id) as scope:
            assert tokens.revoke(scope, theirs.id)
            assert not tokens.revoke(scope, theirs.id)

        assert tokens.known(app, token) is None
        assert [each.state for each in listed(florist)] == ["revoked"]

    def test_without_saying_who_asks_there_is_none(self, bakery: Business, app: Database):
        made(bakery)
        with system_scope(app) as scope:
            assert scope.run("select id from api_tokens").all() == []

    @pytest.mark.parametrize(
        "statement",
        [
            "select token_hash from api_tokens",
            "select calls from api_tokens",
            "update api_tokens set expires_at = now() + interval '1 year'",
            "update api_tokens set capabilities = '{manage}'",
            "update api_tokens set account_ids = '{}'",
            "delete from api_tokens",
        ],
    )
    def test_what_a_token_is_cannot_be_read_out_or_changed(self, bakery: Business, statement: str):
        made(bakery)
        with (
            pytest.raises(sqlalchemy.exc.ProgrammingError, match="permission denied"),
            operator_scope(bakery.app, bakery.operator_id) as scope,
        ):
            scope.run(statement)

    def test_what_is_revoked_stays_so(self, bakery: Business, app: Database):
        token = made(bakery)
        (mine,) = listed(bakery)
        with operator_scope(bakery.app, bakery.operator_id) as scope:
            tokens.revoke(scope, mine.id)
            assert scope.run("update api_tokens set revoked_at = null").rowcount == 0
        assert tokens.known(app, token) is None

    def test_a_transaction_of_an_operators_own_changes_nothing_of_an_account(
        self, bakery: Business, superuser: psycopg.Connection
    ):
        connection = bakery.connect()
        with operator_scope(bakery.app, bakery.operator_id) as scope:
            assert scope.run("update connections set name = 'x'").rowcount == 0
        with (
            pytest.raises(sqlalchemy.exc.ProgrammingError, match="row-level security"),
            operator_scope(bakery.app, bakery.operator_id) as scope,
        ):
            scope.run(
                "insert into drafts (account_id, operator_id, content) values (:account, :operator, '{}')",
                {"account": bakery.account_id, "operator": bakery.operator_id},
            )
        (name,) = superuser.execute("select name from connections where id = %s", (connection.id,)).fetchall()[0]
        assert name == connection.name


class TestUsing:
    def test_counts_the_calls_of_a_minute_and_notes_the_last(self, bakery: Business, app: Database):
        token = made(bakery)
        counts = []
        for _ in range(3):
            caller = tokens.known(app, token)
            assert caller
            assert timedelta(0) < caller.next_minute <= timedelta(minutes=1)
            counts.append(caller.calls)

        assert counts in ([1, 2, 3], [1, 2, 1], [1, 1, 2])  # a minute may end in between
        assert listed(bakery)[0].last_used_at

    def test_for_another_account_is_refused_even_where_the_operator_may(
        self, bakery: Business, florist: Business, app: Database, superuser: psycopg.Connection
    ):
        token = token_for(bakery)
        superuser.execute("update operators set every_account = true where id = %s", (bakery.operator_id,))
        caller = tokens.known(app, token)
        assert caller

        with pytest.raises(NotYourAccount), tokens.scope_of(app, caller, florist.account_id):
            pass

    @pytest.mark.parametrize("nonsense", ["", "sc_", "x" * 46, "sc_" + "x" * 42, "sc_" + "\0" * 43, "sc_" + "ü" * 43])
    def test_of_nonsense_asks_nobody(self, app: Database, nonsense: str, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(tokens, "system_scope", None)
        assert tokens.known(app, nonsense) is None


class TestCommandLine:
    @pytest.fixture
    def emails(self, bakery: Business) -> tuple[str, str]:
        operator = operator_of(bakery)
        with bakery.installation.administration() as scope:
            (name,) = scope.run("select name from accounts where id = :id", {"id": bakery.account_id}).scalars()
        return operator.email, name

    def test_makes_lists_and_revokes(self, emails: tuple[str, str], run: Callable[..., Any], app: Database):
        email, account = emails
        name = f"Cron {uuid4().hex[:6]}"

        done = run("tokens", "add", name, "--operator", email, "--account", account, "--may", "see", "--days", "2")
        token = done.stdout.strip()
        caller = tokens.known(app, token)
        assert caller, done.stderr
        assert [*caller.operator.only] == [Capability.SEE]

        line = next(each for each in run("tokens", "list").stdout.splitlines() if name in each)
        assert "good" in line
        assert token not in line
        assert run("tokens", "revoke", str(UUID(line.split()[0]))).stdout == "revoked\n"
        assert tokens.known(app, token) is None
        assert run("tokens", "revoke", line.split()[0]).returncode == 2

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            ({"operator": "nobody@composer.example"}, "no active operator"),
            ({"account": "No such bakery"}, "No such account"),
            ({"may": "release"}, "may not release"),
            ({"days": "0"}, "from 1 to 366 days"),
        ],
    )
    def test_says_what_makes_none(
        self, emails: tuple[str, str], run: Callable[..., Any], change: dict[str, str], says: str
    ):
        given = {"operator": emails[0], "account": emails[1], "may": "see", "days": "1"} | change
        refused = run("tokens", "add", "Cron", *[each for name in given for each in (f"--{name}", given[name])])

        assert refused.returncode == 2
        assert says in refused.stderr
        assert "Traceback" not in refused.stderr
        assert refused.stdout == ""
