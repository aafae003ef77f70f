"""The API as a caller meets it: a real database, real routes, in this process or over HTTP."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from typing import Any
from uuid import UUID, uuid4

import httpx
import uvicorn
from PIL import Image
from starlette.applications import Starlette

from api import middleware, v1
from api.opened import Opened
from socialcore import operators, tokens
from socialcore.installation import Installation
from socialcore.operators import Capability
from socialcore.settings import Settings
from tests.conftest import Business
from tests.waiting import wait_for

ALL = (Capability.SEE, Capability.PUBLISH, Capability.CONNECT)


def settings_of(installation: Installation, **other: Any) -> Settings:
    given = {
        "database_url": installation.app_url,
        "context_key": installation.context_key,
        "sealing_keys": installation.sealing_keys,
        "api_calls": 100_000,
        "undo": timedelta(0),
    }
    return Settings(**(given | other))


def token_for(
    business: Business,
    *,
    accounts: Sequence[UUID] = (),
    capabilities: Sequence[Capability] = ALL,
    lasts: timedelta = timedelta(days=1),
) -> str:
    """Make a token as the command line does: of the business's operator."""
    with business.installation.administration() as scope:
        operator = next(each for each in operators.everybody(scope) if each.id == business.operator_id)
        return tokens.create(
            scope,
            operator,
            f"Test {uuid4().hex[:6]}",
            account_ids=accounts or [business.account_id],
            capabilities=[each for each in capabilities if operator.may(each)],
            lasts=lasts,
        )


def picture(*, size: tuple[int, int] = (64, 48), form: str = "PNG") -> bytes:
    made = BytesIO()
    Image.new("RGB", size, "orange").save(made, form)
    return made.getvalue()


@dataclass
class Api:
    """Calls with one token, for one account."""

    client: httpx.Client
    token: str
    account_id: UUID

    def ask(self, method: str, path: str, **rest: Any) -> httpx.Response:
        """Ask below the account, or from `/api` on if the path starts with that."""
        address = path if path.startswith("/api") else f"/api/v1/accounts/{self.account_id}{path}"
        headers = {"Authorization": f"Bearer {self.token}", **rest.pop("headers", {})}
        return self.client.request(method, address, headers=headers, **rest)

    def get(self, path: str, **rest: Any) -> httpx.Response:
        return self.ask("GET", path, **rest)

    def post(self, path: str, body: Any = None, **rest: Any) -> httpx.Response:
        return self.ask("POST", path, json=body, **rest)

    def publish(self, connection_ids: Sequence[UUID], text: str, *, key: str = "", **rest: Any) -> httpx.Response:
        body = {"text": text, "connection_ids": [str(each) for each in connection_ids], **rest}
        return self.post("/posts", body, headers={"Idempotency-Key": key or uuid4().hex})


@contextmanager
def serving(installation: Installation, **settings: Any) -> Iterator[str]:
    """Serve the API over HTTP behind the guard, as app.py mounts it, without Streamlit. Yields its address."""
    chosen = settings_of(installation, **settings)
    here = Opened(chosen)
    app = Starlette(routes=v1.routes(here), middleware=list(middleware.of(chosen)))
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", lifespan="off"))
    listener = server.config.bind_socket()
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    try:
        wait_for(lambda: server.started, what="the API")
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listener.close()
        here.close()
