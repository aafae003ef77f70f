"""Likeness of posts: pairs that people would call the same or not, and what stands beside a post in time."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from socialcore import likeness, posts
from socialcore.connections import Connection
from socialcore.likeness import ALIKE, Around, Target
from socialcore.posts import Content, Variant
from tests.conftest import Business

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
RYE = "Fresh rye and cardamom rolls from eight on Saturday."
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SAME = [
    ("Fresh rye and cardamom rolls from eight on Saturday.", "fresh rye & cardamom rolls, from eight on Saturday!"),
    ("Fresh rye and cardamom rolls from eight on Saturday.", "Fresh rye and cardamom rolls from nine on Saturday."),
    (
        "We are hiring a baker. Apply at https://harbor.test/jobs",
        "We are hiring a baker! Apply here: harbor.test/jobs?utm_source=bsky",
    ),
    (
        "Our spring workshop has three places left. Sign up by Friday.",
        "Our spring workshop has two places left! Sign up by Friday.",
    ),
    (
        "Sourdough is out of the oven 🥖 harborbakery.example",
        "Sourdough is out of the oven harborbakery.example #sourdough",
    ),
    (
        "Yoga in the park every Sunday at 9. Bring a mat, we bring tea.",
        "Yoga in the park, every Sunday at 9: bring a mat and we bring tea.",
    ),
    (
        "New frames have arrived: gravel, touring and two tandems. Come and try them.",
        "New frames have arrived: gravel, touring, two tandems. Come and try them on Saturday.",
    ),
    (
        "Please book check-ups for June now; the first weeks are nearly full.",
        "Please book your check-ups for June now: the first weeks are nearly full.",
    ),
    (
        "Mother's Day bouquets can be ordered until Thursday. Pick up at the shop or have them delivered.",
        "Mother’s Day bouquets can be ordered until Thursday! Pick up at the shop, or have them delivered.",
    ),
    ("Puppy class starts again on 3 March. Six places.", "Puppy class starts again on 3 March — only six places!"),
    (
        "Vaccination week: no appointment needed from Monday to Friday, 8 to 12.",
        "Vaccination week: from Monday to Friday, 8 to 12, no appointment needed.",
    ),
    ("今日のおすすめはメロンパンです。焼きたてをどうぞ。", "今日のおすすめはメロンパンです。 焼きたてをどうぞ！"),
]
OTHER = [
    ("Today's soup: tomato and basil, with rye bread.", "Today's soup: lentil and cumin, with flat bread."),
    ("Open on Saturday from 9 to 12.", "Closed on Monday because of the holiday."),
    ("Fresh rye and cardamom rolls from eight on Saturday.", "Cinnamon buns and baguettes from seven on Sunday."),
    (
        "We are hiring a baker. Apply at https://harbor.test/jobs",
        "We are hiring for the counter. Write to us, or come in.",
    ),
    (
        "Thanks to everybody who came to the opening!",
        "Thanks to everybody who voted for us as the best bakery in town!",
    ),
    ("Class at seven tonight is full.", "Class at six tomorrow has four places."),
    ("Happy Easter from all of us", "Happy New Year from all of us"),
    ("New in the shop: touring tyres", "New in the shop: children's helmets"),
    ("https://harbor.test/jobs", "https://harbor.test/menu"),
    (
        "Peonies are in. Red, white, and a pink one that smells of lemon.",
        "Tulips are in. Yellow, white, and a black one from the Netherlands.",
    ),
    ("Special of the day: spinach quiche with salad, 9.50", "Special of the day: pumpkin risotto with sage, 12.50"),
    ("Tip 12: clean your chain after rain.", "Tip 13: check your brakes before a tour."),
    ("今日のおすすめはメロンパンです。", "今日のおすすめはカレーパンです。"),
    ("Sold out for today, see you tomorrow!", "Sold out of rye, but there is wheat and spelt."),
    (
        "Menu of the week: Monday soup, Tuesday pasta, Wednesday curry, Thursday fish, Friday pizza",
        "Menu of the week: Monday salad, Tuesday stew, Wednesday burger, Thursday tacos, Friday ramen",
    ),
]


class TestPairs:
    @pytest.mark.parametrize(("one", "other"), SAME)
    def test_that_say_the_same_again_are_alike(self, one: str, other: str):
        assert likeness.likeness(one, other) >= ALIKE + 0.05

    @pytest.mark.parametrize(("one", "other"), OTHER)
    def test_that_are_of_the_same_kind_are_not(self, one: str, other: str):
        assert likeness.likeness(one, other) <= ALIKE - 0.1

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("Rye  today", "rye\ntoday"),
            ("See https://harbor.test/menu/", "see harbor.test/menu?utm_source=x&utm_medium=y"),
            ("See harbor.test/menu?day=2&fbclid=abc", "See www.harbor.test/menu?day=2"),
            ("See harbor.test/menu?gclid=1&day=2#top", "See harbor.test/menu?day=2#top"),
            ("ｒｙｅ today", "rye today"),
            ("🥖🥖", "🥖🥖"),
        ],
    )
    def test_that_differ_only_in_what_does_not_matter_are_the_same(self, one: str, other: str):
        assert likeness.likeness(one, other) == 1

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("Open until 18:00", "Open until 20:00"),
            ("See harbor.test/menu?day=2", "See harbor.test/menu?day=3"),
            ("🥖🥖", "🥐🥐"),
            ("", ""),
        ],
    )
    def test_that_differ_in_what_matters_are_never_the_same(self, one: str, other: str):
        assert likeness.likeness(one, other) < 1

    def test_that_are_short_are_alike_only_if_the_same(self):
        assert likeness.likeness("Sold out!", "Sold out") == 1
        assert likeness.likeness("Sold outs", "Sold out") == 0

    @given(st.text(max_size=200), st.text(max_size=200))
    def test_are_as_alike_either_way_and_never_more_than_the_same(self, one: str, other: str):
        share = likeness.likeness(one, other)

        assert 0 <= share <= 1
        assert share == likeness.likeness(other, one)
        assert likeness.likeness(one, one) == (1 if one.strip() else 0)


@pytest.fixture
def post(superuser: psycopg.Connection) -> Callable[..., UUID]:
    """Write a post with a delivery, past the queue."""

    def put(connection: Connection, content: Content | str, due_at: datetime, state: str = "confirmed") -> UUID:
        post_id = uuid4()
        if isinstance(content, str):
            content = Content(text=content)
        superuser.execute(
            "insert into posts (account_id, id, submit_token, author_id, content, content_hash)"
            " select %s, %s, gen_random_uuid(), operator_id, %s, sha256('x') from memberships where account_id = %s"
            " limit 1",
            (connection.account_id, post_id, Jsonb(posts.to_json(content)), connection.account_id),
        )
        superuser.execute(
            "insert into deliveries (account_id, post_id, connection_id, state, priority, due_at, expires_at, next_at,"
            " rendered, text_hash, wire, wire_at, remote_id, read_back)"
            " values (%s, %s, %s, %s, 0, %s, %s, %s, '{}', sha256('x'), '{}', now(), %s, 'match')",
            (connection.account_id, post_id, connection.id, state, due_at, due_at, due_at, uuid4().hex),
        )
        return post_id

    return put


def around(business: Business, text: str | Content, *connections: Connection, at: datetime = NOW) -> Around:
    content = Content(text=text) if isinstance(text, str) else text
    with business.scope() as scope:
        return likeness.around(scope, content, [Target(each.id, each.platform) for each in connections], at)


class TestAround:
    def test_finds_the_post_that_is_the_most_alike(self, bakery: Business, post):
        connection = bakery.connect()
        post(connection, "Cinnamon buns and baguettes from seven on Sunday.", NOW - DAY)
        post(connection, RYE.replace("eight", "nine"), NOW - 2 * DAY)
        same = post(connection, RYE.upper(), NOW - 3 * DAY)

        found = around(bakery, RYE, connection).alike[connection.id]

        assert (found.post_id, found.share, found.due_at) == (same, 1, NOW - 3 * DAY)
        assert found.is_public

    def test_of_the_same_text_twice_names_the_nearest(self, bakery: Business, post):
        connection = bakery.connect()
        post(connection, RYE, NOW - 9 * DAY)
        near = post(connection, RYE, NOW + 2 * DAY, "queued")

        found = around(bakery, RYE, connection).alike[connection.id]

        assert (found.post_id, found.is_public) == (near, False)

    @pytest.mark.parametrize("state", ["failed", "missed", "cancelled"])
    def test_what_is_not_public_and_will_not_be_was_not_said(self, bakery: Business, post, state: str):
        connection = bakery.connect()
        post(connection, RYE, NOW - timedelta(minutes=5), state)

        assert around(bakery, RYE, connection) == Around({}, {})

    @pytest.mark.parametrize(("days", "said"), [(29, True), (31, False), (-29, True), (-31, False)])
    def test_looks_thirty_days_to_either_side(self, bakery: Business, post, days: int, said: bool):
        connection = bakery.connect()
        post(connection, RYE, NOW - days * DAY)

        assert bool(around(bakery, RYE, connection).alike) == said

    def test_looks_at_the_connection_itself_and_nobody_elses(self, bakery: Business, florist: Business, post):
        here, there, theirs = bakery.connect("a.test"), bakery.connect("b.test"), florist.connect()
        post(there, RYE, NOW)
        post(theirs, RYE, NOW)

        assert around(bakery, RYE, here) == Around({}, {})
        assert around(bakery, RYE, theirs) == Around({}, {})
        assert list(around(bakery, RYE, here, there).alike) == [there.id]

    def test_compares_what_each_platform_was_and_is_given(self, bakery: Business, post):
        connection = bakery.connect()
        other = "Closed on Monday because of the holiday."
        post(connection, Content(text=other, variants={"bluesky": Variant(text=RYE)}), NOW - DAY)

        assert around(bakery, RYE, connection).alike
        assert not around(bakery, other, connection).alike
        assert around(bakery, Content(text=other, variants={"bluesky": Variant(text=RYE)}), connection).alike

    def test_compares_all_parts_of_a_thread(self, bakery: Business, post):
        connection = bakery.connect()
        post(connection, Content(text=RYE, parts=("Closed on Monday because of the holiday.",)), NOW - DAY)

        assert not around(bakery, RYE, connection).alike
        again = Content(text=RYE, variants={"bluesky": Variant(parts=("Closed on Monday, because of the holiday",))})
        assert around(bakery, again, connection).alike

    def test_a_text_that_is_not_there_yet_is_like_nothing_but_may_clash(self, bakery: Business, post):
        connection = bakery.connect()
        post(connection, "", NOW)

        found = around(bakery, "  ", connection)

        assert not found.alike
        assert found.clashes

    @pytest.mark.parametrize(
        ("minutes", "clashes"), [(-61, False), (-60, False), (-59, True), (0, True), (59, True), (60, False)]
    )
    def test_a_clash_is_less_than_an_hour_away(self, bakery: Business, post, minutes: int, clashes: bool):
        connection = bakery.connect()
        post_id = post(connection, "Something else entirely", NOW + timedelta(minutes=minutes), "queued")

        found = around(bakery, RYE, connection).clashes

        assert [each.post_id for each in found.values()] == ([post_id] if clashes else [])

    def test_of_several_clashes_names_the_nearest(self, bakery: Business, post):
        connection = bakery.connect()
        post(connection, "One", NOW - timedelta(minutes=50))
        near = post(connection, "Two", NOW + timedelta(minutes=20), "queued")

        assert around(bakery, RYE, connection).clashes[connection.id].post_id == near

    def test_is_quick_among_5000_posts(self, bakery: Business, post, superuser: psycopg.Connection, record_property):
        connections = [bakery.connect(f"c{n}.test") for n in range(4)]
        with superuser.transaction():
            for number in range(1250):
                for connection in connections:
                    text = f"{number}: {RYE} {uuid4()} {number * 7919}"
                    post(connection, text, NOW - timedelta(minutes=30 * number))
        superuser.execute("analyze posts")
        superuser.execute("analyze deliveries")
        text = "Something that nobody has said, in about as many words as the others have, on Saturday from eight."
        taken = []
        for _ in range(8):
            started = time.perf_counter()
            around(bakery, text, *connections)
            taken.append(time.perf_counter() - started)

        first, rest = taken[0], sorted(taken[1:])
        words = f"likeness among 5,000 posts on 4 connections: {first * 1000:.0f} ms at first"
        record_property("shows", f"{words}, then {rest[3] * 1000:.0f} ms")
        assert rest[3] < 0.5
