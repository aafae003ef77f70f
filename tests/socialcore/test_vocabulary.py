"""Whom an account mentions and what it tags, learnt from its own posts and from nobody else's."""

import json
import time
from collections.abc import Callable

import psycopg
import pytest

from socialcore import vocabulary
from tests.conftest import Business

WROTE = [
    {"text": "Rolls with butter from @millbrook.test #rye #portland"},
    {"text": "Thanks @millbrook.test and @cedar_pine! #Rye", "parts": ["And @harbor.bsky.social. #market"]},
    {"text": "Nothing", "variants": {"twitter": {"text": "For X: @cedar_pine #portland", "parts": None}}},
]


@pytest.fixture
def wrote(superuser: psycopg.Connection) -> Callable[[Business, list[dict]], None]:
    def write(business: Business, posts: list[dict]) -> None:
        with superuser.cursor() as cursor:
            cursor.executemany(
                "insert into composer.posts (account_id, submit_token, author_id, content, content_hash, submitted_at)"
                " values (%s, gen_random_uuid(), %s, %s, sha256(''), now() - make_interval(secs => %s))",
                [(business.account_id, business.operator_id, json.dumps(each), n) for n, each in enumerate(posts)],
            )
        superuser.commit()

    return write


def test_the_most_used_comes_first(bakery: Business, wrote):
    wrote(bakery, WROTE)
    with bakery.scope() as scope:
        known = vocabulary.of_account(scope)
    assert known.handles == ("millbrook.test", "cedar_pine", "harbor.bsky.social")
    assert known.tags == ("portland", "rye", "market")


def test_nothing_of_another_account(bakery: Business, florist: Business, wrote):
    wrote(florist, WROTE)
    with bakery.scope() as scope:
        assert vocabulary.of_account(scope) == vocabulary.Vocabulary()


def test_is_cheap_however_many_posts_there_are(bakery: Business, wrote):
    words = " ".join(f"rolls and bread {n}" for n in range(12))
    wrote(bakery, [{"text": f"{words} @shop{n % 90}.test #tag{n % 70}"} for n in range(5000)])
    with bakery.scope() as scope:
        vocabulary.of_account(scope)
        took = []
        for _ in range(5):
            start = time.process_time()
            known = vocabulary.of_account(scope)
            took.append(time.process_time() - start)
    print(f"{min(took) * 1000:.1f} ms of CPU")
    assert len(known.handles) == len(known.tags) == vocabulary.MOST_WORDS
    assert min(took) < 0.1
