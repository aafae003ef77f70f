"""The verdict sees what it is there to see."""

from typing import Any
from uuid import UUID, uuid4

from tests.chaos.verdict import Verdict, judge, uri

DID = "did:plc:bakery"


def post(text: str, rkey: str, **record: Any) -> dict[str, Any]:
    return {"did": DID, "rkey": rkey, "record": {"text": text, **record}}


def delivery(text: str, bound: dict[str, Any] | None, state: str = "confirmed", **rest: Any) -> dict[str, Any]:
    remote_id = uri(bound) if bound else None
    known = {"id": uuid4(), "did": DID, "text": text, "state": state, "remote_id": remote_id, "record_key": None}
    return {**known, **rest}


def counted(verdict: Verdict) -> tuple[int, int, int]:
    return len(verdict.lost), len(verdict.duplicated), len(verdict.misbound)


BREAD, CAKE = post("bread", "1"), post("cake", "2")


def test_finds_nothing_where_each_is_public_once():
    deliveries = [delivery("bread", BREAD), delivery("cake", CAKE), delivery("tart", None, "cancelled")]

    assert counted(judge(deliveries, [BREAD, CAKE])) == (0, 0, 0)


def test_finds_what_is_confirmed_and_not_public():
    assert counted(judge([delivery("bread", BREAD)], [])) == (1, 0, 0)


def test_finds_what_is_public_and_said_not_to_be():
    for state in ("cancelled", "failed", "missed"):
        assert counted(judge([delivery("bread", None, state)], [BREAD])) == (1, 0, 0)


def test_leaves_to_a_person_what_is_left_to_a_person():
    undecided = [delivery("bread", None, "needs_review"), delivery("cake", None, "needs_review")]

    assert counted(judge(undecided, [BREAD])) == (0, 0, 0)


def test_finds_what_is_public_twice():
    assert counted(judge([delivery("bread", BREAD)], [BREAD, post("bread", "3")])) == (0, 1, 0)


def test_takes_twins_for_two_and_finds_a_third():
    again = post("bread", "3")
    twins = [delivery("bread", BREAD), delivery("bread", again)]

    assert counted(judge(twins, [BREAD, again])) == (0, 0, 0)
    assert counted(judge(twins, [BREAD, again, post("bread", "4")])) == (0, 1, 0)


def test_finds_what_is_bound_to_another_post():
    assert counted(judge([delivery("bread", CAKE), delivery("cake", None, "failed")], [BREAD, CAKE])) == (1, 0, 1)


def test_finds_what_is_bound_to_its_twins_post():
    ours, theirs = UUID(int=1), UUID(int=2)
    one, other = post("bread", "1", tags=[ours.hex]), post("bread", "2", tags=[theirs.hex])
    crossed = [delivery("bread", other, id=ours), delivery("bread", one, id=theirs)]

    assert counted(judge(crossed, [one, other])) == (0, 0, 2)


def test_finds_a_post_of_no_delivery():
    assert counted(judge([], [BREAD])) == (0, 0, 1)
