"""Finding things out while somebody types: asked once, in the background, remembered for a while."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from datetime import datetime, timedelta

import streamlit as st

from socialcore import publishing
from socialcore.adapters.contract import Target
from socialcore.connections import Connection
from socialcore.failures import PlatformFailure, Unavailable
from socialcore.gathering import Answer, Ask, Gathered, Question, gather
from socialcore.media import Library
from socialcore.posts import Content
from ui import session

WHILE_TYPING = 0.15  # seconds that a pause in typing may wait for all that is asked
PUBLISHING = 15.0  # and that publishing may
REMEMBERED = timedelta(minutes=10)
TROUBLED = timedelta(seconds=15)  # after which a platform that did not answer is asked again whom it suggests
MOST = 5000
MOST_AT_ONCE = 4  # suggestions under way; whoever types on asks for others

Asked = tuple[datetime, Future[Answer]]


@st.cache_resource
def _asked() -> tuple[ThreadPoolExecutor, dict[Question, Asked]]:
    return ThreadPoolExecutor(6, thread_name_prefix="finding"), {}


def gathered(content: Content, connection: Connection, library: Library, *, patience: float = WHILE_TYPING) -> Gathered:
    """Everything that a post asks for, as far as it is found in time.

    Raises:
        Unavailable: if a platform or our store of media does not answer; only when there is time to wait for it.
    """
    public = session.settings().media_url is not None
    return gather(content, connection, library, has_public_media=public, ask=_asking(patience))


def insist(content: Content, connection: Connection, library: Library) -> Gathered:
    """Everything that a post asks for: what was shown while it was written, and what was not found until now.

    Raises:
        Unavailable: if something cannot be found out. Nothing was stored but pictures.
    """
    try:
        found = gathered(content, connection, library, patience=PUBLISHING)
    except Unavailable as failure:
        raise Unavailable(f"{failure} Your text is kept.") from failure
    if not found.is_whole:
        raise Unavailable("We could not find out in time whom it mentions or what it links to. Your text is kept.")
    return found


@st.cache_resource
def _suggesting() -> tuple[ThreadPoolExecutor, dict[tuple[str, str], tuple[datetime, Future[Sequence[Target]]]]]:
    """Apart from the rest: a platform that hangs here holds up nothing that a post waits for."""
    return ThreadPoolExecutor(2, thread_name_prefix="suggesting"), {}


def suggested(connection: Connection, prefix: str) -> Sequence[Target] | None:
    """Whose handle begins so, as far as the platform has said by now; None: not yet, or it will not say."""
    pool, asked = _suggesting()
    now, question = session.now(), (connection.service, prefix)
    at, answer = asked.get(question, (now, None))
    failed = answer is not None and answer.done() and answer.exception() is not None
    if answer is None or now - at > (TROUBLED if failed else REMEMBERED):
        if sum(not each.done() for _, each in asked.values()) >= MOST_AT_ONCE:
            return None
        if len(asked) > MOST:
            asked.clear()
        answer = pool.submit(publishing.suggest, connection, prefix)
        asked[question] = (now, answer)
    return answer.result() if answer.done() and answer.exception() is None else None


def _asking(patience: float) -> Ask:
    """Answer from memory, or wait; all questions together wait no longer than `patience`, in seconds."""
    pool, asked = _asked()
    now = session.now()
    until = now + timedelta(seconds=patience)

    def ask(question: Question, find: Callable[[], Answer]) -> Answer | None:
        at, answer = asked.get(question, (now, None))
        if answer is None or now - at > REMEMBERED or (answer.done() and answer.exception()):
            if len(asked) > MOST:
                asked.clear()
            answer = pool.submit(find)
            asked[question] = (now, answer)
        try:
            return answer.result(timeout=max(0.0, (until - session.now()).total_seconds()))
        except NotYet:
            return None
        except PlatformFailure:
            if patience < PUBLISHING:
                return None
            raise

    return ask
