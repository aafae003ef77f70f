"""What admins change, and that nobody else does: by role, by kind of context and by verb; the last admin stays."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import errors
from sqlalchemy.exc import DBAPIError

from socialcore import accounts, audit, effects, managing, operators, tokens
from socialcore.accounts import Account, BadAccount
from socialcore.database import Database, NotYourAccount, OperatorScope, account_scope, operator_scope, portfolio_scope
from socialcore.effects import Planned
from socialcore.installation import Installation
from socialcore.managing import Customer, LastAdmin, Outdated, Person, Wanted
from socialcore.operators import BadOperator, Capability, NotAllowed
from tests.conftest import Business, make_business

SPANS = {"idle": timedelta(minutes=30), "longest": timedelta(hours=10)}


@pytest.fixture
def admin(migrated, app, vault) -> Business:
    return make_business(migrated, app, vault, roles=("admin",))


def manage(business: Business):
    return operator_scope(business.app, business.operator_id)


def person(scope: OperatorScope, operator_id: UUID) -> Person:
    return next(each for each in managing.people(scope, **SPANS) if each.id == operator_id)


def customer(scope: OperatorScope, account_id: UUID) -> Customer:
    return next(each for each in managing.customers(scope) if each.account.id == account_id)


def values_of(account: Account, **changes: object) -> dict:
    now = {
        "name": account.name,
        "time_zone": account.time_zone,
        "colour": account.colour,
        "plan": account.plan,
        "website": account.website,
        "brand_names": list(account.brand_names),
    }
    return accounts.checked(**{**now, **changes})


STATEMENTS = {
    "add an account": "insert into accounts (name, colour, time_zone) values ('New {unique}', '#9a4a12', 'UTC')",
    "rename an account": "update accounts set name = name || '!' where id = '{account}'",
    "change a plan": "update accounts set plan = 'premium' where id = '{account}'",
    "change any account": "update accounts set time_zone = 'UTC'",
    "invite an admin": "insert into operators (name, email, roles, every_account)"
    " values ('Smuggled', '{unique}@evil.example', '{{admin}}', true)",
    "become an admin": "update operators set roles = '{{admin}}', every_account = true where id = '{me}'",
    "deactivate a colleague": "update operators set active = false where id = '{colleague}'",
    "reactivate": "update operators set active = true",
    "join an account": "insert into memberships (operator_id, account_id) values ('{me}', '{account}')",
    "throw somebody out": "delete from memberships where operator_id = '{colleague}'",
    "throw everybody out": "delete from memberships",
    "end sign-ins": "select 1 from end_sign_ins('{colleague}') ended where ended > 0",
}
EVERYBODYS = ("change any account", "reactivate", "throw everybody out")  # would spoil other tests


class TestWalls:
    """Statements somebody might smuggle in, as the dashboard's role, under each kind of context of each role."""

    @pytest.fixture
    def colleague(self, migrated, app, vault, superuser) -> Business:
        made = make_business(migrated, app, vault)
        superuser.execute(
            "insert into sign_ins (token_hash, operator_id) values (%s, %s)", (uuid4().bytes, made.operator_id)
        )
        return made

    @pytest.fixture
    def attempt(self, app: Database, colleague: Business, superuser):
        """Run one statement in a transaction; did it do anything?"""

        def run(scope_of, me: Business, what: str) -> bool:
            statement = STATEMENTS[what].format(
                unique=uuid4().hex,
                me=me.operator_id,
                account=colleague.account_id,
                colleague=colleague.operator_id,
            )
            before = self.trace(superuser)
            try:
                with scope_of as scope:
                    scope.run(statement)
            except DBAPIError as refusal:  # else it did nothing: what counts is what is there afterwards
                if not isinstance(refusal.orig, (errors.InsufficientPrivilege, errors.ReadOnlySqlTransaction)):
                    raise
            return self.trace(superuser) != before

        return run

    def trace(self, superuser) -> list:
        return [
            superuser.execute(
                f"select count(*), md5(string_agg(t.xmin::text || t::text, '' order by t::text)) from {table} t"
            ).fetchone()
            for table in ("accounts", "operators", "memberships", "sign_ins")
        ]

    @pytest.mark.parametrize("what", STATEMENTS)
    @pytest.mark.parametrize("role", ["publisher", "product_owner", "qa"])
    def test_no_other_role_manages_in_any_scope(self, migrated, app, vault, attempt, role: str, what: str):
        me = make_business(migrated, app, vault, roles=(role,))

        assert not attempt(operator_scope(app, me.operator_id), me, what)
        assert not attempt(account_scope(app, me.operator_id, me.account_id), me, what)

    @pytest.mark.parametrize("what", STATEMENTS)
    def test_an_admin_manages_in_no_other_scope(self, app, admin: Business, attempt, what: str):
        assert not attempt(account_scope(app, admin.operator_id, admin.account_id), admin, what)
        assert not attempt(portfolio_scope(app, admin.operator_id), admin, what)

    @pytest.mark.parametrize("what", [each for each in STATEMENTS if each not in EVERYBODYS])
    def test_an_admin_manages_in_an_operators_scope(self, app, admin: Business, attempt, superuser, what: str):
        superuser.execute("update operators set roles = '{admin,qa}' where id = %s", (admin.operator_id,))
        assert attempt(operator_scope(app, admin.operator_id), admin, what)

    def test_an_admin_who_was_deactivated_manages_nothing(self, migrated, app, vault, admin, attempt, superuser):
        gone = make_business(migrated, app, vault, roles=("admin",))
        superuser.execute("update operators set active = false where id = %s", (gone.operator_id,))
        assert not attempt(operator_scope(app, gone.operator_id), gone, "become an admin")

    @pytest.mark.parametrize(
        "statement",
        [
            "update operators set email = 'mine@evil.example'",
            "update operators set issuer = 'https://evil.example', subject = 'me'",
            "insert into operators (name, email, roles, issuer, subject) values ('a', 'a@b.c', '{admin}', 'i', 's')",
            "delete from operators",
            "delete from accounts",
            "update accounts set id = gen_random_uuid()",
            "update memberships set operator_id = gen_random_uuid()",
            "update sign_ins set ended_at = null",
            "select * from sign_ins",
            "update api_tokens set operator_id = gen_random_uuid()",
        ],
    )
    def test_not_even_an_admin_makes_one_operator_of_another_or_removes_what_was(self, admin: Business, statement: str):
        with pytest.raises(Exception, match="permission denied"), manage(admin) as scope:
            scope.run(statement)

    def test_an_admin_sees_every_account_in_that_scope_alone_and_nothing_of_its_posts(self, admin, bakery):
        with manage(admin) as scope:
            assert bakery.account_id in {each.id for each in accounts.visible(scope)}
            assert scope.run("select 1 from posts where account_id = :id", {"id": bakery.account_id}).first() is None
            assert scope.run("select 1 from connections where account_id = :id", {"id": bakery.account_id}).all() == []
        with portfolio_scope(admin.app, admin.operator_id) as scope:
            assert {each.id for each in accounts.visible(scope)} == {admin.account_id}
        with pytest.raises(NotYourAccount), account_scope(admin.app, admin.operator_id, bakery.account_id):
            pytest.fail("never entered")

    @pytest.mark.parametrize("role", ["publisher", "product_owner", "qa"])
    def test_whoever_is_no_admin_is_told_so_before_the_database_refuses(self, migrated, app, vault, role):
        me = make_business(migrated, app, vault, roles=(role,))
        wanted = Wanted("Me", ("admin",), True, ())
        with manage(me) as scope:
            for change in (
                lambda: managing.add_account(scope, name="Mine", time_zone="UTC"),
                lambda: managing.invite(scope, wanted, "me@composer.example"),
                lambda: managing.end_sign_ins(scope, me.operator_id),
            ):
                with pytest.raises(NotAllowed, match="manage"):
                    change()
            counts = scope.run(
                "select (select count(*) from accounts_in_use()), (select posts from planned(null, null)),"
                " (select count(*) from sign_ins_open('1 h', '1 h'))"
            ).one()
            assert tuple(counts) == (0, 0, 0)
            seen = scope.run("select distinct account_id from audit_log where account_id is not null").scalars()
            assert set(seen) <= {me.account_id}


class TestAccounts:
    def test_are_added_by_an_admin_and_written_down(self, admin: Business):
        name = f"Café {uuid4().hex}"
        with manage(admin) as scope:
            added = managing.add_account(
                scope,
                name=name,
                time_zone="Europe/Paris",
                website="https://cafe.example",
                brand_names=["cafe", " cafe "],
            )
            entry = audit.of_managing(scope)[0]
        assert (added.name, added.plan, added.brand_names) == (name, "basic", ["cafe"])
        assert entry.action == "accounts.insert"
        assert entry.detail["after"]["name"] == name
        assert entry.actor.startswith("Operator ")

    def test_are_changed_with_before_and_after_in_the_log(self, admin: Business, bakery: Business):
        with manage(admin) as scope:
            was = customer(scope, bakery.account_id).account
            managing.change_account(scope, was, values_of(was, time_zone="Asia/Tokyo", brand_names=["The Bakery"]))
        with manage(admin) as scope:
            now = customer(scope, bakery.account_id).account
            entry = next(each for each in audit.of_managing(scope) if each.action == "accounts.update")
        assert (now.time_zone, now.brand_names) == ("Asia/Tokyo", ["The Bakery"])
        assert (entry.detail["before"]["time_zone"], entry.detail["after"]["time_zone"]) == ("UTC", "Asia/Tokyo")

    def test_a_name_that_is_taken_is_said(self, admin: Business, bakery: Business):
        with manage(admin) as scope:
            taken = customer(scope, bakery.account_id).account.name
            mine = customer(scope, admin.account_id).account
        with pytest.raises(BadAccount, match="already"), manage(admin) as scope:
            managing.change_account(scope, mine, values_of(mine, name=taken))
        with pytest.raises(BadAccount, match="already"), manage(admin) as scope:
            managing.add_account(scope, name=taken, time_zone="UTC")

    def test_two_admins_do_not_overwrite_each_other(self, admin: Business, bakery: Business):
        with manage(admin) as scope:
            was = customer(scope, bakery.account_id).account
            managing.change_account(scope, was, values_of(was, time_zone="Asia/Tokyo"))
        with pytest.raises(Outdated), manage(admin) as scope:
            managing.change_account(scope, was, values_of(was, time_zone="Europe/Paris"))
        with manage(admin) as scope:
            assert customer(scope, bakery.account_id).account.time_zone == "Asia/Tokyo"

    @pytest.mark.parametrize(
        ("changes", "says"),
        [
            ({"colour": "#f5f5f5"}, "White cannot be read"),
            ({"plan": "gold"}, "no plan 'gold'"),
            ({"website": "javascript:alert(1)"}, "no website"),
            ({"name": "x" * 81}, "at most 80"),
            ({"name": "a\nb"}, "one line"),
            ({"brand_names": [str(n) for n in range(31)]}, "at most 30"),
        ],
    )
    def test_what_makes_none_is_refused_in_words(self, changes: dict, says: str):
        account = Account(uuid4(), "Bakery", "#9a4a12", "UTC", "basic")
        with pytest.raises(BadAccount, match=says):
            values_of(account, **changes)


class TestPeople:
    def test_are_invited_by_an_admin_and_bound_by_their_address(self, admin, bakery, app):
        email = f"{uuid4().hex}@composer.example"
        with manage(admin) as scope:
            made = managing.invite(scope, Wanted("Night desk", ("publisher",), False, (bakery.account_id,)), email)
            assert person(scope, made).is_bound is False
        assert operators.start_sign_in(app, uuid4().hex, issuer="i", subject=email, verified_email=email) == made
        with account_scope(app, made, bakery.account_id) as scope:
            assert scope.account_id == bakery.account_id
        with manage(admin) as scope:
            found = person(scope, made)
        assert (found.is_bound, found.sign_ins, found.account_ids) == (True, 1, [bakery.account_id])

    def test_an_address_that_is_taken_is_said(self, admin: Business):
        with manage(admin) as scope:
            taken = person(scope, admin.operator_id).email
        with pytest.raises(BadOperator, match="already"), manage(admin) as scope:
            managing.invite(scope, Wanted("Twin", ("qa",), True, ()), taken.upper())

    def test_roles_and_accounts_count_at_once(self, admin, bakery, florist, app):
        with manage(admin) as scope:
            was = person(scope, bakery.operator_id)
            managing.change_person(scope, was, Wanted("Renamed", ("qa",), False, (florist.account_id,)))
        with pytest.raises(NotYourAccount), account_scope(app, bakery.operator_id, bakery.account_id):
            pytest.fail("never entered")
        with account_scope(app, bakery.operator_id, florist.account_id) as scope:
            assert operators.names(scope)[bakery.operator_id] == "Renamed"
        with manage(admin) as scope:
            found = {each.action for each in audit.of_managing(scope)[:3]}
            assert person(scope, bakery.operator_id).roles == ["qa"]
        assert found == {"operators.update", "memberships.delete", "memberships.insert"}

    def test_two_admins_do_not_overwrite_each_other(self, admin, bakery, florist):
        with manage(admin) as scope:
            was = person(scope, bakery.operator_id)
            managing.change_person(scope, was, Wanted(was.name, was.roles, False, (florist.account_id,)))
        for change in (
            lambda scope: managing.change_person(scope, was, Wanted("Other", ("qa",), True, ())),
            lambda scope: managing.deactivate(scope, was),
            lambda scope: managing.reactivate(scope, was),
        ):
            with pytest.raises(Outdated), manage(admin) as scope:
                change(scope)

    def test_a_membership_of_an_account_that_is_none_is_refused(self, admin, bakery):
        with manage(admin) as scope:
            was = person(scope, bakery.operator_id)
        with pytest.raises(DBAPIError, match="foreign key"), manage(admin) as scope:
            managing.change_person(scope, was, Wanted(was.name, was.roles, False, (uuid4(),)))


class TestDeactivating:
    def test_ends_sign_ins_and_tokens_at_once_and_for_good(self, admin, bakery, app):
        signed_in, token = uuid4().hex, make_token(bakery)
        with manage(admin) as scope:
            subject = scope.run(
                "select issuer, subject from operators where id = :id", {"id": bakery.operator_id}
            ).one()
        operators.start_sign_in(app, signed_in, issuer=subject[0], subject=subject[1], verified_email=None)
        assert operators.signed_in(app, signed_in, **SPANS)
        assert tokens.known(app, token)

        with manage(admin) as scope:
            was = person(scope, bakery.operator_id)
            assert (was.sign_ins, was.tokens) == (1, 1)
            managing.deactivate(scope, was)

        assert operators.signed_in(app, signed_in, **SPANS) is None
        assert tokens.known(app, token) is None
        with pytest.raises(NotYourAccount), account_scope(app, bakery.operator_id, bakery.account_id):
            pytest.fail("never entered")

        with manage(admin) as scope:
            managing.reactivate(scope, person(scope, bakery.operator_id))
        assert operators.signed_in(app, signed_in, **SPANS) is None  # what had ended stays ended
        assert tokens.known(app, token) is None
        with account_scope(app, bakery.operator_id, bakery.account_id) as scope:
            assert scope.account_id == bakery.account_id

    def test_by_hand_ends_them_too(self, bakery, app, superuser):
        token = make_token(bakery)
        superuser.execute("update operators set active = false where id = %s", (bakery.operator_id,))
        superuser.execute("update operators set active = true where id = %s", (bakery.operator_id,))
        assert tokens.known(app, token) is None

    def test_a_transaction_that_is_open_sees_nothing_any_more(self, admin, bakery, app):
        with account_scope(app, bakery.operator_id, bakery.account_id) as open_scope:
            assert open_scope.run("select 1 from accounts").all()
            with manage(admin) as scope:
                managing.deactivate(scope, person(scope, bakery.operator_id))
            assert open_scope.run("select 1 from accounts").all() == []

    def test_sign_ins_are_ended_alone_too(self, admin, bakery, app, superuser):
        token = uuid4().hex
        (subject,) = superuser.execute("select subject from operators where id = %s", (bakery.operator_id,)).fetchone()
        operators.start_sign_in(app, token, issuer="tests", subject=subject, verified_email=None)
        with manage(admin) as scope:
            assert managing.end_sign_ins(scope, bakery.operator_id) == 1
            assert managing.end_sign_ins(scope, bakery.operator_id) == 0
        assert operators.signed_in(app, token, **SPANS) is None


@pytest.fixture
def alone(admin: Business, superuser: psycopg.Connection) -> Iterator[Business]:
    """The only admin who can sign in: the others of this database are no admins meanwhile."""
    others = superuser.execute(
        "select id, roles from operators where roles && '{admin}' and id <> %s", (admin.operator_id,)
    ).fetchall()
    superuser.execute("update operators set roles = '{qa}' where roles && '{admin}' and id <> %s", (admin.operator_id,))
    yield admin
    for operator_id, roles in others:
        superuser.execute("update operators set roles = %s where id = %s", (roles, operator_id))


class TestLastAdmin:
    def test_cannot_give_the_role_away_or_leave(self, alone: Business):
        for change in (
            lambda scope, was: managing.change_person(scope, was, Wanted(was.name, ("qa",), False, was.account_ids)),
            managing.deactivate,
        ):
            with pytest.raises(LastAdmin, match="Make somebody else an admin first"), manage(alone) as scope:
                change(scope, person(scope, alone.operator_id))
        with manage(alone) as scope:
            assert managing.is_last_admin(managing.people(scope, **SPANS), person(scope, alone.operator_id))

    def test_is_not_replaced_by_somebody_who_has_never_signed_in(self, alone: Business):
        """A typing error in an address, and nobody could get in."""
        with manage(alone) as scope:
            managing.invite(scope, Wanted("Typing error", ("admin",), True, ()), f"{uuid4().hex}@composer.exampel")
        with pytest.raises(LastAdmin), manage(alone) as scope:
            managing.deactivate(scope, person(scope, alone.operator_id))

    def test_may_go_once_another_can_sign_in(self, alone: Business, migrated, app, vault):
        make_business(migrated, app, vault, roles=("admin",))
        with manage(alone) as scope:
            was = person(scope, alone.operator_id)
            assert not managing.is_last_admin(managing.people(scope, **SPANS), was)
            managing.deactivate(scope, was)

    @pytest.mark.parametrize("statement", ["roles = '{publisher}'", "active = false"])
    def test_stays_whoever_asks(self, alone: Business, migrated: Installation, superuser, statement: str):
        update = f"update operators set {statement} where id = :id"
        with pytest.raises(Exception, match="last admin"), migrated.administration() as scope:
            scope.run(update, {"id": alone.operator_id})
        with pytest.raises(errors.RestrictViolation):
            superuser.execute(update.replace(":id", "%s"), (alone.operator_id,))

    def test_two_who_take_each_others_role_away_at_once_leave_one(
        self, alone: Business, migrated, app, vault, superuser
    ):
        other = make_business(migrated, app, vault, roles=("admin",))
        together, refused = threading.Barrier(2), []

        def demote(by: Business, whom: Business) -> None:
            with manage(by) as scope:
                was = person(scope, whom.operator_id)
            together.wait()
            try:
                with manage(by) as scope:
                    managing.change_person(scope, was, Wanted(was.name, ("qa",), False, was.account_ids))
            except (LastAdmin, NotAllowed) as error:
                refused.append(error)

        threads = [threading.Thread(target=demote, args=pair) for pair in ((alone, other), (other, alone))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        left = superuser.execute(
            "select count(*) from operators where active and roles && '{admin}' and issuer is not null"
        ).fetchone()
        assert left == (1,)
        assert len(refused) == 1

    def test_an_invited_one_of_a_new_installation_can_be_replaced(self, alone: Business, migrated, superuser):
        """Before anybody has signed in, the command line may correct itself, as long as one admin remains."""
        superuser.execute("update operators set issuer = null, subject = null where id = %s", (alone.operator_id,))
        with migrated.administration() as scope:
            second = operators.add(scope, "Second", f"{uuid4().hex}@composer.example", ["admin"], every_account=True)
            scope.run("update operators set active = false where id = :id", {"id": alone.operator_id})
        with pytest.raises(Exception, match="last admin"), migrated.administration() as scope:
            scope.run("update operators set active = false where id = :id", {"id": second})


class TestHistory:
    def test_is_whole_and_shows_binding_too(self, admin, app):
        email = f"{uuid4().hex}@composer.example"
        with manage(admin) as scope:
            made = managing.invite(scope, Wanted("Night desk", ("publisher",), False, ()), email)
        operators.start_sign_in(app, uuid4().hex, issuer="https://id.example", subject=email, verified_email=email)
        with manage(admin) as scope:
            latest = audit.of_managing(scope)[0]
            assert scope.run("select * from audit_breaks()").all() == []
        assert latest.detail["after"]["id"] == str(made)
        assert latest.detail["after"]["issuer"] == "https://id.example"

    def test_of_accounts_is_no_other_operators(self, admin, bakery, florist):
        with manage(admin) as scope:
            was = customer(scope, florist.account_id).account
            managing.change_account(scope, was, values_of(was, name=f"{was.name} SECRET"))
        for scope in (portfolio_scope(bakery.app, bakery.operator_id), operator_scope(bakery.app, bakery.operator_id)):
            with scope as opened:
                rows = opened.run("select detail::text from audit_log").scalars().all()
            assert "SECRET" not in repr(rows)


class TestEffects:
    """What is told before a change is made."""

    FIRST = datetime(2026, 11, 24, 20, 0, tzinfo=UTC)

    def account(self, plan: str = "premium", **connections: int) -> Customer:
        return Customer(Account(uuid4(), "Harbor Bakery", "#9a4a12", "America/Los_Angeles", plan), 2, connections)  # type: ignore[arg-type]

    def someone(self, *account_ids: UUID, **changes: object) -> Person:
        values = {
            "id": uuid4(), "name": "Press office", "email": "press@composer.example", "roles": ["publisher"],
            "every_account": False, "active": True, "is_bound": True, "account_ids": list(account_ids), "tokens": 2,
            "sign_ins": 1, "seen_at": None,
        }  # fmt: skip
        return Person(**{**values, **changes})  # type: ignore[arg-type]

    def test_nothing_for_nothing(self):
        was = self.account()
        assert effects.of_account(was, values_of(was.account), Planned(3, self.FIRST)) == []
        assert effects.of_person(self.someone(), self.someone().now, {}) == []

    @pytest.mark.parametrize(
        ("waiting", "zone", "says"),
        [
            (Planned(3, FIRST), "America/Denver",
             ("3 scheduled posts keep their moment; the next one's local time changes from Tue 24 Nov 12:00 to"
              " Tue 24 Nov 13:00.")),
            (Planned(1, FIRST), "Asia/Tokyo",
             "1 scheduled post keeps its moment; its local time changes from Tue 24 Nov 12:00 to Wed 25 Nov 05:00."),
            (Planned(1, FIRST), "America/Vancouver",
             "1 scheduled post keeps its moment; on the clock nothing changes at the next one, Tue 24 Nov 12:00."),
            (Planned(0, None), "America/Denver", "No post is scheduled. Times are shown and chosen as in Denver."),
        ],
    )  # fmt: skip
    def test_of_a_time_zone(self, waiting: Planned, zone: str, says: str):
        was = self.account()
        assert effects.of_account(was, values_of(was.account, time_zone=zone), waiting) == [says]

    def test_of_a_smaller_plan(self):
        was = self.account(slack=2, twitter=1)
        assert effects.of_account(was, values_of(was.account, plan="basic"), Planned(0, None)) == [
            (
                "Plan basic: X cannot be connected any more. 1 connection stays, but takes no new posts; what is"
                " scheduled goes out."
            ),
            (
                "Plan basic: Slack cannot be connected any more. 2 connections stay, but take no new posts; what is"
                " scheduled goes out."
            ),
        ]

    def test_of_a_larger_plan(self):
        was = self.account("basic")
        assert effects.of_account(was, values_of(was.account, plan="premium"), Planned(0, None)) == [
            "Plan premium: X and Slack can be connected from now on."
        ]

    def test_of_less_reach_and_fewer_roles(self):
        known = {each.id: each for each in (Account(uuid4(), f"Shop {n}", "#9a4a12", "UTC", "basic") for n in range(6))}
        was = self.someone(*known, roles=["publisher", "qa"])
        kept = list(known)[:1]
        assert effects.of_person(was, Wanted(was.name, ("product_owner",), False, kept), known) == [
            "May no longer publish, connect accounts to platforms, run tests.",
            "May now switch flags and holds.",
            "2 API tokens of theirs can do no more than what is left.",
            "Loses 5 accounts: Shop 1, Shop 2, Shop 3 and 2 more.",
        ]

    def test_of_deactivating(self):
        was = self.someone(uuid4(), uuid4(), uuid4(), uuid4())
        assert effects.of_deactivation(was, Planned(3, self.FIRST)) == [
            "They are out at once: 1 sign-in ends, and cannot sign in any more.",
            "Loses 4 accounts.",
            "2 API tokens end for good, also if they come back.",
            "3 scheduled posts of theirs go out all the same.",
        ]

    def test_count_what_is_there(self, admin: Business, bakery: Business, superuser):
        connection = bakery.connect()
        for n in (1, 2):
            (post_id,) = superuser.execute(
                "insert into posts (account_id, submit_token, author_id, content, content_hash)"
                " values (%s, gen_random_uuid(), %s, '{}', sha256('x')) returning id",
                (bakery.account_id, bakery.operator_id),
            ).fetchone()
            superuser.execute(
                "insert into deliveries (account_id, post_id, connection_id, priority, due_at, expires_at, next_at,"
                " rendered, text_hash) values (%s, %s, %s, 1, now() + %s, now() + %s, now() + %s, '{}', %s)",
                (bakery.account_id, post_id, connection.id, *[timedelta(days=n)] * 3, uuid4().bytes * 2),
            )
        with manage(admin) as scope:
            of_account = effects.planned(scope, account_id=bakery.account_id)
            by = effects.planned(scope, by=bakery.operator_id)
            used = customer(scope, bakery.account_id)
        assert of_account == by
        assert of_account.posts == 2
        assert of_account.first_due
        assert timedelta(hours=23) < of_account.first_due - datetime.now(UTC) < timedelta(hours=25)
        assert used.connections == {"bluesky": 1}
        assert used.people >= 1


def make_token(business: Business) -> str:
    with manage(business) as scope:
        me = operators.Operator(business.operator_id, "x", "x@composer.example", ["publisher"], False)
        return tokens.create(
            scope, me, "Menu", account_ids=[business.account_id], capabilities=[Capability.SEE], lasts=timedelta(days=1)
        )
