"""What goes wrong at the sandbox while chaos reigns."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.chaos.platforms import LATEST_COMMIT
from tests.sandbox import Sandbox

Shares = Sequence[tuple[float, Mapping[str, Any]]]

WRITES = ("com.atproto.repo.applyWrites", "com.atproto.repo.createRecord")
READS = ("com.atproto.repo.getRecord", "com.atproto.repo.listRecords")
REFRESH = "com.atproto.server.refreshSession"
HUGE = 2_500_000  # bytes, more than anybody should read

# Of all requests of a method, how many meet this fault: 30 in 100 of each, and most of the few refreshes.
OF_WRITES: Shares = (
    (0.03, {"kind": "drop"}),
    (0.05, {"kind": "lose_reply"}),
    (0.01, {"kind": "late", "seconds": 0.3}),
    (0.05, {"kind": "late", "seconds": LATEST_COMMIT - 1}),
    (0.02, {"kind": "error_before"}),
    (0.04, {"kind": "error_after"}),
    (0.03, {"kind": "garbage"}),
    (0.01, {"kind": "huge", "bytes": HUGE}),
    (0.01, {"kind": "html"}),
    (0.02, {"kind": "delay", "seconds": 0.5}),
    (0.01, {"kind": "rate_limit", "seconds": 1}),
    (0.02, {"kind": "expired_token"}),
)
OF_READS: Shares = (
    (0.1, {"kind": "drop"}),
    (0.08, {"kind": "error_before"}),
    (0.04, {"kind": "garbage"}),
    (0.04, {"kind": "html"}),
    (0.02, {"kind": "delay", "seconds": 0.5}),
    (0.02, {"kind": "rate_limit", "seconds": 1}),
)
OF_REFRESHES: Shares = (
    (0.4, {"kind": "drop"}),
    (0.2, {"kind": "lose_reply"}),
    (0.1, {"kind": "error_after"}),
)


def let_loose(sandbox: Sandbox) -> None:
    for method in WRITES:
        _add(sandbox, method, OF_WRITES)
    for method in READS:
        _add(sandbox, method, OF_READS)
    _add(sandbox, REFRESH, OF_REFRESHES)


def count(sandbox: Sandbox) -> tuple[int, int]:
    """How many requests there were since, and how many of them went wrong."""
    fired = [(fault["fired"], fault.get("seconds") == 0) for fault in sandbox.faults()]
    return sum(times for times, _ in fired), sum(times for times, went_well in fired if not went_well)


def _add(sandbox: Sandbox, method: str, shares: Shares) -> None:
    for share, fault in _in_turn(shares):
        sandbox.fault(method=method, share=share, **fault)
    sandbox.fault("delay", method=method, seconds=0)  # met by what met nothing else: it counts the others


def _in_turn(shares: Shares) -> Iterator[tuple[float, Mapping[str, Any]]]:
    """Turn shares of all calls into shares of those that met none of the faults before, as the sandbox draws."""
    left = 1.0
    for share, fault in shares:
        yield share / left, fault
        left -= share
