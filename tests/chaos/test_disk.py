"""A volume that is really full: the database on a small one of its own, filled to the last byte while posts go out."""

import multiprocessing
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from socialcore.embedded import EmbeddedError
from tests.chaos.platforms import registered
from tests.chaos.world import AWAY, World, opened
from tests.waiting import wait_for
from tests.working import worker_here

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(300)]
SIZE, BUSINESSES, POSTS = "160m", 2, 40


@pytest.fixture
def small_volume() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="composer-disk-") as made:
        folder = Path(made)
        folder.chmod(0o711)  # the database may run as another user
        volume = folder / "postgres"  # the database's alone: the sandbox says what is public
        volume.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=711", "tmpfs", str(volume)]
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("a volume of its own takes the right to mount one")
        try:
            yield folder
        finally:
            subprocess.run(["umount", "--lazy", str(volume)], check=True)


def fill(folder: Path) -> Path:
    """Leave no byte free."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(b"\0" * 65_536):
            pass
    return filler


def test_a_full_volume_loses_and_doubles_nothing(small_volume: Path, capsys: pytest.CaptureFixture[str]):
    context = multiprocessing.get_context("forkserver")
    with registered(), opened(small_volume, context, businesses=BUSINESSES) as world:
        lanes = [lane for lane in world.lanes if lane[1].platform == "bluesky"]
        accepted = []
        with worker_here(world.here):
            accepted += [world.submit([lanes[n % len(lanes)]], f"Before {n}") for n in range(POSTS)]
            filler = fill(small_volume / "postgres")
            refused = refuse(world)
            filler.unlink()
            start_again(world)
            accepted += [world.submit([lanes[n % len(lanes)]], f"After {n}") for n in range(POSTS)]
            wait_for(lambda: states(world) == {"confirmed": 2 * POSTS}, what="all to be read back", most_seconds=120)

    assert refused, "nothing was refused: the volume was not full"
    with capsys.disabled():
        print(f"\nfull disk ({refused}): {len(accepted)} posts accepted, each public once")


def states(world: World) -> dict[str, int]:
    try:
        rows = world.seen("select state, count(*) from deliveries group by state")
    except psycopg.Error:
        return {}
    texts = [post["record"]["text"] for post in world.sandbox.posts()]
    assert len(texts) == len(set(texts)), "public twice"
    return {row["state"]: row["count"] for row in rows}


def refuse(world: World) -> str:
    """Write until the database has no room: it says so, or goes down."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            with psycopg.connect(world.conninfo, autocommit=True) as connection:
                connection.execute("create table if not exists ballast (words text)")
                connection.execute(
                    "insert into ballast select repeat(md5(n::text), 200) from generate_series(1, 500) n"
                )
        except psycopg.Error as error:
            return type(error).__name__
    return ""


def start_again(world: World) -> None:
    """Drop what took the room; a server that went down comes up again, as whoever runs it would have it."""

    def is_up() -> bool:
        with suppress(EmbeddedError):
            world.postgres.start()
        try:
            with psycopg.connect(world.conninfo, autocommit=True) as connection:
                connection.execute("drop table if exists ballast")
        except AWAY:
            return False
        return True

    wait_for(is_up, what="the database to be up again", most_seconds=60, every=0.5)
