import os
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socialcore import vault
from socialcore.vault import Undecryptable, Vault

KEYS = {number: bytes([number]) * 32 for number in (1, 2, 3)}
SECRETS = st.dictionaries(st.text(max_size=12), st.text(max_size=60), max_size=4)
HERE = vault.place(UUID(int=1), UUID(int=2), 3)


@given(SECRETS, st.binary(max_size=40))
def test_what_is_sealed_opens_in_its_place(secret, place):
    ring = Vault({1: KEYS[1]})
    assert ring.open(ring.seal(secret, place), place) == secret


def test_the_same_secret_never_looks_the_same():
    ring = Vault({1: KEYS[1]})
    sealed = {ring.seal({"access": "a"}, HERE) for _ in range(50)}
    assert len(sealed) == 50
    assert len({each[7:19] for each in sealed}) == 50  # nonces


def test_a_sealed_value_shows_nothing_of_the_secret():
    assert b"hunter2" not in Vault({1: KEYS[1]}).seal({"app_password": "hunter2"}, HERE)


@pytest.mark.parametrize(
    "elsewhere",
    [
        vault.place(UUID(int=9), UUID(int=2), 3),
        vault.place(UUID(int=1), UUID(int=9), 3),
        vault.place(UUID(int=1), UUID(int=2), 4),
        b"",
    ],
    ids=["account", "grant", "version", "nowhere"],
)
def test_a_value_moved_to_another_row_does_not_open(elsewhere):
    ring = Vault({1: KEYS[1], 2: KEYS[2]})
    sealed = Vault({1: KEYS[1]}).seal({"access": "a"}, HERE)
    with pytest.raises(Undecryptable):
        ring.open(sealed, elsewhere)
    with pytest.raises(Undecryptable):
        ring.rewrap(sealed, elsewhere)


def test_no_bit_and_no_byte_can_be_changed():
    ring = Vault({1: KEYS[1], 2: KEYS[2]})
    sealed = ring.seal({"access": "a"}, HERE)
    for position in range(len(sealed)):
        for bit in range(8):
            changed = bytearray(sealed)
            changed[position] ^= 1 << bit
            with pytest.raises(Undecryptable):
                ring.open(bytes(changed), HERE)
        with pytest.raises(Undecryptable):
            ring.open(sealed[:position], HERE)
    with pytest.raises(Undecryptable):
        ring.open(sealed + b"\0", HERE)


@given(st.binary(max_size=200))
def test_nonsense_does_not_open(nonsense):
    ring = Vault({1: KEYS[1]})
    for use in (ring.open, ring.rewrap):
        with pytest.raises(Undecryptable):
            use(bytes([vault.FORMAT]) + nonsense, HERE)
    with pytest.raises(Undecryptable):
        ring.open(nonsense, HERE)


def test_parts_of_two_values_do_not_fit_together():
    ring = Vault({1: KEYS[1]})
    one, other = (ring.seal({"access": each * 8}, HERE) for each in "ab")
    cut = vault.HEADER.size + one[vault.HEADER.size - 1]
    with pytest.raises(Undecryptable):
        ring.open(one[:cut] + other[cut:], HERE)


class TestRing:
    def test_seals_under_the_newest_key_and_opens_under_all(self):
        old, ring = Vault({1: KEYS[1]}), Vault({1: KEYS[1], 3: KEYS[3], 2: KEYS[2]})
        sealed = old.seal({"access": "a"}, HERE)

        assert ring.open(sealed, HERE) == {"access": "a"}
        assert vault.master_key_number(sealed) == 1
        assert vault.master_key_number(ring.seal({}, HERE)) == 3

    def test_opens_nothing_without_the_key(self):
        sealed = Vault({2: KEYS[2]}).seal({"access": "a"}, HERE)
        for ring in (Vault({1: KEYS[1]}), Vault({2: os.urandom(32)})):
            with pytest.raises(Undecryptable):
                ring.open(sealed, HERE)

    @given(SECRETS)
    def test_rewraps_for_the_newest_key_without_touching_the_secret(self, secret):
        sealed = Vault({1: KEYS[1]}).seal(secret, HERE)
        rewrapped = Vault({1: KEYS[1], 2: KEYS[2]}).rewrap(sealed, HERE)

        assert Vault({2: KEYS[2]}).open(rewrapped, HERE) == secret
        assert vault.master_key_number(rewrapped) == 2
        body = vault.HEADER.size + sealed[vault.HEADER.size - 1]
        assert rewrapped[body:] == sealed[body:]
        with pytest.raises(Undecryptable):
            Vault({1: KEYS[1]}).open(rewrapped, HERE)

    def test_leaves_what_is_under_the_newest_key(self):
        ring = Vault(KEYS)
        sealed = ring.seal({"access": "a"}, HERE)
        assert ring.rewrap(sealed, HERE) == sealed

    def test_rewraps_nothing_whose_key_is_gone(self):
        sealed = Vault({1: KEYS[1]}).seal({"access": "a"}, HERE)
        with pytest.raises(Undecryptable):
            Vault({2: KEYS[2]}).rewrap(sealed, HERE)

    @pytest.mark.parametrize("keys", [{}, {1: b"short"}])
    def test_needs_keys_of_the_right_length(self, keys):
        with pytest.raises(ValueError, match=r"."):
            Vault(keys)


def test_an_error_says_neither_secret_nor_reason():
    sealed = Vault({1: KEYS[1]}).seal({"access": "hunter2"}, HERE)
    said = set()
    for ring, value, where in (
        (Vault({2: KEYS[2]}), sealed, HERE),
        (Vault({1: KEYS[1]}), sealed, b"elsewhere"),
        (Vault({1: KEYS[1]}), sealed[:-1] + b"x", HERE),
        (Vault({1: KEYS[1]}), b"", HERE),
    ):
        with pytest.raises(Undecryptable) as error:
            ring.open(value, where)
        assert error.value.__cause__ is None
        said.add(str(error.value))
    assert said == {"A stored sign-in does not open."}


def test_places_are_told_apart():
    one, other = uuid4(), uuid4()
    places = {vault.place(*ids) for ids in ((one, other, 1), (other, one, 1), (one, other, 2), (one, other, 11))}
    assert len(places) == 4
