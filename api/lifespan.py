"""From start to stop of the dashboard's process: what it brings along, and what it warms up."""

import asyncio
import gc
import importlib
import os
import sys
import tempfile
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
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
                _insist_on_writable(settings.data_folder)
                await asyncio.to_thread(stack.__enter__)
            except (EmbeddedError, PortTaken) as error:
                print(f"\nSocial Composer does not start: {error}\n", file=sys.stderr, flush=True)  # noqa: T201
                # Whatever we raised would be printed as a traceback, and all that we had started has stopped.
                os._exit(1)
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


def _insist_on_writable(folder: Path) -> None:
    """Find out before any part is started, so that none of them complains on its own.

    Raises:
        EmbeddedError: saying what to do.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise EmbeddedError(
            f"It keeps everything in {folder}, and cannot write there: {error.strerror}. Nothing was changed: allow"
            " that, or choose another folder: COMPOSER_DATA=~/composer make run"
        ) from error


def _warm_up() -> None:
    """Import now what the first visitor would wait for, and keep it out of the garbage collector's way."""
    for name in WARM:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()


def _tell(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - the process's own progress, for whoever started it
