"""The pictures and the video of a draft: added, described, taken away. They are in the store, never in the visit."""

import base64
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from uuid import UUID

import streamlit as st

from socialcore.accounts import Account
from socialcore.adapters.contract import PictureLimits, Source
from socialcore.media import Library
from socialcore.operators import Operator
from socialcore.pictures import Unusable
from socialcore.posts import Content, MediaReference
from ui import notices, session
from ui.session import Notice
from ui.view import h, show

KINDS = ["jpg", "jpeg", "png", "webp", "gif", "mp4", "mov", "webm"]
VIDEOS = ("mp4", "mov", "webm")
MOST = 4
SMALL = PictureLimits(
    most=1, most_bytes=60_000, longest_side=640, source=Source("our own choice, for previews", date(2026, 11, 23))
)


def described(content: Content, rev: str) -> tuple[MediaReference, ...]:
    """The draft's media, each with the description that stands in its field now."""
    return tuple(replace(each, alt=_typed(rev, each)) for each in content.media)


def area(operator: Operator, account: Account, content: Content, rev: str, save: Callable[[Content], None]) -> None:
    """Draw what is attached, and the way to attach more."""
    library = session.library(operator, account)
    for each in content.media:
        with st.container(horizontal=True, vertical_alignment="bottom", key=f"attached-{each.id[:12]}-{rev}"):
            show(h("img.thumb", src=source(library, account.id, each.id), alt=each.alt), key=f"thumb-{each.id}-{rev}")
            st.text_input(
                "Describe it for people who do not see it", value=each.alt, key=_key(rev, each),
                on_change=_describe, args=(content, rev, save), max_chars=2000,
            )  # fmt: skip
            st.button("Remove", key=f"remove-{each.id}-{rev}", on_click=_remove, args=(content, each, save))
    if len(content.media) < MOST:
        st.file_uploader(
            "Add pictures or a video", type=KINDS, accept_multiple_files=True, key=_uploader(rev),
            on_change=_add, args=(operator, account, content, rev, save),
        )  # fmt: skip


def source(library: Library, account_id: UUID, media_id: str) -> str:
    """A small copy as a data address: it needs no route of its own and nobody else can open it."""
    return _small(library, str(account_id), media_id)


@st.cache_data(max_entries=500, show_spinner=False)
def _small(_library: Library, account_id: str, media_id: str) -> str:  # noqa: ARG001 - the account is part of the key
    try:
        picture = _library.fit(media_id, SMALL)
    except Unusable:  # a video
        return ""
    return f"data:{picture.media_type};base64,{base64.b64encode(_library.read(picture.id)).decode()}"


@notices.action
def _add(operator: Operator, account: Account, content: Content, rev: str, save: Callable[[Content], None]) -> None:
    """Keep what was chosen; what is no good says so, and the rest is added."""
    library = session.library(operator, account)
    added: list[MediaReference] = []
    for file in session.widget(_uploader(rev)) or []:
        try:
            is_video = file.name.lower().endswith(VIDEOS)
            stored = library.keep_video(file) if is_video else library.keep_picture(file.getvalue())
            added.append(MediaReference(id=stored.id))
        except Unusable as error:
            title = f"{file.name}: {error.problem.title}"
            session.leave_notice(Notice("orange", title, f"{error.problem.next_step} The rest is kept."))
    known = {each.id for each in content.media}
    fresh: Sequence[MediaReference] = [each for each in added if each.id not in known]
    if len(content.media) + len(fresh) > MOST:
        words = "The first ones are kept; remove some to add others."
        session.leave_notice(Notice("orange", f"{MOST} is the most", words))
    save(replace(content, media=(*described(content, rev), *fresh)[:MOST]))
    session.keep(f"uploads-{rev}", _uploads(rev) + 1)
    session.redraw()


@notices.action
def _describe(content: Content, rev: str, save: Callable[[Content], None]) -> None:
    save(replace(content, media=described(content, rev)))


@notices.action
def _remove(content: Content, gone: MediaReference, save: Callable[[Content], None]) -> None:
    save(replace(content, media=tuple(each for each in content.media if each.id != gone.id)))
    session.redraw()


def _typed(rev: str, each: MediaReference) -> str:
    typed = session.widget(_key(rev, each))
    return each.alt if typed is None else typed


def _key(rev: str, each: MediaReference) -> str:
    return f"alt-{each.id}-{rev}"


def _uploads(rev: str) -> int:
    return session.kept(f"uploads-{rev}") or 0


def _uploader(rev: str) -> str:
    """A key that is new after each upload: the field is empty again, and its files are gone from memory."""
    return f"uploads-{rev}-{_uploads(rev)}"
