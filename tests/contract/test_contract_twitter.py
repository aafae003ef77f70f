"""X's adapter against the sandbox, over real HTTP: every promise, and what it promises besides."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.contract.suite import AdapterContract
from tests.contract.twitter import TwitterDouble
from tests.faulty_proxy import FaultyProxy
from tests.sandbox import Sandbox, running


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running(tmp_path_factory.mktemp("sandbox")) as started:
        yield started


@pytest.fixture
def double(sandbox: Sandbox) -> Iterator[TwitterDouble]:
    with FaultyProxy(sandbox.url) as proxy, closing(TwitterDouble(sandbox, proxy)) as made:
        yield made
    complaints = sandbox.complaints()
    sandbox.reset()
    assert complaints == []


class TestXAtTheSandbox(AdapterContract):
    """Every promise, kept against the platform double that the product ships."""
