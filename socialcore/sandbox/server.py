"""The sandbox as one server on this machine: every platform's double, the controls, and the page."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from socialcore.sandbox import wire
from socialcore.sandbox.bluesky.pds import Bluesky
from socialcore.sandbox.complaints import Complaints
from socialcore.sandbox.control import Control
from socialcore.sandbox.faults import Faults
from socialcore.sandbox.google_business.double import GoogleBusiness
from socialcore.sandbox.page import Page
from socialcore.sandbox.platforms import Platform
from socialcore.sandbox.slack.slack import Slack
from socialcore.sandbox.twitter.x import Twitter

HOST = "127.0.0.1"
PATIENCE = 2  # seconds for answers under way when told to stop


def build(folder: Path, *, rate_limits: bool = True) -> Starlette:
    """Make the application. One at a time may use a folder.

    Args:
        folder: where everything is kept; made if it is not there.
        rate_limits: whether to count calls and refuse those over the platforms' limits. A benchmark
            or a long test wants no such thing.
    """
    faults, complaints = Faults(), Complaints(folder / "complaints.jsonl")
    platforms: Mapping[str, Platform] = {
        double.name: double(folder / double.name, faults, complaints, counts_limits=rate_limits)
        for double in (Bluesky, GoogleBusiness, Twitter, Slack)
    }

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncGenerator[None]:
        yield
        for platform in platforms.values():
            platform.close()
        complaints.close()

    routes = [
        *Control(platforms, faults, complaints).routes(),
        *Page(platforms).routes(),
        *(route for platform in platforms.values() for route in platform.routes()),
    ]
    return Starlette(routes=routes, lifespan=lifespan)


def configured(folder: Path, port: int, *, rate_limits: bool = True) -> uvicorn.Config:
    """Set up the server: on loopback only, and able to break off a connection."""
    return uvicorn.Config(
        build(folder, rate_limits=rate_limits),
        host=HOST,
        port=port,
        http=wire.Protocol,
        ws="none",
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=PATIENCE,
    )


def serve(folder: Path, port: int, *, rate_limits: bool = True) -> None:
    """Serve until told to stop by SIGTERM or SIGINT."""
    with suppress(KeyboardInterrupt):  # uvicorn raises it again once everything is closed
        uvicorn.Server(configured(folder, port, rate_limits=rate_limits)).run()
