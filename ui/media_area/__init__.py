"""Where pictures and videos of a draft are added, described, ordered, cropped, and seen as each platform takes them.

The browser sends files straight to the store (`api/uploads.py`) and asks there how they fit; Python is told which are
attached, in which order and how described, and nothing of them passes through a visit's memory. As with the text, what
the browser has is never overwritten, except when `rev` changes.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import sqlalchemy.exc
import streamlit as st
from streamlit.components.v2 import component

from socialcore import pictures, videos
from socialcore.accounts import Account
from socialcore.adapters import ADAPTERS
from socialcore.media import Crop, Library, Stored
from socialcore.posts import Content, Platform
from ui import session
from ui.media_area.attached import Sent, ids_of_variants, of_content, sent, uploading, with_attached
from ui.media_area.shapes import SHAPES, offered
from ui.platforms import PLATFORMS

HERE = Path(__file__).resolve().parent
SCRIPTS = ("words.js", "uploading.js", "cropping.js", "cards.js", "media_area.js")
ACCEPTED = "image/jpeg,image/png,image/webp,image/gif,video/mp4,video/quicktime,video/webm"
MOST = 4  # pictures, while no platform is chosen

_media_area = component(
    "composer_media",
    html=(HERE / "media_area.html").read_text("utf-8"),
    css=(HERE / "media_area.css").read_text("utf-8"),
    js="\n".join((HERE / each).read_text("utf-8") for each in SCRIPTS),
)


def area(
    account: Account,
    library: Library,
    content: Content,
    *,
    rev: str,
    draft: str,
    chosen: Sequence[Platform],
    save: Callable[[Content], None],
) -> None:
    """Draw what is attached, and the ways to attach more. Mount it in the fragment of the text.

    Args:
        content: what is stored for this `rev`, or newer; what the browser sent since is put into it.
        draft: names what is being written; files on their way stay with it when only `rev` changes.
        chosen: the platforms of the chosen connections; how each picture fits is shown for these.
        save: called with the content as it is now, before the next run.
    """
    now = attached(account, content, rev)
    data = {
        "rev": rev,
        "draft": draft,
        "uploads": f"/uploads/{account.id}",
        "attached": _told(library, account.id, now),
        "platforms": [_platform(each) for each in dict.fromkeys(chosen)],
        "most": max((limits.most for each in chosen if (limits := ADAPTERS[each].capabilities.pictures)), default=MOST),
        "most_bytes": {"image": pictures.MOST_BYTES, "video": videos.MOST_BYTES},
        "accepted": ACCEPTED,
    }
    _media_area(
        data=data,
        key=_key(account),
        on_attached_change=partial(_deliver, account, content, rev, save),
        on_uploading_change=_known_at_the_next_run,
        on_fitted_change=_known_at_the_next_run,
    )


def attached(account: Account, content: Content, rev: str) -> Content:
    """The content with the pictures that the browser has now; to count, to draw and to publish by."""
    said = _said(account, rev)
    return content if said is None else with_attached(content, said.attached)


def waiting(account: Account, rev: str) -> str | None:
    """What keeps from publishing: files that are on their way, or could not be stored yet, would be left out."""
    number = uploading(_state(account).get("uploading"), rev)
    if not number:
        return None
    files, them = ("A file is", "it") if number == 1 else (f"{number} files are", "them")
    return f"{files} not stored yet: wait, or leave {them}."


def source(account: Account, media_id: str) -> str:
    """The address of a small copy of a picture; there is none of a video."""
    return f"/uploads/{account.id}/{media_id}?small"


def _deliver(account: Account, content: Content, rev: str, save: Callable[[Content], None]) -> None:
    if _said(account, rev) is not None:
        save(attached(account, content, rev))


def _known_at_the_next_run() -> None:
    """Keep nothing: a file on its way is the browser's, and what was fitted is stored; the page is drawn with both."""


def _said(account: Account, rev: str) -> Sent | None:
    said = sent(_state(account).get("attached"))
    return said if said is not None and said.rev == rev else None


def _state(account: Account) -> Any:
    return session.widget(_key(account)) or {}


def _told(library: Library, account_id: UUID, content: Content) -> list[dict[str, Any]]:
    """All that the browser has to know of what is attached, should it not know it yet."""
    crops = [crop for each in ids_of_variants(content) for crop in _known_crops(library, account_id, each)]
    boxes = {crop.id: asdict(crop.box) for crop in crops}
    return [
        {
            **(_known(library, account_id, each.id) or {}),
            "id": each.id,
            "alt": each.alt,
            "at": {platform: cut and {"id": cut, "box": boxes.get(cut)} for platform, cut in each.at.items()},
        }
        for each in of_content(content, crops)
    ]


def _known(library: Library, account_id: UUID, media_id: str) -> dict[str, Any] | None:
    """What it is; None while the database is away: then the browser still knows what it has added itself."""
    try:
        found = _about(library, str(account_id), media_id)
    except (sqlalchemy.exc.SQLAlchemyError, LookupError):
        return None
    return asdict(found)


def _known_crops(library: Library, account_id: UUID, media_id: str) -> list[Crop]:
    try:
        return _crops(library, str(account_id), media_id)
    except (sqlalchemy.exc.SQLAlchemyError, LookupError):
        return []


# What has a hash never changes, so it is asked for once; what is not there is asked for again.
@st.cache_data(max_entries=5000, show_spinner=False)
def _about(_library: Library, account_id: str, media_id: str) -> Stored:
    if (found := _library.about(media_id)) is None:
        raise LookupError(f"{account_id}/{media_id}")
    return found


@st.cache_data(max_entries=5000, show_spinner=False)
def _crops(_library: Library, account_id: str, media_id: str) -> list[Crop]:
    if not (found := _library.crops([media_id])):
        raise LookupError(f"{account_id}/{media_id}")
    return found


def _platform(platform: Platform) -> dict[str, Any]:
    can, shapes = ADAPTERS[platform].capabilities, SHAPES[platform]
    return {
        "key": platform,
        "name": PLATFORMS[platform].name,
        "colour": PLATFORMS[platform].colour,
        "most": can.pictures.most if can.pictures else 0,
        "most_alt": can.pictures.most_alt if can.pictures else None,
        "longest": can.video.longest.total_seconds() if can.video else None,
        "says": shapes.says,
        "shapes": [{"name": each.label, "ratio": each.width / each.height} for each in offered(platform)],
    }


def _key(account: Account) -> str:
    return f"media-{account.id}"
