from datetime import timedelta

import pytest

from socialcore import failures, retries
from socialcore.retries import GiveUp, LookFirst, TryAgain, WaitForReconnect

MINUTE = timedelta(minutes=1)
UNAVAILABLE = failures.Unavailable("away")
EXPIRED = failures.CredentialExpired("old")
LIMITED = failures.RateLimited("wait", wait=3 * MINUTE)


@pytest.mark.parametrize(
    ("failure", "tries", "repeats", "then"),
    [
        (failures.OutcomeUnknown("?"), 1, 1, LookFirst()),
        (failures.OutcomeUnknown("?"), 99, 9, LookFirst()),
        (LIMITED, 1, 1, TryAgain(3 * MINUTE)),
        (LIMITED, 99, 9, TryAgain(3 * MINUTE)),
        (EXPIRED, 1, 1, TryAgain(0 * MINUTE)),
        (EXPIRED, 99, 1, TryAgain(0 * MINUTE)),
        (EXPIRED, 1, 2, TryAgain(MINUTE / 12)),
        (EXPIRED, 1, 3, TryAgain(MINUTE / 4)),
        (EXPIRED, 1, 4, TryAgain(MINUTE)),
        (EXPIRED, 1, 99, TryAgain(60 * MINUTE)),
        (failures.ReconnectNeeded("gone"), 1, 1, WaitForReconnect()),
        (failures.ReconnectNeeded("gone"), 99, 9, WaitForReconnect()),
        (failures.ContentRejected("no"), 1, 1, GiveUp()),
        (UNAVAILABLE, 1, 1, TryAgain(MINUTE / 12)),
        (UNAVAILABLE, 2, 1, TryAgain(MINUTE / 4)),
        (UNAVAILABLE, 3, 1, TryAgain(MINUTE)),
        (UNAVAILABLE, 4, 9, TryAgain(5 * MINUTE)),
        (UNAVAILABLE, 5, 1, TryAgain(15 * MINUTE)),
        (UNAVAILABLE, 6, 1, TryAgain(30 * MINUTE)),
        (UNAVAILABLE, 7, 1, TryAgain(60 * MINUTE)),
        (UNAVAILABLE, 8, 1, GiveUp()),
        (UNAVAILABLE, 99, 1, GiveUp()),
        (failures.PlatformFailure("something new"), 1, 1, TryAgain(MINUTE / 12)),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, int) else str(value),
)
def test_next_step_is_what_the_table_says(failure, tries, repeats, then):
    assert retries.next_step(failure, tries=tries, repeats=repeats) == then


def test_every_kind_of_failure_stands_in_the_table():
    kinds = {
        kind.__name__ for kind in failures.PlatformFailure.__subclasses__() if kind.__module__ == failures.__name__
    }
    assert kinds == {
        "ContentRejected", "CredentialExpired", "ReconnectNeeded", "RateLimited", "Unavailable", "OutcomeUnknown",
    }  # fmt: skip


@pytest.mark.parametrize(("looks", "wait"), [(0, 5), (1, 15), (2, 60), (3, 300), (4, 300), (99, 300)])
def test_looking_again_takes_its_time(looks, wait):
    assert retries.next_look(looks) == timedelta(seconds=wait)


def test_waits_grow():
    assert list(retries.WAITS) == sorted(retries.WAITS)


def test_waits_are_spread_but_never_shortened(monkeypatch):
    monkeypatch.setattr(retries, "SPREAD", 0.1)

    spread = {retries.spread(10 * MINUTE) for _ in range(200)}

    assert len(spread) > 100
    assert all(10 * MINUTE <= wait <= 11 * MINUTE for wait in spread)
