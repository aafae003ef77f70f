"""The calendar's query: each post on its account's day, in the state a person would be told, and no more than fits."""

import itertools
import json
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import psycopg
import pytest

from socialcore import deliveries, planning
from socialcore.connections import Connection
from socialcore.database import portfolio_scope
from socialcore.planning import Planned
from tests.conftest import Business, make_business

APRIL = (date(2031, 4, 1), date(2031, 4, 30))


@pytest.fixture
def baker(migrated, app, vault) -> Business:
    made = make_business(migrated, app, vault, zone="Asia/Kolkata")
    made.connect("first.test")
    made.connect("second.test")
    return made


def put(
    superuser: psycopg.Connection,
    business: Business,
    due_at: datetime,
    *states: str,
    text: str = "Fresh bread",
    to: Connection | None = None,
    **columns: object,
) -> UUID:
    """Write a post with one delivery per state, to the first connection, the second and so on."""
    post_id = uuid4()
    superuser.execute(
        "insert into posts (account_id, id, submit_token, author_id, content, content_hash)"
        " values (%s, %s, %s, %s, %s, %s)",
        (business.account_id, post_id, uuid4(), business.operator_id, json.dumps({"text": text}), b"h" * 32),
    )
    chosen = [to] if to else list(business.connections.values())
    for connection, state in zip(chosen, states, strict=False):
        sent = state not in ("queued", "missed", "cancelled")
        known = {
            "account_id": business.account_id,
            "id": uuid4(),
            "post_id": post_id,
            "connection_id": connection.id,
            "state": state,
            "priority": 1,
            "due_at": due_at,
            "expires_at": due_at + timedelta(hours=2),
            "next_at": due_at,
            "attempt": int(sent),
            "rendered": "{}",
            "text_hash": uuid4().bytes * 2,
            "wire": "{}" if sent else None,
            "wire_at": due_at if sent else None,
            "remote_id": str(uuid4()) if sent else None,
            "read_back": "match" if state == "confirmed" else None,
        } | columns
        names = ", ".join(known)
        superuser.execute(
            f"insert into deliveries ({names}) values ({', '.join(['%s'] * len(known))})", list(known.values())
        )
    return post_id


def found(business: Business, first: date = APRIL[0], last: date = APRIL[1], **rest: object) -> list[Planned]:
    with business.scope() as scope:
        return planning.planned(scope, first, last, **{"per": "day", "most": 4} | rest)


class TestWhatIsListed:
    def test_stands_on_the_accounts_own_day(self, baker: Business, superuser: psycopg.Connection):
        put(superuser, baker, datetime(2031, 3, 31, 18, 29, tzinfo=UTC), "confirmed", text="23:59 on the 31st")
        put(superuser, baker, datetime(2031, 3, 31, 18, 30, tzinfo=UTC), "confirmed", text="The 1st begins")
        put(superuser, baker, datetime(2031, 4, 30, 18, 29, tzinfo=UTC), "queued", text="The 30th ends")
        put(superuser, baker, datetime(2031, 4, 30, 18, 30, tzinfo=UTC), "queued", text="The 1st of May")

        assert [(each.title, each.local) for each in found(baker)] == [
            ("The 1st begins", datetime(2031, 4, 1)),  # noqa: DTZ001 - what a clock shows
            ("The 30th ends", datetime(2031, 4, 30, 23, 59)),  # noqa: DTZ001
        ]

    @pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago", "Europe/Berlin"])
    def test_is_whole_wherever_the_account_is(self, migrated, app, vault, superuser, zone: str):
        business = make_business(migrated, app, vault, zone=zone)
        business.connect()
        for n in range(24):
            local = datetime(2031, 4, 1, n, tzinfo=ZoneInfo(zone))
            put(superuser, business, local.astimezone(UTC), "queued", text=f"{n}")

        titles = [each.title for each in found(business, date(2031, 4, 1), date(2031, 4, 1), most=99)]

        assert titles == [f"{n}" for n in range(24)]

    def test_is_one_post_for_all_its_platforms_in_its_worst_state(self, baker: Business, superuser):
        post_id = put(superuser, baker, datetime(2031, 4, 2, 6, tzinfo=UTC), "confirmed", "failed")

        (one,) = found(baker)

        assert (one.post_id, one.shown, sorted(one.states)) == (post_id, "failed", ["failed", "published"])
        assert one.platforms == ["bluesky"]
        assert one.number

    def test_leaves_out_what_was_stopped(self, baker: Business, superuser):
        put(superuser, baker, datetime(2031, 4, 2, 6, tzinfo=UTC), "cancelled", "cancelled")

        assert found(baker) == []

    def test_lists_what_a_day_can_show_and_counts_the_rest(self, baker: Business, superuser):
        for n in range(7):
            put(superuser, baker, datetime(2031, 4, 2, 6, n, tzinfo=UTC), "queued", text=f"{n}")
        put(superuser, baker, datetime(2031, 4, 2, 9, tzinfo=UTC), "queued", text="later")

        assert [(each.title, each.among) for each in found(baker, most=3)] == [("0", 8), ("1", 8), ("2", 8)]
        by_hour = [(each.title, each.among) for each in found(baker, most=2, per="hour")]
        assert by_hour == [("0", 7), ("1", 7), ("later", 1)]

    def test_shows_the_first_words_only(self, baker: Business, superuser):
        put(superuser, baker, datetime(2031, 4, 2, 6, tzinfo=UTC), "queued", text="🥐" * 500)

        assert [each.title for each in found(baker)] == ["🥐" * planning.TITLE]

    def test_of_one_platform(self, baker: Business, superuser):
        put(superuser, baker, datetime(2031, 4, 2, 6, tzinfo=UTC), "queued")

        assert len(found(baker, platform="bluesky")) == 1
        assert found(baker, platform="slack") == []

    def test_is_never_anybody_elses(self, baker: Business, florist: Business, superuser):
        put(superuser, baker, datetime(2031, 4, 2, 6, tzinfo=UTC), "queued")

        assert found(florist) == []
        assert found(florist, account_id=baker.account_id) == []
        with portfolio_scope(florist.app, florist.operator_id) as scope:
            assert planning.planned(scope, *APRIL, per="day", most=4) == []
        with portfolio_scope(baker.app, baker.operator_id) as scope:
            assert len(planning.planned(scope, *APRIL, per="day", most=4)) == 1


def test_sql_and_python_say_the_same_of_every_state(baker: Business, superuser: psycopg.Connection):
    connection = next(iter(baker.connections.values()))
    soon, past = datetime.now(UTC) + timedelta(days=1), datetime.now(UTC) - timedelta(minutes=5)
    for state, due_at, held, failure, attempt in itertools.product(
        ("queued", "sending", "ambiguous", "needs_review", "accepted", "confirmed", "failed", "missed"),
        (soon, past),
        ("A flag is off", None),
        ("Refused", None),
        (0, 1),
    ):
        known = {"held_because": held, "failure": failure, "attempt": attempt, "wire": "{}", "wire_at": past}
        first = put(superuser, baker, due_at, state, to=connection, **known)
        (before,) = superuser.execute("select id from deliveries where post_id = %s", (first,)).fetchone()
        put(superuser, baker, due_at, "queued", to=connection, follows=before, part=2)

    with baker.scope() as scope:
        told = dict(scope.run(f"select d.id, {deliveries.SHOWN} as shown from deliveries d").all())
        rows = scope.all(deliveries.Delivery, deliveries.SELECT)

    assert len(rows) == 8 * 2**4 * 2
    assert {each.id: each.shown for each in rows} == told
    assert set(told.values()) > {"queued", "scheduled", "held", "retrying", "published", "checking", "publishing"}
