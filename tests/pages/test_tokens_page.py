"""The page of tokens: made once, shown once, revoked for good; each operator's own, and an admin's all."""

# ruff: noqa: F811 - fixtures are named where they are used
import psycopg
import pytest

from socialcore import tokens
from socialcore.database import Database
from tests.api_client import token_for
from tests.conftest import make_business
from tests.pages.test_pages import Desk, Visit, configured, desk, platform, seated  # noqa: F401 - three are fixtures


def filled(desk: Desk, name: str = "Menu of the day", may: tuple[str, ...] = ("see", "publish")) -> Visit:
    """The page with the form filled in."""
    visit = desk.visit("tokens")
    visit.at.text_input(key="token_name").set_value(name)
    visit.at.multiselect(key="token_accounts").set_value([desk.id])
    visit.at.multiselect(key="token_may").set_value(list(may))
    return visit


def shown_token(visit: Visit) -> str | None:
    return next((each.value for each in visit.at.code), None)


def ids(desk: Desk, superuser: psycopg.Connection) -> list[str]:
    rows = superuser.execute("select id from api_tokens where operator_id = %s", (desk.business.operator_id,))
    return [str(row[0]) for row in rows]


class TestMaking:
    def test_shows_the_token_once_and_it_opens_what_was_chosen(self, desk: Desk, app: Database):
        visit = filled(desk).press("do_make_token")

        made = shown_token(visit)
        assert made
        caller = tokens.known(app, made)
        assert caller
        assert caller.account_ids == {desk.id}
        assert sorted(caller.operator.only) == ["publish", "see"]
        assert caller.operator.id == desk.business.operator_id
        assert "Menu of the day Good" in visit.words

        assert made not in visit.press("put_away").words
        assert made not in desk.visit("tokens").words
        assert "Menu of the day Good" in desk.visit("tokens").words

    def test_keeps_nothing_of_the_token_but_its_hash(self, desk: Desk, superuser: psycopg.Connection):
        made = shown_token(filled(desk).press("do_make_token"))
        assert made

        rows = superuser.execute("select t::text from api_tokens t").fetchall()
        logged = superuser.execute("select a::text from audit_log a union all select e::text from events e").fetchall()

        assert rows
        assert not [row for row in [*rows, *logged] if made in row[0]]

    def test_says_what_is_missing_and_keeps_the_rest(self, desk: Desk, superuser: psycopg.Connection):
        visit = filled(desk, name="  ").press("do_make_token")

        assert "No token was made" in visit.words
        assert "A token needs a name" in visit.words
        assert visit.at.multiselect(key="token_may").value == ["see", "publish"]
        assert ids(desk, superuser) == []

    def test_offers_no_more_than_the_operator_may(self, migrated, app, vault, superuser):
        owner = seated(superuser, make_business(migrated, app, vault, roles=("product_owner",)), None)

        visit = owner.visit("tokens")

        assert visit.at.multiselect(key="token_may").options == ["See posts, deliveries, connections and flags"]

    def test_is_written_down(self, desk: Desk, superuser: psycopg.Connection):
        filled(desk, name="Written down").press("do_make_token")

        (found,) = superuser.execute(
            "select detail from audit_log where action = 'token.created' and actor = %s",
            (str(desk.business.operator_id),),
        ).fetchall()
        assert found[0]["name"] == "Written down"
        assert found[0]["accounts"] == [str(desk.id)]


class TestRevoking:
    def test_ends_it_after_a_second_word(
        self,
        desk: Desk,
        app: Database,
        superuser: psycopg.Connection,
    ):
        made = token_for(desk.business)
        (token_id,) = ids(desk, superuser)

        visit = desk.visit("tokens").press(f"revoke-{token_id}")
        assert tokens.known(app, made)
        visit.press(f"really-{token_id}")

        assert tokens.known(app, made) is None
        assert "Revoked" in visit.words
        assert f"revoke-{token_id}" not in visit.keys
        rows = superuser.execute("select actor from audit_log where action = 'token.revoked'").fetchall()
        assert (str(desk.business.operator_id),) in rows


class TestWhoSeesWhich:
    @pytest.fixture
    def others(self, migrated, app, vault, superuser) -> Desk:
        return seated(superuser, make_business(migrated, app, vault), None)

    def test_an_operator_their_own(self, desk: Desk, others: Desk, superuser: psycopg.Connection):
        token_for(others.business)

        visit = desk.visit("tokens")

        assert not [key for key in visit.keys if key.removeprefix("revoke-") in ids(others, superuser)]
        assert "No token yet." in visit.words

    def test_an_admin_everybodys(self, migrated, app, vault, others: Desk, superuser: psycopg.Connection):
        made = token_for(others.business)
        admin = seated(superuser, make_business(migrated, app, vault, roles=("admin",)), None)
        (token_id,) = ids(others, superuser)

        visit = admin.visit("tokens")
        assert "1 you do not act for" in visit.words
        visit.press(f"revoke-{token_id}").press(f"really-{token_id}")

        assert tokens.known(app, made) is None
