"""What an operator wrote, as Bluesky will be given it; what is counted is what is sent."""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from socialcore.adapters.bluesky.capabilities import MOST_THUMB_BYTES, WHO_IN_WORDS
from socialcore.adapters.bluesky.options import Options
from socialcore.adapters.contract import Card, Json, Lookups, Picture, Resolve, Shown
from socialcore.posts import Content
from socialcore.text import bluesky as text_rules

# What a server takes for a URI; it refuses the whole post otherwise.
FACET_URI = re.compile(r"\w+:(?://)?[^\s/]\S*")


def render(content: Content, lookups: Lookups) -> Json:
    options = Options.of(content)
    first, *more = [_text(text, lookups.who) for text in texts(content)]
    rendered: Json = dict(first)
    if options.langs:
        rendered["langs"] = list(options.langs)
    if options.labels:
        values = [{"val": label} for label in options.labels]
        rendered["labels"] = {"$type": "com.atproto.label.defs#selfLabels", "values": values}
    if more:
        rendered["parts"] = more
    rendered |= _references(options, lookups)
    rendered |= _shown(content, options, lookups)
    if options.who_can_reply is not None:
        rendered["who_can_reply"] = list(options.who_can_reply)
    if options.no_quotes:
        rendered["no_quotes"] = True
    return rendered


def texts(content: Content) -> list[str]:
    return [content.text_for("bluesky"), *content.parts_for("bluesky")]


def shown(text: str) -> str:
    """Write a text as it will be sent."""
    return text_rules.shorten_links(_sendable(text))


def shown_posts(rendered: Json) -> list[Shown]:
    """Read what will be seen of each post of a thread; what stands below the text is the first one's."""
    video = [rendered["video"]] if "video" in rendered else []
    first = Shown(
        words=_words(rendered),
        pictures=rendered.get("pictures", video),
        card=_shown_card(rendered["card"]) if "card" in rendered else None,
        notes=tuple(_notes(rendered)),
    )
    return [first, *(Shown(words=_words(part)) for part in rendered.get("parts", ()))]


def _words(part: Json) -> list[tuple[str, str | None]]:
    return [
        (segment.text, segment.feature["$type"].rpartition("#")[2] if segment.feature else None)
        for segment in text_rules.segments(part["text"], part.get("facets", []))
    ]


def _shown_card(card: Json) -> Card:
    thumb = card.get("thumb")
    picture = Picture(*(thumb[name] for name in ("id", "media_type", "size", "width", "height"))) if thumb else None
    return Card(card["url"], card["title"], card["description"], picture)


def _notes(rendered: Json) -> Iterator[str]:
    if "reply" in rendered:
        yield "A reply"
    if "quote" in rendered:
        yield "Quotes a post"
    if (who := rendered.get("who_can_reply")) is not None:
        yield "Replies: " + (", ".join(WHO_IN_WORDS[each] for each in who) or "nobody")
    if rendered.get("no_quotes"):
        yield "Nobody can quote it"
    if labels := rendered.get("labels"):
        yield "Labelled " + ", ".join(each["val"] for each in labels["values"])


def _text(text: str, who: Resolve) -> Json:
    text = _sendable(text)
    found = [facet for facet in text_rules.detect_facets(text, who) if _is_acceptable(facet)]
    text, facets = text_rules.shorten(text, found)
    return {"text": text, "facets": facets} if facets else {"text": text}


def _sendable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _is_acceptable(facet: Mapping[str, Any]) -> bool:
    """Leave out what the server would refuse the whole post for; the text stays."""
    feature = facet["features"][0]
    if "uri" in feature:
        return FACET_URI.fullmatch(feature["uri"]) is not None
    return len(feature.get("tag", "").encode()) <= 640


def _references(options: Options, lookups: Lookups) -> Json:
    found: Json = {}
    if options.reply_to and (post := lookups.post(options.reply_to)):
        here = {"uri": post["uri"], "cid": post["cid"]}
        found["reply"] = {"root": post.get("root", here), "parent": here}
    if options.quote and (post := lookups.post(options.quote)):
        found["quote"] = {"uri": post["uri"], "cid": post["cid"]}
    return found


def _shown(content: Content, options: Options, lookups: Lookups) -> Json:
    """Find what stands below the text: pictures, a video, or the card of a link."""
    found = [(lookups.picture(reference), reference.alt) for reference in content.media_for("bluesky")]
    media = [_media(picture, alt) for picture, alt in found if picture is not None]
    if len(media) == 1 and media[0]["media_type"].startswith("video/"):
        return {"video": media[0]}
    if media:
        return {"pictures": media}
    if content.media_for("bluesky") or not options.card or (card := lookups.card(options.card)) is None:
        return {}
    return {"card": _card(card)}


def _card(card: Card) -> Json:
    small = card.thumb is not None and card.thumb.size <= MOST_THUMB_BYTES
    thumb = {"thumb": _media(card.thumb, "")} if card.thumb is not None and small else {}
    title = card.title or urlsplit(card.url).hostname or card.url
    return {"url": card.url, "title": title, "description": card.description, **thumb}


def _media(picture: Picture, alt: str) -> Json:
    size = {"size": picture.size, "width": picture.width, "height": picture.height}
    return {"id": picture.id, "alt": alt, "media_type": picture.media_type, **size}
