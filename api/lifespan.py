"""From start to stop of the dashboard's process: what it brings along, and what it warms up."""

import asyncio
import gc
import importlib
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from socialcore.embedded import EmbeddedError
from socialcore.settings import Settings
from socialcore.stack import PortTaken, Stack

WARM = ("pandas", "socialcore.adapters", "socialcore.publishing", "ui.session")
Lifespan = Callable[[Any], AbstractAsyncContextManager[dict[str, Any]]]


def of(settings: Settings) -> Lifespan:
    @asynccontextmanager
    async def lifespan(_app: Any) -> AsyncGenerator[dict[str, Any]]:
        stack = Stack(settings, tell=_tell) if settings.embedded else None
        if stack is not None:
            try:
                await asyncio.to_thread(stack.__enter__)
            except (EmbeddedError, PortTaken) as error:
                # uvicorn would print a traceback for what has a clear reason.
                print(f"\nSocial Composer does not start: {error}\n", file=sys.stderr, flush=True)  # noqa: T201
                raise SystemExit(1) from None
        warming = asyncio.create_task(asyncio.to_thread(_warm_up))  # the first page need not wait for all of it
        _tell(f"\n  Social Composer is at http://localhost:{settings.port}\n")
        try:
            yield {}
        finally:
            await warming
            if stack is not None:
                _tell("  stopping …")
                await asyncio.to_thread(stack.__exit__, None, None, None)

    return lifespan


def _warm_up() -> None:
    """Import now what the first visitor would wait for, and keep it out of the garbage collector's way."""
    for name in WARM:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()


def _tell(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - the process's own progress, for whoever started it
