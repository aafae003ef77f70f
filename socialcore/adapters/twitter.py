"""X, over its API v2 with OAuth 2.0.

A post has no key of ours, so what an earlier attempt left behind is looked for on the account's own timeline: by its
words with the links in full, its media and what it replies to. X refuses the same words twice, which is a sign, too.

Source: docs.x.com as of 2026-08-22 (openapi 2.167); answers seen in the field (tests/data/x-errors.json).
"""

import base64
import hashlib
import secrets
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal
from urllib.parse import urlencode
from uuid import UUID

import httpx

from socialcore import failures
from socialcore.adapters import twitter_posts, twitter_rules
from socialcore.adapters.apps import SERVICES, App
from socialcore.adapters.contract import (
    Access,
    BeforeWrite,
    Checked,
    Departure,
    Frozen,
    Granted,
    Json,
    Lookups,
    Media,
    ReadBack,
    Receipt,
    Shown,
    Sighting,
    Target,
    Usage,
)
from socialcore.adapters.http import Missing, Refusals, call, new_client
from socialcore.adapters.twitter_media import Uploads
from socialcore.adapters.twitter_refusals import (
    CODE_REFUSALS,
    LOOK_REFUSALS,
    NAME,
    REFRESH_REFUSALS,
    REFUSALS,
    SIGN_IN_REFUSALS,
    WRITE_REFUSALS,
)
from socialcore.adapters.twitter_rules import CAPABILITIES, NOT_EDITED, PERMISSIONS, REPLY_SETTINGS, parts_of
from socialcore.posts import Content, MediaReference, Problem
from socialcore.text import twitter as text_rules

CLOCKS_APART = timedelta(minutes=1)  # how far ours may be ahead of X's
PAGE = 100  # posts
MOST_PAGES = 32  # X shows no more than the last 3,200 posts
SIGHTINGS = 20  # each costs half a cent
UNREADABLE = f"{NAME} sent an answer that nobody can read."
NO_APP = (
    f"This installation is not registered at {NAME}. An admin sets COMPOSER_TWITTER_CLIENT_ID and"
    " COMPOSER_TWITTER_CLIENT_SECRET."
)
TAGS: Mapping[text_rules.Kind, str] = {"link": "link", "mention": "mention", "hashtag": "tag", "cashtag": "tag"}


class Twitter:
    capabilities = CAPABILITIES

    def __init__(self, app: App | None, client: httpx.Client | None = None) -> None:
        self._app = app
        self._client = client or new_client()

    def validate(self, content: Content) -> list[Problem]:
        return twitter_rules.problems(content)

    def usage(self, content: Content) -> list[Usage]:
        """Measure the text that has the least room left, of a thread's."""
        used = max(text_rules.weighted_length(text) for text in parts_of(content))
        return [Usage(used, limit) for limit in self.capabilities.text_limits]

    def depart(self, answer: Mapping[str, str], *, redirect_uri: str, state: str) -> Departure:
        app = self._registered()
        verifier = secrets.token_urlsafe(64)
        asked = {
            "response_type": "code",
            "client_id": app.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(PERMISSIONS),
            "state": state,
            "code_challenge": _s256(verifier),
            "code_challenge_method": "S256",
        }
        base = "https://x.com" if app.service == SERVICES["twitter"] else app.service
        keep = {"verifier": verifier, "redirect_uri": redirect_uri}
        return Departure(f"{base}/i/oauth2/authorize?{urlencode(asked)}", keep)

    def connect(self, answer: Mapping[str, str]) -> Granted:
        """Sign in with what X sent back (`code`, or `error`) and what `depart` kept."""
        app = self._registered()
        if answer.get("error") == "access_denied":
            raise failures.ReconnectNeeded(f"Access was not allowed at {NAME}. Nothing was stored.")
        if not answer.get("code") or "error" in answer:
            raise failures.ReconnectNeeded(f"{NAME} did not complete the sign-in. Nothing was stored. Begin it again.")
        asked = {
            "grant_type": "authorization_code",
            "code": answer["code"],
            "redirect_uri": answer.get("redirect_uri", ""),
            "code_verifier": answer.get("verifier", ""),
        }
        told = self._token(app.service, asked, CODE_REFUSALS)
        permissions = _permissions(told)
        if missing := sorted(set(PERMISSIONS) - (permissions if permissions is not None else set(PERMISSIONS))):
            raise failures.ReconnectNeeded(
                f"{NAME} did not give every permission. Missing: {', '.join(missing)}. Sign in again and allow them."
            )
        pair = _pair(told)
        who = self._me(Access(app.service, "", pair), SIGN_IN_REFUSALS)
        return Granted(app.service, who.id, pair, (who,), _expiry(told), permissions=permissions)

    def refresh(self, access: Access, *, before_write: BeforeWrite | None = None) -> Granted:
        """Renew a pair. X takes a refresh token once: an answer that got lost is a sign-in that is lost."""
        asked = {"grant_type": "refresh_token", "refresh_token": access.secret["refresh"]}
        told = self._token(access.service, asked, REFRESH_REFUSALS, before_write=before_write)
        return Granted(access.service, access.target_id, _pair(told), (), _expiry(told), permissions=_permissions(told))

    def resolve(self, service: str, handle: str) -> str | None:
        """X finds mentions itself; nobody needs to be asked."""
        return None

    def suggest(self, service: str, prefix: str) -> Sequence[Target]:
        return []

    def reference(self, service: str, link: str) -> Json | None:
        """Apps that pay per use may neither quote nor, as a rule, reply to somebody else's posts."""
        return None

    def render(self, content: Content, lookups: Lookups) -> Sequence[Json]:
        rendered: list[Json] = [{"text": text.encode("utf-8", "replace").decode()} for text in parts_of(content)]
        first = rendered[0]
        if pictures := [each for reference in content.media_for("twitter") if (each := _picture(reference, lookups))]:
            first["pictures"] = pictures
        if (settings := content.options_for("twitter").get("reply_settings")) in REPLY_SETTINGS:
            first["reply_settings"] = settings
        return rendered

    def cost(self, rendered: Json) -> Decimal:
        return twitter_rules.cost(rendered)

    def shown(self, rendered: Json) -> Sequence[Shown]:
        text, done = str(rendered["text"]), 0
        found: list[tuple[str, str | None]] = []
        for entity in text_rules.entities(text):
            found += [(text[done : entity.start], None), (text[entity.start : entity.end], TAGS[entity.kind])]
            done = entity.end
        words = [piece for piece in (*found, (text[done:], None)) if piece[0]]
        replies = REPLY_SETTINGS.get(rendered.get("reply_settings", ""))
        notes = (f"Replies: {replies.lower()}",) if replies else ()
        return [Shown(words=words, pictures=rendered.get("pictures", ()), notes=notes)]

    def upload(self, access: Access, rendered: Json, media: Media, *, wire: Json | None) -> Json:
        """Bring the pictures, once: what is frozen names what X has, and X keeps it for a day."""
        pictures: list[Json] = rendered.get("pictures", [])
        if wire is not None or not pictures:
            return {}
        if len(pictures) > 1 and any(str(each["media_type"]).startswith("video/") for each in pictures):
            raise failures.ContentRejected(f"{NAME} shows one video, or up to four pictures. Take some out.")
        uploads = Uploads(self._client, access)
        return {"media_ids": [uploads.bring(each, media) for each in pictures]}

    def freeze(
        self,
        target_id: str,
        rendered: Json,
        *,
        delivery_id: UUID,
        at: datetime,
        uploaded: Json | None = None,
        earlier: Sequence[str] = (),
    ) -> Frozen:
        media_ids = (uploaded or {}).get("media_ids", [])
        body: Json = {"text": rendered["text"]} if rendered["text"].strip() or not media_ids else {}
        if media_ids:
            body["media"] = {"media_ids": media_ids}
        if earlier:
            body["reply"] = {"in_reply_to_tweet_id": earlier[-1]}
        elif "reply_settings" in rendered:
            body["reply_settings"] = rendered["reply_settings"]
        alts = [each["alt"] for each in rendered.get("pictures", [])] if media_ids else []
        return Frozen(None, {"body": body, "alts": alts, "since": at.astimezone(UTC).isoformat()})

    def publish(self, access: Access, wire: Json, *, before_write: BeforeWrite) -> Receipt:
        request = self._request("POST", access, "tweets", json=wire["body"])
        told = call(
            self._client,
            request,
            WRITE_REFUSALS,
            platform=NAME,
            changes_something=True,
            before_write=before_write,
        )
        match told:
            case {"data": {"id": str(post_id)}} if twitter_posts.ID.fullmatch(post_id):
                return twitter_posts.receipt(access.service, post_id)
            case _:
                raise failures.OutcomeUnknown(UNREADABLE)

    def find_existing(self, access: Access, wire: Json, *, taken: Collection[str] = ()) -> Receipt | None:
        since = datetime.fromisoformat(wire["since"]) - CLOCKS_APART
        for shown in self._timeline(access, since=since):
            if shown["id"] not in taken and twitter_posts.is_of(wire, shown):
                return twitter_posts.receipt(access.service, shown["id"])
        return None

    def recent(self, access: Access) -> list[Sighting]:
        page = self._page(access, {"max_results": str(SIGHTINGS)})
        return [twitter_posts.sighting(access.service, shown) for shown in _posts(page)]

    def locate(self, service: str, target: Target, link: str) -> Receipt | None:
        return twitter_posts.locate(service, target, link)

    def read_back(self, access: Access, wire: Json, remote_id: str) -> ReadBack | None:
        told = self._read(access, remote_id)
        if told is None:
            return None
        if (versions := twitter_posts.versions(told["data"])) and versions[-1] != remote_id:
            told = self._read(access, versions[-1]) or told  # somebody has edited it at X
        differs = twitter_posts.differences(wire, told["data"])
        alts = twitter_posts.alternative_texts(told["data"], told.get("includes"))
        if alts is not None and alts != wire["alts"]:
            differs.append("alternative text")
        return ReadBack("mismatch", ", ".join(differs)) if differs else ReadBack("match")

    def rewrite(self, wire: Json, rendered: Json) -> Json:
        raise failures.ContentRejected(NOT_EDITED)

    def edit(self, access: Access, wire: Json, remote_id: str) -> None:
        raise failures.ContentRejected(NOT_EDITED)

    def delete(self, access: Access, remote_id: str) -> None:
        try:
            told = self._ask(self._request("DELETE", access, f"tweets/{remote_id}"), LOOK_REFUSALS)
        except Missing:
            return  # already gone
        if told.get("data") == {"deleted": False}:
            raise failures.Unavailable(f"{NAME} did not take the post down.")

    def check(self, access: Access) -> Checked:
        return Checked(name=self._me(access, REFUSALS).name)

    def revoke(self, access: Access) -> None:
        """Give both tokens back; X does not say whether one takes the other along."""
        for kind in ("access", "refresh"):
            asked = {"token": access.secret[kind], "token_type_hint": f"{kind}_token"}
            try:
                self._sign(access.service, "revoke", asked, REFRESH_REFUSALS)
            except (failures.ReconnectNeeded, failures.ContentRejected):
                continue  # already gone

    def _registered(self) -> App:
        if self._app is None:
            raise failures.ContentRejected(NO_APP)
        return self._app

    def _token(
        self, service: str, asked: Mapping[str, str], refusals: Refusals, *, before_write: BeforeWrite | None = None
    ) -> Json:
        return self._sign(service, "token", asked, refusals, before_write=before_write)

    def _sign(
        self,
        service: str,
        path: Literal["token", "revoke"],
        asked: Mapping[str, str],
        refusals: Refusals,
        *,
        before_write: BeforeWrite | None = None,
    ) -> Json:
        app = self._registered()
        basic = base64.b64encode(f"{app.client_id}:{app.client_secret}".encode()).decode()
        headers = {"Authorization": f"Basic {basic}"}
        request = self._client.build_request("POST", f"{service}/2/oauth2/{path}", data=asked, headers=headers)
        hidden = [app.client_secret, *asked.values()]
        return call(self._client, request, refusals, platform=NAME, before_write=before_write, secrets=hidden)

    def _me(self, access: Access, refusals: Refusals) -> Target:
        match self._ask(self._request("GET", access, "users/me"), refusals):
            case {"data": {"id": str(user_id), "username": str(username)}} if twitter_posts.ID.fullmatch(user_id):
                return Target(user_id, username)
            case _:
                raise failures.Unavailable(UNREADABLE)

    def _read(self, access: Access, post_id: str) -> Json | None:
        request = self._request("GET", access, f"tweets/{post_id}", params=twitter_posts.FIELDS)
        try:
            told = self._ask(request, LOOK_REFUSALS)
        except Missing:
            return None
        if not twitter_posts.is_post(told.get("data")):
            raise failures.Unavailable(UNREADABLE)
        return told

    def _timeline(self, access: Access, *, since: datetime) -> Sequence[Json]:
        """Read every post of the account since then, the latest first."""
        asked = {"max_results": str(PAGE), "start_time": since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}
        found: list[Json] = []
        for _ in range(MOST_PAGES):
            page = self._page(access, asked)
            found += _posts(page)
            match page.get("meta"):
                case {"next_token": str(token)}:
                    asked["pagination_token"] = token
                case _:
                    return found
        raise failures.Unavailable(f"There are more posts on {NAME} since then than it lets us read.")

    def _page(self, access: Access, asked: Mapping[str, str]) -> Json:
        query = {**twitter_posts.FIELDS, **asked}
        return self._ask(self._request("GET", access, f"users/{access.target_id}/tweets", params=query), REFUSALS)

    def _request(self, verb: str, access: Access, path: str, **content: object) -> httpx.Request:
        headers = {"Authorization": f"Bearer {access.secret['access']}"}
        return self._client.build_request(verb, f"{access.service}/2/{path}", headers=headers, **content)  # pyright: ignore[reportArgumentType]

    def _ask(self, request: httpx.Request, refusals: Refusals) -> Json:
        return call(self._client, request, refusals, platform=NAME)


def _picture(reference: MediaReference, lookups: Lookups) -> Json | None:
    found = lookups.picture(reference)
    if found is None:
        return None
    size = {"size": found.size, "width": found.width, "height": found.height}
    return {"id": found.id, "alt": reference.alt, "media_type": found.media_type, **size}


def _posts(page: Json) -> list[Json]:
    """Read the posts of a page; a page with none has no `data`, but says so."""
    found: object = page.get("data")
    if found is None and twitter_posts.part(page, "meta").get("result_count") == 0:
        return []
    posts = twitter_posts.objects(found)
    if not posts or not all(twitter_posts.is_post(each) for each in posts):
        raise failures.Unavailable(UNREADABLE)
    return posts


def _permissions(told: Json) -> frozenset[str] | None:
    scope = told.get("scope")
    return frozenset(scope.split()) if isinstance(scope, str) else None


def _pair(told: Json) -> Mapping[str, str]:
    match told:
        case {"access_token": str(access), "refresh_token": str(refresh)} if _can_be_token(access, refresh):
            return {"access": access, "refresh": refresh}
        case _:
            raise failures.Unavailable(f"{NAME} answered without a sign-in. Nothing was stored.")


def _can_be_token(*values: str) -> bool:
    """Keep out what no header can carry."""
    return all(value and value.isascii() and value.isprintable() and " " not in value for value in values)


def _expiry(told: Json) -> datetime | None:
    seconds = told.get("expires_in")
    if isinstance(seconds, bool) or not isinstance(seconds, int) or not 0 < seconds < 10**8:
        return None
    return datetime.now(UTC) + timedelta(seconds=seconds)


def _s256(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
