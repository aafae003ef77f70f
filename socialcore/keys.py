"""The master keys: which is needed for what, a new one, and putting everything under it.

A value is put under another key without being opened: only the key of that value is wrapped anew.
"""

import base64
import secrets
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row

from socialcore import vault
from socialcore.database import SystemScope
from socialcore.embedded import Server
from socialcore.installation import RING, Installation, embedded
from socialcore.vault import KeyMissing, Undecryptable, Vault

BATCH = 500


class KeyNeeded(Exception):
    """A key cannot be done without, or is not there; says which, and what to do."""


@dataclass(frozen=True, slots=True)
class Use:
    """How many values one master key seals."""

    number: int
    values: int
    is_here: bool
    seals: bool


def uses(here: Installation) -> list[Use]:
    """List every key that is here or needed, by its number."""
    with here.sealed() as scope:
        rows = scope.run(
            "select ('x' || encode(substring(sealed from 2 for 4), 'hex'))::bit(32)::integer as number, count(*)"
            " from (select sealed from grants union all select sealed from departures where sealed is not null) s"
            " group by 1"
        ).all()
    counts = {row[0]: row[1] for row in rows}
    newest = max(here.sealing_keys)
    return [
        Use(number, counts.get(number, 0), number in here.sealing_keys, number == newest)
        for number in sorted({*counts, *here.sealing_keys})
    ]


def new(ring: Mapping[int, bytes]) -> tuple[int, str]:
    """Make a key for this ring: its number, and its entry in the ring's text."""
    number = max(ring) + 1
    return number, _entry(number, secrets.token_bytes(32))


def add_to_embedded(postgres: Server) -> int:
    """Make a new key for the embedded installation and keep it beside its server; returns its number."""
    ring = embedded(postgres).sealing_keys
    number, entry = new(ring)
    postgres.keep(RING, "\n".join([*(_entry(*each) for each in ring.items()), entry]))
    return number


def remove_from_embedded(postgres: Server, number: int) -> None:
    ring = embedded(postgres).sealing_keys
    postgres.keep(RING, "\n".join(_entry(*each) for each in ring.items() if each[0] != number))


def rotate(here: Installation) -> Generator[int]:
    """Put every value under the newest key, some at a time; yields how many are done so far.

    It can be stopped and run again at any time. A value that is in use at the moment, or damaged, stays as it is.

    Raises:
        KeyNeeded: if a value is sealed under a key that is not here.
    """
    if gone := [use.number for use in uses(here) if use.values and not use.is_here]:
        needs = ", ".join(map(str, gone))
        raise KeyNeeded(f"Values are sealed under key {needs}, which is not here. Nothing was changed: add it first.")
    sealing, done = here.vault(), 0
    for table in _TABLES:
        last: Sequence[object] = (NOTHING, NOTHING)
        while True:
            with here.sealed() as scope:
                seen, last = table.rewrap(scope, sealing, last)
            if not seen:
                break
            done += seen
            yield done


def insist_on_unused(here: Installation, number: int) -> None:
    """Refuse to part with a key that is needed.

    Raises:
        KeyNeeded: saying for what.
    """
    use = next((each for each in uses(here) if each.number == number), None)
    if use is None:
        raise KeyNeeded(f"There is no key {number}.")
    if use.seals:
        raise KeyNeeded(f"Key {number} seals what is new. Make another first: keys add")
    if use.values:
        raise KeyNeeded(f"{use.values} values still need key {number}. Put them under the newest first: keys rotate")


NOTHING = "00000000-0000-0000-0000-000000000000"  # comes before every id


@dataclass(frozen=True, slots=True)
class _Sealed:
    """A table with sealed values."""

    name: str
    columns: str
    place: Callable[[Row[Any]], bytes]

    def rewrap(self, scope: SystemScope, sealing: Vault, last: Sequence[object]) -> tuple[int, Sequence[object]]:
        """Put the next ones after `last` under the newest key; returns how many were seen, and the last of them."""
        rows = scope.run(
            f"select {self.columns} from {self.name} where sealed is not null"
            "   and substring(sealed from 2 for 4) <> :newest"
            "   and (account_id, id) > (cast(:account_id as uuid), cast(:id as uuid))"
            " order by account_id, id limit :most for update skip locked",
            {"newest": sealing.newest.to_bytes(4, "big"), "account_id": last[0], "id": last[1], "most": BATCH},
        ).all()
        scope.run(
            f"update {self.name} t set sealed = v.sealed"
            " from unnest(cast(:accounts as uuid[]), cast(:ids as uuid[]), cast(:sealed as bytea[]))"
            "   as v(account_id, id, sealed) where t.account_id = v.account_id and t.id = v.id",
            {
                "accounts": [row.account_id for row in rows],
                "ids": [row.id for row in rows],
                "sealed": [_rewrapped(sealing, row.sealed, self.place(row)) for row in rows],
            },
        )
        return len(rows), (rows[-1].account_id, rows[-1].id) if rows else last


_TABLES = (
    _Sealed("grants", "account_id, id, version, sealed", lambda row: vault.place(row.account_id, row.id, row.version)),
    _Sealed("departures", "account_id, id, sealed", lambda row: vault.departure_place(row.account_id, row.id)),
)


def _rewrapped(sealing: Vault, sealed: bytes, place: bytes) -> bytes:
    try:
        return sealing.rewrap(sealed, place)
    except KeyMissing:
        raise
    except Undecryptable:  # damaged: it stays for whoever wants to know, and opens nowhere
        return sealed


def _entry(number: int, key: bytes) -> str:
    return f"{number}:{base64.b64encode(key).decode()}"
