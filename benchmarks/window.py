"""One window on the dashboard, as far as the server can tell: it speaks Streamlit's protocol and draws nothing.

It keeps what a browser keeps: what its widgets hold, the messages it need not be sent again, the page and its address;
and where a fragment asks to be run every few seconds, it asks for that.
"""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.Delta_pb2 import Delta
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

KEPT_RUNS = 2  # of the whole script, for which a browser remembers a message that it was not sent again
WHOLE, EARLY = ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_EARLY_FOR_RERUN
COOKIE = "composer_sign_in"


class Lost(Exception):
    """The server has closed the connection."""


class NotThere(Exception):
    """The page has no such element: it could not be drawn, or the script and the page have grown apart."""


@dataclass
class Drawn:
    """An element with an id, and the fragment that drew it."""

    kind: str
    proto: Any
    fragment_id: str

    @property
    def data(self) -> dict[str, Any]:
        """What a component was given."""
        return json.loads(self.proto.json)


@dataclass
class Window:
    connection: ClientConnection
    drawn: dict[str, Drawn] = field(default_factory=dict)  # by the widget's key
    runs: int = 0
    polls: int = 0
    refused: int = 0  # how often a page could not be drawn, and said why
    broken: int = 0  # how often it did not say why
    _pages: dict[str, str] = field(default_factory=dict)  # hashes by address
    _page: str = ""
    _query: str = ""
    _states: dict[str, WidgetState] = field(default_factory=dict)
    _cache: dict[str, tuple[Delta, int]] = field(default_factory=dict)  # by hash, with the age that used it last
    _age: int = 0
    _due: dict[str, tuple[float, float]] = field(default_factory=dict)  # fragments to run again: every, and when next
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _answer: asyncio.Future[None] | None = None
    _picks: int = 0

    async def open(self, page: str = "") -> None:
        """Open a page by its link."""
        self._page, self._query = self._pages.get(page, ""), ""
        self._due.clear()
        await self._ask()

    async def click(self, key: str) -> None:
        button = self.find(key)
        await self._ask(WidgetState(id=button.proto.id, trigger_value=True), fragment_id=button.fragment_id)

    async def choose(self, key: str, *options: str) -> None:
        """Choose among pills, segments, or the options of a box, as they are worded."""
        found = self.find(key)
        state = WidgetState(id=found.proto.id)
        if found.kind == "selectbox":
            state.string_value = options[0]
        else:
            state.string_array_value.data[:] = options
        await self.change(found, state)

    async def change(self, found: Drawn, state: WidgetState) -> None:
        """Have a widget hold something else from now on."""
        self._states[state.id] = state
        await self._ask(fragment_id=found.fragment_id)

    async def pick(self, key: str, value: str) -> None:
        """Press what a component of ours drew as a button."""
        found = self.find(key)
        self._picks += 1
        sent = {"event": "pick", "value": {"mount": "benchmark", "picks": [[self._picks, value]]}}
        event = f"$$STREAMLIT_INTERNAL_KEY_{found.proto.id}__events"
        await self._ask(WidgetState(id=event, json_trigger_value=json.dumps([sent])), fragment_id=found.fragment_id)

    def find(self, key: str | Callable[[str], bool]) -> Drawn:
        """The element with this key, or the first whose key is such.

        Raises:
            NotThere: if there is none.
        """
        matches = key if callable(key) else key.__eq__
        found = next((each for name, each in self.drawn.items() if matches(name)), None)
        if found is None:
            raise NotThere(f"{key}; there are {', '.join(self.drawn)}")
        return found

    def options(self, key: str) -> list[str]:
        found = self.find(key)
        return [each if found.kind == "selectbox" else _worded(each) for each in found.proto.options]

    async def poll(self) -> None:
        """Run again what asks for it, for as long as the window is open; what is late is skipped, not made up for."""
        while True:
            await asyncio.sleep(0.1)
            for fragment_id, (every, at) in list(self._due.items()):
                if time.monotonic() >= at and not self._turn.locked():
                    self._due[fragment_id] = (every, time.monotonic() + every)
                    self.polls += 1
                    try:
                        await self._ask(fragment_id=fragment_id, is_auto_rerun=True)
                    except Lost:
                        return

    async def listen(self) -> None:
        try:
            async for raw in self.connection:
                message = ForwardMsg()
                message.ParseFromString(raw)  # type: ignore[arg-type]
                self._hear(message)
        except ConnectionClosed:
            pass
        if self._answer and not self._answer.done():
            self._answer.set_exception(Lost)

    async def _ask(self, *triggers: WidgetState, fragment_id: str = "", is_auto_rerun: bool = False) -> None:
        """Have the script, or one fragment of it, run; until it has ended."""
        async with self._turn:
            state = ClientState(
                query_string=self._query,
                page_script_hash=self._page,
                fragment_id=fragment_id,
                is_auto_rerun=is_auto_rerun,
                cached_message_hashes=list(self._cache),
            )
            state.widget_states.widgets.extend([*self._states.values(), *triggers])
            state.context_info.timezone = "Europe/Berlin"
            state.context_info.locale = "en-US"
            if not fragment_id:
                self.drawn = {}
            self._answer = asyncio.get_running_loop().create_future()
            try:
                await self.connection.send(BackMsg(rerun_script=state).SerializeToString())
            except ConnectionClosed as closed:
                raise Lost from closed
            await self._answer

    def _hear(self, message: ForwardMsg) -> None:
        match message.WhichOneof("type"):
            case "delta" | "ref_hash":
                self._draw(self._cached(message))
            case "auto_rerun" | "stop_auto_rerun":
                self._set_clock(message)
            case "navigation":
                self._page = message.navigation.page_script_hash
                self._pages = {each.url_pathname: each.page_script_hash for each in message.navigation.app_pages}
            case "page_info_changed":
                self._query = message.page_info_changed.query_string
            case "script_finished" if message.script_finished != EARLY:
                self._finished(is_whole=message.script_finished == WHOLE)

    def _cached(self, message: ForwardMsg) -> Delta:
        """What a message draws: its own, or what we have already, which only its name came for."""
        if message.WhichOneof("type") == "ref_hash":
            delta, _ = self._cache[message.ref_hash]
            self._cache[message.ref_hash] = (delta, self._age)
            return delta
        if message.metadata.cacheable:
            self._cache[message.hash] = (message.delta, self._age)
        return message.delta

    def _set_clock(self, message: ForwardMsg) -> None:
        for each in message.stop_auto_rerun.fragment_ids:
            self._due.pop(each, None)
        every, fragment_id = message.auto_rerun.interval, message.auto_rerun.fragment_id
        known, at = self._due.get(fragment_id, (0, 0))
        if fragment_id:
            self._due[fragment_id] = (every, at if known == every else time.monotonic() + every)

    def _finished(self, *, is_whole: bool) -> None:
        self.runs += 1
        if is_whole:
            self._age += 1
            self._cache = {name: each for name, each in self._cache.items() if each[1] >= self._age - KEPT_RUNS}
            ids = {each.proto.id for each in self.drawn.values()}
            self._states = {name: state for name, state in self._states.items() if name in ids}
        if self._answer and not self._answer.done():
            self._answer.set_result(None)

    def _draw(self, delta: Delta) -> None:
        if delta.WhichOneof("type") != "new_element":
            return
        kind = delta.new_element.WhichOneof("type") or "empty"
        proto = getattr(delta.new_element, kind)
        self.broken += kind == "exception"
        key = getattr(proto, "id", "").removeprefix("$$ID-").partition("-")[2]
        if not key:
            return
        self.drawn[key] = Drawn(kind, proto, delta.fragment_id)
        self.refused += key == "stopped"
        if getattr(proto, "set_value", False):  # the server says what it holds
            self._states.update((state.id, state) for state in _told(kind, proto))


def _told(kind: str, proto: Any) -> Iterator[WidgetState]:
    if kind == "selectbox":
        chosen = {"string_value": proto.raw_value} if proto.HasField("raw_value") else {}
        yield WidgetState(id=proto.id, **chosen)
    elif kind == "button_group":
        state = WidgetState(id=proto.id)
        state.string_array_value.data[:] = proto.raw_values
        yield state
    elif kind == "checkbox":
        yield WidgetState(id=proto.id, bool_value=proto.value)


def _worded(option: Any) -> str:
    """An option as the server expects it back: its icon belongs to it."""
    return f"{option.content_icon} {option.content}".strip() if option.content_icon else option.content


@asynccontextmanager
async def window(address: str, role: str) -> AsyncGenerator[Window]:
    """A window of somebody who has signed in; nothing is opened in it yet."""
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
        answer = await client.get(f"{address}/sign-in/demo/{role}")
    cookie = f"{COOKIE}={answer.cookies[COOKIE]}"
    stream, headers = f"{address.replace('http', 'ws', 1)}/_stcore/stream", {"Cookie": cookie, "Origin": address}
    async with (
        connect(
            stream, subprotocols=[Subprotocol("streamlit")], additional_headers=headers, max_size=None,
            compression=None, ping_interval=None, open_timeout=60,
        ) as connection,
        asyncio.TaskGroup() as tasks,
    ):  # fmt: skip
        made = Window(connection)
        own = [tasks.create_task(made.listen()), tasks.create_task(made.poll())]
        try:
            yield made
        finally:
            for each in own:
                each.cancel()
