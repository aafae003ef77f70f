import hashlib
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy.exc import DBAPIError

from socialcore import accounts, operators
from socialcore.accounts import COLOURS, BadAccount
from socialcore.database import NotYourAccount, account_scope, portfolio_scope
from socialcore.operators import BadOperator, Capability, NotAllowed, Operator

IDLE, LONGEST = timedelta(minutes=30), timedelta(hours=10)


@pytest.fixture
def admin(migrated):
    """Run one thing as the command line does."""

    def run(what, *arguments, **options):
        with migrated.administration() as scope:
            return what(scope, *arguments, **options)

    return run


@pytest.fixture
def invite(admin):
    """Invite somebody whom no identity provider has vouched for yet."""

    def one(**options):
        email = f"{uuid4().hex}@composer.example"
        return admin(operators.add, "Press office", email, ["publisher"], **options), email

    return one


@pytest.fixture
def sign_in(app):
    def start(subject, email=None, *, issuer="https://id.example", token=None):
        token = token or uuid4().hex
        return token, operators.start_sign_in(app, token, issuer=issuer, subject=subject, verified_email=email)

    return start


@pytest.fixture
def age(superuser):
    """Make a sign-in older, and longer unused, than it is."""

    def by(token, *, started=timedelta(0), seen=timedelta(0)):
        superuser.execute(
            "update sign_ins set started_at = started_at - %s, seen_at = seen_at - %s where token_hash = %s",
            (started, seen, hashlib.sha256(token.encode()).digest()),
        )

    return by


def who(app, token):
    return operators.signed_in(app, token, idle=IDLE, longest=LONGEST)


class TestSignIn:
    def test_binds_an_invited_operator_by_a_verified_address_once(self, app, invite, sign_in, superuser):
        invited, email = invite()
        subject = uuid4().hex

        token, found = sign_in(subject, email.upper())

        assert found == invited
        assert who(app, token) == Operator(invited, "Press office", email, ["publisher"], False)
        assert sign_in(subject)[1] == invited  # known by issuer and subject from now on
        assert sign_in(subject, "another@composer.example")[1] == invited
        # Whoever comes with the same address later is somebody else.
        assert sign_in(uuid4().hex, email)[1] is None
        assert sign_in(subject, email, issuer="https://elsewhere.example")[1] is None
        bound = superuser.execute("select issuer, subject from operators where id = %s", (invited,)).fetchone()
        assert bound == ("https://id.example", subject)

    def test_lets_no_stranger_in(self, app, invite, sign_in):
        _, email = invite()
        for address in (None, "nobody@composer.example", f" {email}", email.replace("@", "+x@")):
            token, found = sign_in(uuid4().hex, address)
            assert found is None
            assert who(app, token) is None
            assert not operators.was_signed_in(app, token)

    def test_lets_nobody_in_who_is_no_longer_active(self, app, invite, sign_in, superuser):
        invited, email = invite()
        subject = uuid4().hex
        token, _ = sign_in(subject, email)
        superuser.execute("update operators set active = false where id = %s", (invited,))

        assert who(app, token) is None
        assert sign_in(subject, email)[1] is None

    def test_does_not_bind_whoever_was_deactivated_before_the_first_one(self, invite, sign_in, superuser):
        invited, email = invite()
        superuser.execute("update operators set active = false where id = %s", (invited,))
        assert sign_in(uuid4().hex, email)[1] is None

    def test_of_somebody_deactivated_binds_nobody_else(self, invite, sign_in, superuser):
        gone, email = invite()
        subject = uuid4().hex
        sign_in(subject, email)
        superuser.execute("update operators set active = false where id = %s", (gone,))

        assert sign_in(subject, invite()[1])[1] is None

    def test_keeps_only_a_hash_of_its_token(self, app, invite, sign_in, superuser):
        token, _ = sign_in(uuid4().hex, invite()[1])
        rows = superuser.execute("select token_hash::text from sign_ins").fetchall()
        assert (f"\\x{hashlib.sha256(token.encode()).hexdigest()}",) in rows
        assert token not in repr(rows)

    def test_does_not_start_twice_under_one_token(self, app, invite, sign_in):
        subject = uuid4().hex
        token, _ = sign_in(subject, invite()[1])
        operators.end_sign_in(app, token)
        with pytest.raises(DBAPIError):
            sign_in(subject, token=token)
        assert who(app, token) is None

    @pytest.mark.parametrize(
        ("aged", "is_in"),
        [
            ({}, True),
            ({"seen": IDLE - timedelta(minutes=1)}, True),
            ({"seen": IDLE + timedelta(minutes=1)}, False),
            ({"started": LONGEST - timedelta(minutes=1)}, True),
            ({"started": LONGEST + timedelta(minutes=1)}, False),
        ],
        ids=["fresh", "almost idle", "idle", "almost too old", "too old"],
    )
    def test_lasts_while_it_is_used_and_not_for_ever(self, app, invite, sign_in, age, aged, is_in):
        token, _ = sign_in(uuid4().hex, invite()[1])
        age(token, **aged)
        assert (who(app, token) is not None) == is_in

    def test_stays_over_once_it_was_idle_for_too_long(self, app, invite, sign_in, age, superuser):
        token, _ = sign_in(uuid4().hex, invite()[1])
        age(token, seen=IDLE + timedelta(minutes=1))
        assert [who(app, token) for _ in range(3)] == [None] * 3
        assert operators.was_signed_in(app, token)

    def test_notes_its_use_at_most_once_a_minute(self, app, invite, sign_in, age, superuser):
        token, _ = sign_in(uuid4().hex, invite()[1])
        seen = "select seen_at, xmin::text from sign_ins where token_hash = sha256(convert_to(%s, 'UTF8'))"
        before = superuser.execute(seen, (token,)).fetchone()
        for _ in range(3):
            who(app, token)
        assert superuser.execute(seen, (token,)).fetchone() == before
        age(token, seen=timedelta(minutes=2))
        who(app, token)
        assert superuser.execute(seen, (token,)).fetchone()[0] > before[0]

    def test_ends_for_good(self, app, invite, sign_in):
        subject = uuid4().hex
        token, _ = sign_in(subject, invite()[1])
        other, _ = sign_in(subject)

        operators.end_sign_in(app, token)
        operators.end_sign_in(app, token)

        assert who(app, token) is None
        assert operators.was_signed_in(app, token)
        assert who(app, other) is not None

    def test_shows_roles_as_they_are_now(self, app, invite, sign_in, superuser):
        invited, email = invite()
        token, _ = sign_in(uuid4().hex, email)
        superuser.execute("update operators set roles = '{qa}' where id = %s", (invited,))
        assert who(app, token).roles == ["qa"]


class TestRoles:
    @pytest.mark.parametrize(
        ("role", "may"),
        [
            ("publisher", "see publish connect"),
            ("product_owner", "see release"),
            ("qa", "see publish connect test"),
            ("admin", "see publish connect release test manage"),
        ],
    )
    def test_allow_what_the_table_says(self, role, may):
        operator = Operator(uuid4(), "Press office", "press@composer.example", [role], False)
        for capability in Capability:
            assert operator.may(capability) == (capability in may.split())
            if capability not in may.split():
                with pytest.raises(NotAllowed, match=f"{role}.*{capability}"):
                    operator.require(capability)
            else:
                operator.require(capability)

    def test_add_up(self):
        operator = Operator(uuid4(), "Press office", "press@composer.example", ["publisher", "product_owner"], False)
        assert {each for each in Capability if operator.may(each)} == {"see", "publish", "connect", "release"}

    def test_are_all_in_the_table(self):
        assert set(operators.MAY) == set(operators.ROLES)


class TestAdd:
    @pytest.mark.parametrize(
        ("changes", "says"),
        [
            ({"roles": ["boss"]}, "No such role: boss"),
            ({"roles": []}, "at least one role"),
            ({"name": "  "}, "needs a name"),
            ({"email": "press"}, "e-mail address"),
        ],
    )
    def test_refuses_what_makes_no_operator(self, admin, changes, says):
        values = {"name": "Press office", "email": "press@composer.example", "roles": ["qa"], **changes}
        with pytest.raises(BadOperator, match=says):
            admin(operators.add, values["name"], values["email"], values["roles"])

    def test_refuses_an_address_that_is_taken_in_any_spelling(self, admin, invite):
        _, email = invite()
        with pytest.raises(BadOperator, match="already"):
            admin(operators.add, "Somebody", f" {email.upper()} ", ["qa"])

    def test_gives_every_account_to_whoever_has_them_all_also_those_to_come(self, admin, migrated, app):
        everywhere = admin(
            operators.add, "Night desk", f"{uuid4().hex}@composer.example", ["admin"], every_account=True
        )
        later = admin(accounts.add, f"Café {uuid4().hex}", time_zone="Europe/Paris")
        with account_scope(app, everywhere, later.id) as scope:
            assert [each.id for each in accounts.visible(scope)] == [later.id]
        with portfolio_scope(app, everywhere) as scope:
            assert later.id in {each.id for each in accounts.visible(scope)}

    def test_gives_an_operator_the_accounts_that_were_named_and_no_others(self, admin, app, bakery, florist):
        both = admin(
            operators.add,
            "Agency",
            f"{uuid4().hex}@composer.example",
            ["publisher"],
            accounts=[bakery.account_id, florist.account_id],
        )
        other = admin(accounts.add, f"Café {uuid4().hex}", time_zone="UTC")
        with portfolio_scope(app, both) as scope:
            assert {each.id for each in accounts.visible(scope)} == {bakery.account_id, florist.account_id}
            assert operators.names(scope)[both] == "Agency"
        with pytest.raises(NotYourAccount), account_scope(app, both, other.id):
            pytest.fail("never entered")

    def test_lists_those_who_are_active(self, admin, invite, superuser):
        (one, _), (gone, _) = invite(), invite()
        superuser.execute("update operators set active = false where id = %s", (gone,))
        listed = {each.id for each in admin(operators.everybody)}
        assert one in listed
        assert gone not in listed


class TestAccounts:
    @pytest.mark.parametrize(
        ("changes", "says"),
        [
            ({"name": " "}, "needs a name"),
            ({"time_zone": "Berlin"}, "no time zone"),
            ({"time_zone": ""}, "no time zone"),
            ({"colour": "red"}, "no colour"),
            ({"colour": "#FFFFFF"}, "no colour"),
        ],
    )
    def test_refuse_what_makes_none(self, admin, changes, says):
        values = {"name": "Bakery", "time_zone": "UTC", "colour": None, **changes}
        with pytest.raises(BadAccount, match=says):
            admin(accounts.add, values.pop("name"), **values)

    def test_have_a_name_of_their_own(self, admin):
        name = f"Bakery {uuid4().hex}"
        added = admin(accounts.add, f" {name} ", time_zone="Europe/Berlin")
        assert (added.name, str(added.zone), added.plan) == (name, "Europe/Berlin", "basic")
        assert added.colour in COLOURS
        with pytest.raises(BadAccount, match="already"):
            admin(accounts.add, name, time_zone="UTC")

    def test_are_listed_by_name(self, admin):
        for name in ("b", "A", "c"):
            admin(accounts.add, f"{name} {uuid4().hex}", time_zone="UTC")
        names = [each.name.lower() for each in admin(accounts.all_accounts)]
        assert names == sorted(names)

    @pytest.mark.parametrize("colour", COLOURS)
    def test_have_colours_that_white_is_read_on(self, colour):
        channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
        assert 1.05 / (luminance + 0.05) >= 5.9
