"""What the promise comes to under chaos: as processes of its own, so that no other test's state is in the way."""

import subprocess
import sys

import pytest

from tests.working import ROOT

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.chaos", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    with capsys.disabled():
        print(f"\n{done.stdout}{done.stderr}".rstrip())
    return done


def test_nothing_is_lost_nor_public_twice(capsys: pytest.CaptureFixture[str]):
    done = run(capsys, "--posts", "1000")

    assert done.returncode == 0
    assert "0 lost, 0 duplicated, 0 bound to the wrong id" in done.stdout


def test_the_same_chaos_catches_a_naive_worker_out(capsys: pytest.CaptureFixture[str]):
    assert run(capsys, "--posts", "400", "--naive").returncode == 0
