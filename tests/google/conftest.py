"""Google Business Profile as a customer uses it: the sandbox, a business with two shops of one name, and a worker."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from socialcore import connections, publishing, retries
from socialcore.adapters import ADAPTERS, http
from socialcore.adapters.apps import sandbox_app
from socialcore.adapters.contract import Capabilities, Lookups
from socialcore.adapters.google_business import GoogleBusiness
from socialcore.adapters.http import new_client
from socialcore.connections import Connection
from socialcore.posts import Content
from tests.conftest import Business
from tests.contract.google_business import BAKERY
from tests.contract.suite import CALLBACK
from tests.faulty_proxy import FaultyProxy
from tests.sandbox import Sandbox, running
from tests.working import Watch

PLATFORM = "google_business"
WRITE = "localPosts.create"
QUAY, CONGRESS = "12 Quay Street, Portland, ME", "480 Congress Street, Portland, ME"


class Impatient(GoogleBusiness):
    """Google's adapter, for a platform that needs no minute to show what it has."""

    capabilities: Capabilities = replace(
        GoogleBusiness.capabilities, settle=timedelta(seconds=0.5), read_lag=timedelta(seconds=0.2)
    )


@dataclass
class Google:
    """Everything a customer's core consists of, with strings attached."""

    business: Business
    sandbox: Sandbox
    proxy: FaultyProxy
    watch: Watch
    email: str

    def connect(self, detail: str = QUAY) -> Connection:
        """Sign in by browser, and pick a location by its address, as an operator does."""
        departure = ADAPTERS[PLATFORM].depart({}, redirect_uri=CALLBACK, state="a-state-of-ours")
        brought = self.sandbox.consent(PLATFORM, departure.url, self.email)
        granted = connections.sign_in(PLATFORM, {**departure.keep, **brought})
        (target,) = (each for each in granted.targets if (each.name, each.detail) == ("Harbor Bakery", detail))
        with self.business.scope() as scope:
            made = connections.connect(scope, self.business.vault, PLATFORM, granted, target.id)
            return next(each for each in connections.of_account(scope) if each.id == made)

    def submit(
        self, connection: Connection, text: str = "Fresh bread", lookups: Lookups | None = None, **content: Any
    ) -> UUID:
        """Submit a post for one location, to go out at once; its delivery."""
        written = Content(text=text, **content)
        assert [each for each in ADAPTERS[PLATFORM].validate(written) if each.severity == "error"] == []
        rendered = publishing.render(written, connection, lookups or Lookups())
        with self.business.scope() as scope:
            submitted = publishing.submit(
                scope,
                written,
                {connection.id: rendered},
                [connection],
                submit_token=uuid4(),
                due_at=None,
                undo=timedelta(0),
                late_window=timedelta(hours=2),
                now=datetime.now(UTC),
            )
        return submitted.delivery_ids[0]

    def posts(self, connection: Connection | None = None) -> list[Mapping[str, Any]]:
        """What Google has of one location, or of all."""
        found = self.sandbox.posts(PLATFORM)
        return [each for each in found if connection is None or each["location"] == connection.target_id]

    def fault(self, kind: str, **rest: Any) -> None:
        self.sandbox.fault(kind, platform=PLATFORM, **rest)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running(tmp_path_factory.mktemp("sandbox")) as started:
        yield started


@pytest.fixture
def google(
    server: Sandbox, bakery: Business, superuser: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Google]:
    server.reset()
    email = f"owner-{uuid4().hex[:8]}@harbor-bakery.example"
    server.open_account(PLATFORM, email=email, review_seconds=0, accounts=[BAKERY])
    with FaultyProxy(server.url) as proxy, new_client() as client:
        monkeypatch.setitem(ADAPTERS, PLATFORM, Impatient(sandbox_app(PLATFORM, proxy.url), client))  # pyright: ignore[reportArgumentType]
        monkeypatch.setattr(retries, "WAITS", (timedelta(seconds=0.3),) * 7)
        monkeypatch.setattr(http, "DEFAULT_WAIT", timedelta(seconds=2))
        yield Google(bakery, server, proxy, Watch(superuser), email)
    assert server.complaints() == []
