"""Waiting for something to become true, and saying what did not."""

import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")


def wait_for(true: Callable[[], Value], *, what: str = "", most_seconds: float = 20, every: float = 0.02) -> Value:
    """Ask until the answer is true, and return it.

    Raises:
        AssertionError: if it does not come to be in time.
    """
    until = time.monotonic() + most_seconds
    while not (answer := true()):
        assert time.monotonic() < until, f"not within {most_seconds} s: {what or true}; last: {answer!r}"
        time.sleep(every)
    return answer
