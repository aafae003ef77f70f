"""The product's safeguards, each of which can be switched off: what a planted bug is."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Bugs:
    """The default is the product, in the world that it promises to bear."""

    settle: float = 120
    misses: int = 2
    retries_blindly: bool = False
    twins_wait: bool = True
    rescues_by_lock: bool = True
    intent_needs_pulse: bool = True
    deadline_matters: bool = True
    checks_claim: bool = True
    checks_attempt: bool = True
    reads_behind_gate: bool = True
    reads_holds: bool = True
    undo_looks: bool = True
    stop_is_certain: bool = True
    failed_is_certain: bool = True
    checks_version: bool = True
    refreshes_in_turn: bool = True
    waits_when_limited: bool = True
    keeps_late_receipts: bool = True
    minds_jumps: bool = True
    moves_untouched_only: bool = True
    intent_minds_moves: bool = True
    refreshes_in_time: bool = True
    # Not bugs: a world that is harsher than the product promises to bear.
    freezes_at_write: bool = False


def planted(**switched: object) -> Bugs:
    return replace(Bugs(), **switched)  # type: ignore[arg-type]


# Each breaks a promise by itself.
PLANTED = {
    "no settle": planted(settle=0),
    "a settle shorter than late commits": planted(settle=30),
    "one absence is believed where two are needed": planted(misses=1),
    "blind retry": planted(retries_blindly=True),
    "no twin rule": planted(twins_wait=False),
    "flags and holds are read before the gate": planted(reads_behind_gate=False),
    "the intent does not read holds": planted(reads_holds=False),
    "undo does not look whether it was sent": planted(undo_looks=False),
    "cancelled is said too early": planted(stop_is_certain=False),
    "failed is said too early": planted(failed_is_certain=False),
    "a refresh does not check the version": planted(checks_version=False),
    "a refresh waits for nobody": planted(refreshes_in_turn=False),
    "a jump of the clock is not minded": planted(minds_jumps=False),
    "the intent does not mind that a post was moved": planted(intent_minds_moves=False),
    "a rate limit is ignored": planted(waits_when_limited=False),
}

# Defence in depth: each of these takes two safeguards away, because one covers for the other.
PAIRS = {
    "neither lock nor deadline": planted(rescues_by_lock=False, intent_needs_pulse=False, deadline_matters=False),
    "rescue by heartbeat, and no deadline": planted(rescues_by_lock=False, deadline_matters=False),
    "neither claim nor attempt number is checked": planted(checks_claim=False, checks_attempt=False),
}

# What is covered: half a pair each. And a late receipt that is dropped costs a look, which finds the post again.
COVERED = {
    "rescue by heartbeat": planted(rescues_by_lock=False),
    "no deadline": planted(deadline_matters=False),
    "the intent does not ask for the pulse": planted(intent_needs_pulse=False),
    "the claim number is not checked": planted(checks_claim=False),
    "the attempt number is not checked": planted(checks_attempt=False),
    "a late receipt is dropped": planted(keeps_late_receipts=False),
    "what was tried before is moved all the same": planted(moves_untouched_only=False),
}

# What the product does not bear; found here so that nobody forgets. Not bugs of ours that were planted.
HARSHER = {
    "frozen between the last check and the write": planted(freezes_at_write=True),
}
