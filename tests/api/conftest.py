"""The API served over HTTP, callers with a token each, and the sandbox."""

from collections.abc import Callable, Iterator

import httpx
import pytest

from socialcore.installation import Installation
from tests.api_client import Api, serving, token_for
from tests.conftest import Business
from tests.sandbox import Sandbox, running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running(tmp_path_factory.mktemp("sandbox"), rate_limits=False) as started:
        yield started


@pytest.fixture
def sandbox(server: Sandbox) -> Iterator[Sandbox]:
    """The sandbox, emptied before and heard for complaints after."""
    server.reset()
    yield server
    assert server.complaints() == []


@pytest.fixture(scope="module")
def address(migrated: Installation) -> Iterator[str]:
    with serving(migrated) as url:
        yield url


@pytest.fixture
def client(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, timeout=30, trust_env=False) as made:
        yield made


@pytest.fixture
def calling(client: httpx.Client) -> Callable[..., Api]:
    """Callers with a token of their own for a business's account."""

    def caller(business: Business, **token: object) -> Api:
        return Api(client, token_for(business, **token), business.account_id)  # type: ignore[arg-type]

    return caller


@pytest.fixture
def api(calling: Callable[..., Api], bakery: Business) -> Api:
    return calling(bakery)
