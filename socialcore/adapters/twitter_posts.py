"""Posts as X gives them back, to be compared with what was sent; and where they are.

X shortens links to t.co and escapes text for HTML, so what comes back is undone before it is compared.
Media are recognised by their keys, which end with the id that an upload was given.

Source: docs.x.com x-api/fundamentals/data-dictionary, openapi.json.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from html import unescape
from typing import cast
from unicodedata import normalize
from urllib.parse import urlsplit

from socialcore.adapters.contract import Json, Receipt, Sighting, Target

FIELDS: Mapping[str, str] = {
    "tweet.fields": "attachments,created_at,edit_history_tweet_ids,entities,referenced_tweets,reply_settings,text",
    "expansions": "attachments.media_keys",
    "media.fields": "alt_text,type",
}
ID = re.compile(r"[0-9]{1,19}")
HOSTS = re.compile(r"(?:www\.|mobile\.)?(?:x|twitter)\.com")
PATH = re.compile(r"/(?:i/(?:web/)?status|(\w{1,15})/status(?:es)?)/([0-9]{1,19})(?:/(?:photo|video)/\d+)?/?", re.ASCII)
SCHEME = re.compile(r"https?://", re.IGNORECASE)


def receipt(service: str, post_id: str) -> Receipt:
    """X finds a post by its id, whoever wrote it; the sandbox does so under its own address."""
    base = service if _is_local(service) else "https://x.com"
    return Receipt(post_id, f"{base}/i/status/{post_id}")


def locate(service: str, target: Target, link: str) -> Receipt | None:
    """Read a link as x.com or the app gives it; one without a name may be anybody's and is taken for the target's."""
    link = link.strip()
    try:
        parts = urlsplit(link if "://" in link else f"https://{link}")
    except ValueError:
        return None
    here = _is_local(service) and link.startswith(f"{service}/")
    path = parts.path.removeprefix(urlsplit(service).path) if here else parts.path
    found = PATH.fullmatch(path)
    if found is None or not (here or HOSTS.fullmatch(parts.netloc.lower())):
        return None
    if found[1] is not None and found[1].lower() != target.name.lower():
        return None
    return receipt(service, found[2])


def differences(wire: Json, shown: Json) -> list[str]:
    """Name what X shows otherwise than it was sent."""
    body: Json = wire["body"]
    pairs: Mapping[str, tuple[object, object]] = {
        "text": (_comparable(body.get("text", "")), _comparable(text_of(shown))),
        "media": (_media_ids(body), [key.rpartition("_")[2] for key in _media_keys(shown)]),
        "reply": (body.get("reply", {}).get("in_reply_to_tweet_id"), _parent(shown)),
        "reply_settings": (body.get("reply_settings", "everyone"), shown.get("reply_settings", "everyone")),
    }
    return [name for name, (sent, there) in pairs.items() if sent != there]


def is_of(wire: Json, shown: Json) -> bool:
    """Tell whether a post of the timeline is what was sent: by its words, its media, and what it replies to."""
    return not {"text", "media", "reply"} & set(differences(wire, shown))


def alternative_texts(shown: Json, includes: object) -> list[str] | None:
    """List the alternative texts of a post's media in order; None if the answer does not tell."""
    media = cast("Json", includes).get("media") if isinstance(includes, dict) else None
    if media is None:
        return None
    by_key = {str(each.get("media_key")): str(each.get("alt_text") or "") for each in objects(media)}
    return [by_key.get(key, "") for key in _media_keys(shown)]


def text_of(shown: Json) -> str:
    """A post's words as they were written: links in full, the one that stands for media left out."""
    text = unescape(str(shown.get("text", "")))  # before links are put in, which are not escaped
    for link in _links(shown):
        short, full = str(link.get("url", "")), link.get("expanded_url") or link.get("url")
        is_media = "media_key" in link or re.search(r"/status/\d+/(?:photo|video)/\d+$", str(full))
        if short:
            text = text.replace(short, "" if is_media and _media_keys(shown) else str(full))
    return text.strip()


def sighting(service: str, shown: Json) -> Sighting:
    at = shown.get("created_at")
    return Sighting(receipt(service, shown["id"]), text_of(shown), moment(at) if isinstance(at, str) else None)


def moment(stamp: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(stamp)
    except ValueError:
        return None
    return found if found.tzinfo else None


def is_post(shown: object) -> bool:
    match shown:
        case {"id": str(name), "text": str()}:
            return ID.fullmatch(name) is not None
        case _:
            return False


def versions(shown: Json) -> Sequence[str]:
    """List the ids of a post's versions, the latest last."""
    return _strings(shown.get("edit_history_tweet_ids"))


def _comparable(text: str) -> str:
    """What stays the same whichever way X writes a text: a link without a scheme comes back with one."""
    return SCHEME.sub("", normalize("NFC", text)).strip()


def _links(shown: Json) -> Sequence[Json]:
    return objects(part(shown, "entities").get("urls"))


def _media_ids(body: Json) -> list[str]:
    return list(body.get("media", {}).get("media_ids", []))


def _media_keys(shown: Json) -> list[str]:
    return _strings(part(shown, "attachments").get("media_keys"))


def _parent(shown: Json) -> str | None:
    others = objects(shown.get("referenced_tweets"))
    return next((str(each.get("id")) for each in others if each.get("type") == "replied_to"), None)


def part(shown: Json, name: str) -> Json:
    """Take what should be an object within another; an empty one if it is not."""
    found = shown.get(name)
    return cast("Json", found) if isinstance(found, dict) else {}


def objects(value: object) -> list[Json]:
    """Take the objects of what should be a list of them."""
    found = cast("list[object]", value) if isinstance(value, list) else []
    return [cast("Json", each) for each in found if isinstance(each, dict)]


def _strings(value: object) -> list[str]:
    found = cast("list[object]", value) if isinstance(value, list) else []
    return [each for each in found if isinstance(each, str)]


def _is_local(service: str) -> bool:
    return service.startswith("http://")
