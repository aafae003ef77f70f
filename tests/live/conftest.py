"""Tests against the reference servers. Without them they are skipped, or fail if REQUIRE_PEERS=1 says so."""

import os
from collections.abc import Iterator

import pytest

from tests.live import peers


@pytest.fixture(scope="session")
def installed() -> None:
    if reason := peers.missing():
        if os.environ.get("REQUIRE_PEERS") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)


@pytest.fixture(scope="session")
def pds(installed: None) -> Iterator[peers.ReferencePds]:
    with peers.reference_pds() as running:
        yield running
