"""Secrets at rest: each value under a key of its own, that key under a master key.

A sealed value is bound to its place (account, grant, version; or account, departure), so that moving it to
another row makes it unreadable. Layout: format (1 byte), master key's number (4), length of the wrapped key (1),
wrapped key, nonce (12), ciphertext.
"""

import json
import os
import struct
from collections.abc import Mapping
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

FORMAT = 1
HEADER = struct.Struct(">BIB")
NONCE_BYTES = 12
SHORTEST = HEADER.size + NONCE_BYTES + 48 + NONCE_BYTES + 16


class Undecryptable(Exception):
    """A sealed value does not open: it was changed or moved. Never says which."""


class KeyMissing(Undecryptable):
    """A value waits for a master key that this process was not started with; nothing is lost."""


class Vault:
    """A ring of master keys; the highest number seals, all of them open."""

    def __init__(self, master_keys: Mapping[int, bytes]) -> None:
        if not master_keys:
            raise ValueError("A vault needs at least one master key.")
        self._keys = {number: AESGCM(key) for number, key in master_keys.items()}
        self._newest = max(master_keys)

    @property
    def newest(self) -> int:
        """The number of the master key that seals."""
        return self._newest

    def seal(self, secret: Mapping[str, str], place: bytes) -> bytes:
        data_key = AESGCM.generate_key(256)
        wrapped = self._wrap(data_key, place)
        nonce = os.urandom(NONCE_BYTES)
        ciphertext = AESGCM(data_key).encrypt(nonce, json.dumps(dict(secret)).encode(), place)
        return HEADER.pack(FORMAT, self._newest, len(wrapped)) + wrapped + nonce + ciphertext

    def open(self, sealed: bytes, place: bytes) -> dict[str, str]:
        """Open what was sealed in this place.

        Raises:
            KeyMissing: if its master key is not in the ring.
            Undecryptable: if it was changed, or sealed elsewhere.
        """
        number, wrapped, nonce, ciphertext = _parts(sealed)
        try:
            data_key = self._unwrap(number, wrapped, place)
            return json.loads(AESGCM(data_key).decrypt(nonce, ciphertext, place))
        except (InvalidTag, ValueError):
            raise Undecryptable("A stored sign-in does not open.") from None

    def rewrap(self, sealed: bytes, place: bytes) -> bytes:
        """Put a value under the newest master key; the secret itself is never opened."""
        number, wrapped, nonce, ciphertext = _parts(sealed)
        if number == self._newest:
            return sealed
        try:
            rewrapped = self._wrap(self._unwrap(number, wrapped, place), place)
        except InvalidTag:
            raise Undecryptable("A stored sign-in does not open.") from None
        return HEADER.pack(FORMAT, self._newest, len(rewrapped)) + rewrapped + nonce + ciphertext

    def _wrap(self, data_key: bytes, place: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._keys[self._newest].encrypt(nonce, data_key, b"key|" + place)

    def _unwrap(self, number: int, wrapped: bytes, place: bytes) -> bytes:
        if number not in self._keys:
            raise KeyMissing("A stored sign-in does not open.") from None
        return self._keys[number].decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], b"key|" + place)


def place(account_id: UUID, grant_id: UUID, version: int) -> bytes:
    """Where a sealed sign-in belongs; it opens nowhere else."""
    return f"grant|{account_id}|{grant_id}|{version}".encode()


def departure_place(account_id: UUID, departure_id: UUID) -> bytes:
    """Where belongs what is kept of a sign-in by browser until it is back."""
    return f"departure|{account_id}|{departure_id}".encode()


def master_key_number(sealed: bytes) -> int:
    return _parts(sealed)[0]


def _parts(sealed: bytes) -> tuple[int, bytes, bytes, bytes]:
    if len(sealed) < SHORTEST or sealed[0] != FORMAT:
        raise Undecryptable("A stored sign-in does not open.")
    _, number, length = HEADER.unpack_from(sealed)
    rest = sealed[HEADER.size :]
    return number, rest[:length], rest[length : length + NONCE_BYTES], rest[length + NONCE_BYTES :]
