"""The page of people and accounts: an admin's, each change told before it is made, and what became of it."""

import ast
import time
from uuid import UUID, uuid4

import psycopg
import pytest

from socialcore import accounts, operators, tokens
from socialcore.database import operator_scope
from tests.api_client import token_for
from tests.conftest import Business, make_business
from tests.pages.test_pages import ROOT, SIGNED_OUT, Desk, Visit, configured, desk, platform, seated

__all__ = ["configured", "desk", "platform"]  # fixtures


@pytest.fixture
def admin(migrated, app, vault, superuser) -> Desk:
    return seated(superuser, make_business(migrated, app, vault, roles=("admin",)), None)


def opened(admin: Desk, kind: str, which: object) -> Visit:
    return admin.visit("people", open=f"{kind}:{which}")


def told(visit: Visit) -> str:
    """What a change would affect."""
    return next((line for line in visit.lines if line.startswith(("What", "Not ready", "Deactivate "))), "")


class TestWhoMaySeeIt:
    def test_nobody_signed_out(self):
        assert Visit(None).open("people").lines == SIGNED_OUT

    @pytest.mark.parametrize("role", ["publisher", "product_owner", "qa"])
    def test_no_role_but_admin(self, migrated, app, vault, superuser, role: str):
        me = seated(superuser, make_business(migrated, app, vault, roles=(role,)), None)
        visit = me.visit("people")
        assert "do not include: manage" in visit.words
        assert "part" not in visit.keys

    def test_an_admin_also_without_any_account(self, admin: Desk, bakery: Business, superuser):
        superuser.execute("delete from memberships where operator_id = %s", (admin.business.operator_id,))
        name = name_of(superuser, bakery.account_id)
        assert "All accounts" in admin.visit("people").words
        visit = admin.visit("people")
        visit.at.text_input(key="search_people").set_value(name)
        assert name in visit.run().words


def name_of(superuser: psycopg.Connection, account_id: UUID) -> str:
    return superuser.execute("select name from accounts where id = %s", (account_id,)).fetchone()[0]  # type: ignore[index]


class TestAccounts:
    def test_a_change_is_told_then_made_then_written_down(self, admin: Desk, bakery: Business, superuser):
        name = name_of(superuser, bakery.account_id)
        visit = opened(admin, "account", bakery.account_id)
        assert visit.at.button(key="save_account").disabled
        visit.at.selectbox(key=f"zone-{bakery.account_id}").set_value("Asia/Tokyo")
        visit.at.selectbox(key=f"plan-{bakery.account_id}").set_value("basic")
        visit.run()
        assert "No post is scheduled. Times are shown and chosen as in Tokyo." in told(visit)
        assert "Plan basic: X cannot be connected any more." in told(visit)

        visit.press("save_account")

        assert f"{name} is saved" in visit.words
        assert superuser.execute(
            "select time_zone, plan from accounts where id = %s", (bakery.account_id,)
        ).fetchone() == (
            "Asia/Tokyo",
            "basic",
        )
        visit.at.segmented_control(key="part").set_value("History")
        said = visit.run().words
        assert f"{name} changed" in said
        assert "time zone: UTC → Asia/Tokyo" in said
        assert "plan: premium → basic" in said

    def test_what_was_typed_after_the_effects_were_told_is_told_first(self, admin: Desk, bakery: Business, superuser):
        name = name_of(superuser, bakery.account_id)
        visit = opened(admin, "account", bakery.account_id)
        visit.at.selectbox(key=f"zone-{bakery.account_id}").set_value("Asia/Tokyo")
        visit.run()
        visit.at.text_input(key=f"name-{bakery.account_id}").set_value(f"{name} & Sons")

        visit.press("save_account")  # the browser sends both in one go

        assert "Look once more" in visit.words
        assert name_of(superuser, bakery.account_id) == name
        assert f"It is called {name} & Sons from now on" in told(visit)
        visit.press("save_account")
        assert name_of(superuser, bakery.account_id) == f"{name} & Sons"

    def test_what_makes_no_account_is_said_and_not_saved(self, admin: Desk, bakery: Business):
        visit = opened(admin, "account", bakery.account_id)
        visit.at.text_input(key=f"website-{bakery.account_id}").set_value("harborbakery")
        visit.run()
        assert "'harborbakery' is no website" in told(visit)
        assert "save_account" not in visit.keys

    def test_somebody_elses_change_meanwhile_is_not_overwritten(self, admin: Desk, bakery: Business, superuser):
        visit = opened(admin, "account", bakery.account_id)
        visit.at.selectbox(key=f"plan-{bakery.account_id}").set_value("basic")
        visit.run()
        superuser.execute("update accounts set website = 'https://new.example' where id = %s", (bakery.account_id,))

        visit.press("save_account")

        assert "Look once more" in visit.words
        assert "Somebody else has changed" in visit.words
        assert superuser.execute("select plan from accounts where id = %s", (bakery.account_id,)).fetchone() == (
            "premium",
        )

    def test_one_is_added(self, admin: Desk, superuser):
        name = f"Café {uuid4().hex[:8]}"
        visit = admin.visit("people").press("new")
        assert "Not ready yet" in told(visit)
        visit.at.text_input(key="name-new").set_value(name)
        visit.at.selectbox(key="zone-new").set_value("Europe/Paris")
        visit.run()
        assert "Plan basic: Bluesky and Google Business can be connected." in told(visit)

        visit.press("add_account")

        assert f"{name} is added" in visit.words
        row = superuser.execute("select time_zone, plan, colour from accounts where name = %s", (name,)).fetchone()
        assert row
        assert row[:2] == ("Europe/Paris", "basic")
        assert row[2] in accounts.COLOURS

    def test_a_plan_that_no_setting_knows_is_shown_as_such(self, admin: Desk, bakery: Business, superuser):
        superuser.execute("update accounts set plan = 'gold' where id = %s", (bakery.account_id,))
        visit = opened(admin, "account", bakery.account_id)
        assert visit.at.selectbox(key=f"plan-{bakery.account_id}").value == "gold"
        assert "There is no plan 'gold'; there are basic, premium." in told(visit)

    def test_two_hundred_are_found_in_a_moment(self, admin: Desk, migrated, superuser):
        mark = uuid4().hex[:6]
        with migrated.administration() as scope:
            for n in range(200):
                accounts.add(scope, f"Branch {mark} {n:03}", time_zone="Europe/Zurich")
        visit = admin.visit("people")
        visit.at.text_input(key="search_people").set_value(f"branch {mark}")
        visit.run()
        assert len([each for each in visit.words.split("Branch ")[1:] if each.startswith(mark)]) == 25
        started = time.perf_counter()
        visit.at.text_input(key="search_people").set_value(f"{mark} 117 zurich")
        visit.run()
        assert f"Branch {mark} 117" in visit.words
        assert f"Branch {mark} 118" not in visit.words
        assert time.perf_counter() - started < 3  # about 0.1 s where nothing else runs


class TestPeople:
    def test_somebody_is_invited_and_signs_in(self, admin: Desk, bakery: Business, app):
        email = f"{uuid4().hex}@composer.example"
        visit = opened(admin, "person", "new")
        visit.at.text_input(key="email-new").set_value(email)
        visit.at.text_input(key="name-new").set_value("Night desk")
        visit.at.pills(key="roles-new").set_value(["publisher"])
        visit.at.multiselect(key="accounts-new").set_value([str(bakery.account_id)])
        visit.run()
        assert f"Whoever first signs in with {email}" in told(visit)
        assert "Acts for 1 account: Business" in told(visit)

        visit.press("invite")

        assert "Night desk is invited" in visit.words
        assert "Invited" in visit.words
        assert operators.start_sign_in(app, uuid4().hex, issuer="i", subject=email, verified_email=email)

    def test_less_reach_is_told_before_it_is_taken(self, admin: Desk, desk: Desk, superuser):
        token_for(desk.business)
        me = desk.business.operator_id
        visit = opened(admin, "person", me)
        visit.at.pills(key=f"roles-{me}").set_value(["product_owner"])
        visit.at.multiselect(key=f"accounts-{me}").set_value([])
        visit.run()
        assert "May no longer publish, connect accounts to platforms." in told(visit)
        assert "Loses 1 account: Business" in told(visit)
        assert "1 API token of theirs can do no more than what is left." in told(visit)

        visit.press("save_person")

        row = superuser.execute("select roles from operators where id = %s", (me,)).fetchone()
        assert row == (["product_owner"],)
        assert superuser.execute("select 1 from memberships where operator_id = %s", (me,)).fetchall() == []
        assert "No account yet" in Visit(desk.subject).open("connections").words

    def test_deactivating_is_asked_twice_and_ends_what_is_open(self, admin: Desk, desk: Desk, app):
        token, window = token_for(desk.business), desk.visit("compose")
        me = desk.business.operator_id
        visit = opened(admin, "person", me).press("deactivate")
        assert "They are out at once: 1 sign-in ends" in told(visit)
        assert "1 API token ends for good" in told(visit)

        visit.press("deactivate_now")

        assert "is out" in visit.words
        assert tokens.known(app, token) is None
        assert window.run().lines[:2] == SIGNED_OUT[:2]

        visit.press("reactivate")
        assert "can sign in again" in visit.words
        assert tokens.known(app, token) is None

    def test_sign_ins_are_ended_alone(self, admin: Desk, desk: Desk):
        window = desk.visit("compose")
        visit = opened(admin, "person", desk.business.operator_id).press("end_sign_ins")
        assert "1 sign-in of" in visit.words
        assert window.run().lines[:2] == SIGNED_OUT[:2]

    def test_tokens_of_anybody_are_seen_and_revoked(self, admin: Desk, desk: Desk, app):
        made = token_for(desk.business)
        visit = opened(admin, "person", desk.business.operator_id)
        key = next(key for key in visit.keys if key.startswith("revoke-"))
        visit.press(key).press(key.replace("revoke-", "really-"))
        assert tokens.known(app, made) is None

    def test_the_last_admin_is_kept_in_words(self, admin: Desk, superuser):
        me = admin.business.operator_id
        rest = superuser.execute("select id from operators where roles && '{admin}' and id <> %s", (me,)).fetchall()
        superuser.execute("update operators set roles = '{qa}' where roles && '{admin}' and id <> %s", (me,))
        try:
            visit = opened(admin, "person", me)
            assert visit.at.button(key="deactivate").disabled
            visit.at.pills(key=f"roles-{me}").set_value(["qa"])
            visit.run()
            assert "This is the last admin who can sign in. Make somebody else an admin first." in told(visit)
            assert visit.at.button(key="save_person").disabled
        finally:
            for (each,) in rest:
                superuser.execute("update operators set roles = '{admin}' where id = %s", (each,))

    def test_giving_ones_own_role_away_is_told(self, admin: Desk, migrated, app, vault):
        make_business(migrated, app, vault, roles=("admin",))
        me = admin.business.operator_id
        visit = opened(admin, "person", me)
        visit.at.pills(key=f"roles-{me}").set_value(["qa"])
        visit.run()
        assert "This is you: you lose this page at once." in told(visit)
        visit.press("save_person")
        assert "do not include: manage" in visit.words

    def test_who_lost_the_role_meanwhile_changes_nothing(
        self, admin: Desk, desk: Desk, migrated, app, vault, superuser
    ):
        make_business(migrated, app, vault, roles=("admin",))
        visit = opened(admin, "person", desk.business.operator_id).press("deactivate")
        superuser.execute("update operators set roles = '{qa}' where id = %s", (admin.business.operator_id,))

        visit.press("deactivate_now")

        assert "do not include: manage" in visit.words
        row = superuser.execute("select active from operators where id = %s", (desk.business.operator_id,)).fetchone()
        assert row == (True,)


def test_a_stranger_to_the_ids_finds_nothing(admin: Desk):
    for which in ("account:nonsense", "person:nonsense", "nonsense", "account:5a1e0000-0000-4000-8000-000000000000"):
        visit = admin.visit("people", open=which)
        assert "People and accounts" in visit.words
        assert not {"save_account", "save_person"} & visit.keys


def test_the_history_tells_reach_given_in_one_go_together(admin: Desk, bakery: Business, florist: Business):
    from socialcore import managing  # noqa: PLC0415
    from socialcore.managing import Wanted  # noqa: PLC0415

    name = f"Agency {uuid4().hex[:6]}"
    with operator_scope(bakery.app, admin.business.operator_id) as scope:
        both = (bakery.account_id, florist.account_id)
        managing.invite(scope, Wanted(name, ("qa",), False, both), f"{uuid4().hex}@composer.example")
    visit = admin.visit("people")
    visit.at.segmented_control(key="part").set_value("History")
    assert f"{name} acts for 2 accounts" in visit.run().words


@pytest.mark.parametrize("page", sorted((ROOT / "pages").glob("[!_]*.py")), ids=lambda page: page.stem)
def test_every_page_says_whom_it_acts_for(page):
    """The banner is drawn by `shell.header`: in the account's colour, or for all of them."""
    calls = [each for each in ast.walk(ast.parse(page.read_text("utf-8"))) if isinstance(each, ast.Call)]
    assert "shell.header" in {ast.unparse(each.func) for each in calls}
