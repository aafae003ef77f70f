"""Master keys: made, rotated in batches that can be interrupted, retired only when nothing needs them."""

from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID, uuid4

import psycopg
import pytest

from socialcore import accounts, database, departures, failures, grants, installation, keys, operators, vault
from socialcore.adapters.contract import Departure, Granted, Target
from socialcore.database import Database, account_scope
from socialcore.embedded import Server
from socialcore.installation import Installation
from socialcore.keys import KeyNeeded
from socialcore.transitions import Grant
from tests.socialcore.test_schema import scratch

MANY = 23


class House:
    """An installation of its own, with sealed values in it, as its keys change."""

    def __init__(self, here: Installation, superuser: psycopg.Connection, app: Database) -> None:
        self.here, self.superuser, self.app = here, superuser, app
        with here.administration() as scope:
            self.account_id = accounts.add(scope, "Harbor Bakery", time_zone="UTC").id
            self.operator_id = operators.add(
                scope, "Publisher", "p@composer.example", ["publisher"], accounts=[self.account_id]
            )

    def with_keys(self, *numbers: int) -> Installation:
        return replace(self.here, sealing_keys={number: bytes([number]) * 32 for number in numbers})

    def seal(self, here: Installation, *, sign_ins: int = MANY, departing: int = 1) -> list[UUID]:
        with account_scope(self.app, self.operator_id, self.account_id) as scope:
            for _ in range(departing):
                kept = Departure("https://platform.test", {"verifier": "v" * 43})
                departures.remember(scope, here.vault(), "twitter", uuid4().hex, kept)
            return [grants.store(scope, here.vault(), "bluesky", granted()) for _ in range(sign_ins)]

    def used(self, here: Installation) -> dict[int, int]:
        return {use.number: use.values for use in keys.uses(here)}

    def opens(self, here: Installation, grant_id: UUID) -> bool:
        sealed, version = self.superuser.execute(
            "select sealed, version from composer.grants where id = %s", (grant_id,)
        ).fetchone() or (b"", 0)
        place = vault.place(self.account_id, grant_id, version)
        return here.vault().open(sealed, place)["refresh"] == "secret"


def granted() -> Granted:
    subject = uuid4().hex
    return Granted("https://pds.test", subject, {"refresh": "secret"}, (Target(subject, "bakery"),), None)


@pytest.fixture(scope="module")
def empty(postgres: Server, migrated: Installation) -> Iterator[House]:  # `migrated` sets the roles' passwords
    with scratch(postgres) as (here, superuser, _):
        database.migrate(here.owner_url, here.context_key)
        app = here.as_app(most_connections=2)
        yield House(here, superuser, app)
        app.engine.dispose()


@pytest.fixture
def house(empty: House) -> House:
    empty.superuser.execute("delete from composer.departures; delete from composer.grants")
    return empty


class TestRotate:
    def test_puts_everything_under_the_newest_key(self, house: House, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(keys, "BATCH", 10)
        old, both, new = house.with_keys(1), house.with_keys(1, 2), house.with_keys(2)
        sealed = house.seal(old)
        assert house.used(both) == {1: MANY + 1, 2: 0}

        assert list(keys.rotate(both)) == [10, 20, 23, 24]

        assert house.used(both) == {1: 0, 2: MANY + 1}
        assert all(house.opens(new, each) for each in sealed)
        keys.insist_on_unused(both, 1)

    def test_goes_on_where_it_was_stopped(self, house: House, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(keys, "BATCH", 7)
        both = house.with_keys(1, 2)
        house.seal(house.with_keys(1))
        rotating = keys.rotate(both)
        assert next(rotating) == 7
        rotating.close()
        assert house.used(both) == {1: MANY + 1 - 7, 2: 7}

        list(keys.rotate(both))

        assert house.used(both) == {1: 0, 2: MANY + 1}

    def test_leaves_what_somebody_is_changing_for_the_next_time(self, house: House):
        both = house.with_keys(1, 2)
        busy, *_ = house.seal(house.with_keys(1), departing=0)
        with house.superuser.transaction():
            house.superuser.execute("select 1 from composer.grants where id = %s for update", (busy,))
            list(keys.rotate(both))
            assert house.used(both) == {1: 1, 2: MANY - 1}

        list(keys.rotate(both))
        assert house.used(both)[1] == 0

    def test_leaves_what_is_damaged_and_does_not_stop_at_it(self, house: House):
        both = house.with_keys(1, 2)
        damaged, *rest = house.seal(house.with_keys(1), departing=0)
        house.superuser.execute(
            "update composer.grants set sealed = set_byte(sealed, 30, 255 - get_byte(sealed, 30)) where id = %s",
            (damaged,),
        )

        list(keys.rotate(both))

        assert house.used(both) == {1: 1, 2: len(rest)}

    def test_changes_nothing_while_a_key_is_not_here(self, house: House):
        house.seal(house.with_keys(1))

        with pytest.raises(KeyNeeded, match=r"sealed under key 1, which is not here. Nothing was changed"):
            list(keys.rotate(house.with_keys(2)))

        assert house.used(house.with_keys(2)) == {1: MANY + 1, 2: 0}


class TestRetire:
    def test_is_refused_while_a_value_needs_the_key(self, house: House):
        both = house.with_keys(1, 2)
        house.seal(house.with_keys(1), sign_ins=0, departing=1)

        with pytest.raises(KeyNeeded, match="1 values still need key 1"):
            keys.insist_on_unused(both, 1)

    @pytest.mark.parametrize(("number", "says"), [(2, "seals what is new"), (9, "There is no key 9")])
    def test_is_refused_for_the_key_that_seals_and_for_none(self, house: House, number: int, says: str):
        with pytest.raises(KeyNeeded, match=says):
            keys.insist_on_unused(house.with_keys(1, 2), number)


class TestEmbedded:
    def test_the_ring_is_kept_beside_the_server(self, tmp_path):
        server = Server(tmp_path / "postgres")
        first = installation.embedded(server).sealing_keys
        assert list(first) == [1]

        assert keys.add_to_embedded(server) == 2
        ring = installation.embedded(server).sealing_keys
        assert ring[1] == first[1]
        assert len(ring[2]) == 32
        assert (tmp_path / "postgres" / installation.RING).stat().st_mode & 0o077 == 0

        keys.remove_from_embedded(server, 1)
        assert installation.embedded(server).sealing_keys == {2: ring[2]}


class TestWithoutTheKey:
    def test_a_worker_waits_for_it_and_asks_nobody_to_sign_in_again(self, house: House):
        """A process that was not started again after `keys add` and `keys rotate`."""
        (grant_id,) = house.seal(house.with_keys(2), sign_ins=1, departing=0)
        sealed = house.superuser.execute("select sealed from composer.grants where id = %s", (grant_id,)).fetchone()
        assert sealed
        grant = Grant(house.account_id, grant_id, "https://pds.test", "x", 1, is_expiring=False, sealed=sealed[0])

        with pytest.raises(failures.Unavailable, match="master key of this sign-in is not on this machine"):
            grants.opened(house.with_keys(1).vault(), grant)
