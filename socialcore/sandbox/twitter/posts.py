"""The methods that write, read and delete posts."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from socialcore.sandbox.twitter import shapes
from socialcore.sandbox.twitter.calls import Call
from socialcore.sandbox.twitter.links import LINK, rewritten, weight
from socialcore.sandbox.twitter.refusals import duplicate, forbidden, invalid, not_there, reply_not_allowed
from socialcore.sandbox.twitter.spending import POST, POST_WITH_LINK, READ, charge, insist_on_credit
from socialcore.sandbox.twitter.state import KEPT, Post, State

Answer = Mapping[str, Any]

MOST_WEIGHT = 280
REMEMBERED = timedelta(days=1)  # how long the same words are a duplicate; X says "recent"
EDITABLE = timedelta(hours=1)
FIELDS = frozenset(
    {
        *("attachments", "author_id", "conversation_id", "created_at", "edit_history_tweet_ids", "entities", "id"),
        *("in_reply_to_user_id", "public_metrics", "referenced_tweets", "reply_settings", "text"),
    }
)
QUERY = frozenset(
    {
        *("max_results", "start_time", "end_time", "since_id", "until_id", "pagination_token", "exclude"),
        *("tweet.fields", "expansions", "media.fields", "user.fields"),
    }
)


def create(state: State, call: Call) -> Answer:
    body = call.asked.json()
    shapes.NEW_POST("$", body)
    words: str = body.get("text", "")
    if not words.strip() and "media" not in body:
        raise invalid("$.text", "there is neither text nor media")
    if weight(words) > MOST_WEIGHT:
        raise invalid("$.text", f"the text weighs {weight(words)}; {MOST_WEIGHT} fit")
    if len({"media", "poll", "quote_tweet_id", "card_uri"} & body.keys()) > 1:
        raise invalid("$", "media, poll, quote_tweet_id and card_uri exclude each other")
    if "quote_tweet_id" in body:
        raise forbidden("Quoting posts is not part of your plan.")
    _insist_on_media(state, call, body)
    _insist_on_parent(state, call, body)
    earlier = _edited(state, call, body)
    _insist_on_news(state, call, words, body)
    cost = POST_WITH_LINK if LINK.search(words) else POST
    insist_on_credit(state, cost)
    name = state.next_id(call.now)
    text, links = rewritten(words, _pictures(state, call, name, body))
    told = [{part: getattr(link, part) for part in link.__slots__} for link in links]
    made = {"id": name, "author": call.account.id, "at": call.now.isoformat(), "body": body, "text": text}
    charge(state, cost)
    state.happen({"type": "posted", **made, "links": told, "earlier": earlier, "cost": str(cost)})
    return {"data": {"id": name, "text": text, "edit_history_tweet_ids": [*earlier, name]}}


def read(state: State, call: Call) -> Answer:
    wanted = call.asked.path["id"]
    _insist_on_query(call, {"tweet.fields", "expansions", "media.fields", "user.fields"})
    shapes.ident("id", wanted)
    post = state.posts.get(wanted)
    if post is None:
        return {"errors": [not_there("tweet", "id", wanted)]}
    insist_on_credit(state, READ)
    charge(state, READ)
    return {"data": _shown(state, call, post), **_includes(state, call, [post])}


def timeline(state: State, call: Call) -> Answer:
    query, whose = call.asked.query, call.asked.path["id"]
    _insist_on_query(call, QUERY)
    if whose not in state.accounts:
        return {"errors": [not_there("user", "id", whose)]}
    most = _number(query.get("max_results", "10"), "max_results")
    since, until = (_moment(query.get(name), name) for name in ("start_time", "end_time"))
    skipped = _number(query.get("pagination_token", "0"), "pagination_token", most=10**6, least=0)
    found = [
        each
        for each in reversed(state.public())
        if each.author == whose and (since is None or each.at >= since) and (until is None or each.at < until)
    ]
    page = found[skipped : skipped + most]
    insist_on_credit(state, READ * len(page))
    charge(state, READ * len(page))
    meta: dict[str, Any] = {"result_count": len(page)}
    if page:
        meta |= {"newest_id": page[0].id, "oldest_id": page[-1].id}
    if len(found) > skipped + most:
        meta["next_token"] = str(skipped + most)
    shown = {"data": [_shown(state, call, each) for each in page]} if page else {}
    return {**shown, **_includes(state, call, page), "meta": meta}


def delete(state: State, call: Call) -> Answer:
    name = call.asked.path["id"]
    shapes.ident("id", name)
    post = state.posts.get(name)
    if post is None:  # what X says then is not documented; a lookup says it so
        return {"errors": [not_there("tweet", "id", name)]}
    if post.author != call.account.id:
        raise forbidden("You are not allowed to delete this Tweet.")
    state.happen({"type": "deleted", "id": name})
    return {"data": {"deleted": True}}


def _insist_on_media(state: State, call: Call, body: Mapping[str, Any]) -> None:
    media = [state.media.get(name) for name in body.get("media", {}).get("media_ids", [])]
    if any(
        each is None or each.owner != call.account.id or each.stands != "succeeded" or call.now - each.at > KEPT
        for each in media
    ):
        raise invalid("$.media.media_ids", "Your media IDs are invalid.")
    categories = [each.category for each in media if each]
    if len(categories) > 1 and set(categories) != {"tweet_image"}:
        raise invalid("$.media.media_ids", "one animated GIF or one video, or up to four images")
    if len(set(body.get("media", {}).get("media_ids", []))) != len(media):
        call.oddities.append("attached one upload twice")


def _insist_on_parent(state: State, call: Call, body: Mapping[str, Any]) -> None:
    """Insist that one may reply there: apps that pay per use only to one's own post, or when mentioned."""
    if "reply" not in body:
        return
    parent = state.posts.get(body["reply"]["in_reply_to_tweet_id"])
    if parent is None:
        raise forbidden("You attempted to reply to a Tweet that is deleted or not visible to you.")
    if parent.author != call.account.id and f"@{call.account.username}".lower() not in parent.text.lower():
        raise reply_not_allowed()


def _insist_on_news(state: State, call: Call, words: str, body: Mapping[str, Any]) -> None:
    if "media" in body or "edit_options" in body:
        return
    for post in state.public():
        said = post.body.get("text", "").strip()
        recent = call.now - post.at < REMEMBERED
        if recent and post.author == call.account.id and said == words.strip() and not post.media_ids:
            raise duplicate()


def _edited(state: State, call: Call, body: Mapping[str, Any]) -> Sequence[str]:
    """Find the versions before this one; none for a new post."""
    if "edit_options" not in body:
        return []
    post = state.posts.get(body["edit_options"]["previous_post_id"])
    if post is None or post.author != call.account.id or call.now - post.at > EDITABLE or len(post.history) > 5:
        raise forbidden("You are not allowed to edit this Tweet.")
    return list(post.history)


def _pictures(state: State, call: Call, name: str, body: Mapping[str, Any]) -> list[tuple[str, str]]:
    media = [state.media[each] for each in body.get("media", {}).get("media_ids", [])]
    kind = "video" if any("video" in each.category for each in media) else "photo"
    address = f"https://x.com/{call.account.username}/status/{name}/{kind}/1"
    return [(each.key, address) for each in media]


def _shown(state: State, call: Call, post: Post) -> dict[str, Any]:
    """Show what was asked for, and what is always shown."""
    wanted = {"id", "text", "edit_history_tweet_ids", *_list(call, "tweet.fields")}
    if unknown := sorted(wanted - FIELDS):
        raise invalid("tweet.fields", f"[{unknown[0]}] is no field of a post here")
    whole: dict[str, Any] = {
        "id": post.id,
        "text": post.text,
        "edit_history_tweet_ids": list(post.history),
        "author_id": post.author,
        "created_at": post.at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "reply_settings": post.body.get("reply_settings", "everyone"),
    }
    if post.links:
        whole["entities"] = {"urls": [link.shown(post.text) for link in post.links]}
    if post.media_ids:
        whole["attachments"] = {"media_keys": [state.media[each].key for each in post.media_ids]}
    if post.reply_to:
        whole["referenced_tweets"] = [{"type": "replied_to", "id": post.reply_to}]
    return {name: value for name, value in whole.items() if name in wanted}


def _includes(state: State, call: Call, posts: Sequence[Post]) -> dict[str, Any]:
    if "attachments.media_keys" not in _list(call, "expansions"):
        return {}
    found = {state.media[name] for post in posts for name in post.media_ids}
    wanted = {"media_key", "type", *_list(call, "media.fields")}
    media = [
        {
            name: value
            for name, value in {
                "media_key": each.key,
                "type": "video" if "video" in each.category else "photo",
                "alt_text": each.alt,
            }.items()
            if name in wanted and value is not None
        }
        for each in sorted(found, key=lambda each: each.id)
    ]
    return {"includes": {"media": media}} if media else {}


def _insist_on_query(call: Call, known: set[str] | frozenset[str]) -> None:
    if unknown := sorted(set(call.asked.query) - known):
        call.oddities.append(f"asked with {', '.join(unknown)}, which this method does not know")
        raise invalid(unknown[0], f"The query parameter [{unknown[0]}] is not one of [{','.join(sorted(known))}]")


def _list(call: Call, name: str) -> list[str]:
    return [each for each in call.asked.query.get(name, "").split(",") if each]


def _number(value: str, name: str, *, least: int = 5, most: int = 100) -> int:
    if not value.isdecimal() or not least <= int(value) <= most:
        raise invalid(name, f"The `{name}` query parameter value [{value}] is not between {least} and {most}")
    return int(value)


def _moment(value: str | None, name: str) -> datetime | None:
    if value is None:
        return None
    try:
        return datetime.strptime(value, "%Y-%m-%dT%H:%M:%S%z")
    except ValueError as error:
        raise invalid(
            name, f"The `{name}` query parameter value [{value}] is no time like 2026-03-01T09:30:00Z"
        ) from error
