"""Google Business Profile: posts of a location, which Google reviews before it shows them.

Google knows no key of ours, so a post in doubt is looked for by what it says and when it was made; and it fetches
pictures itself, from an address of ours.

Source: https://developers.google.com/my-business/reference/rest/v4/accounts.locations.localPosts,
https://developers.google.com/my-business/content/limits (2026-05-07),
https://developers.google.com/identity/protocols/oauth2/web-server (2026-11-23).
"""

import base64
import hashlib
import json
import re
import secrets
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, cast
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import UUID

import httpx

from socialcore import failures
from socialcore.adapters import google_posts, google_shown
from socialcore.adapters.apps import SERVICES, App
from socialcore.adapters.contract import (
    Access,
    BeforeWrite,
    Budget,
    Capabilities,
    Checked,
    Departure,
    Frozen,
    Granted,
    Json,
    Lookups,
    Media,
    PictureLimits,
    ReadBack,
    Receipt,
    Rule,
    Shown,
    Sighting,
    Source,
    Target,
    Usage,
)
from socialcore.adapters.google_errors import (
    CODE_REFUSALS,
    GONE,
    LOST,
    NAME,
    REFUSALS,
    SIGN_IN_LOST,
    TOKEN_REFUSALS,
    UNSEEN,
    WRITE_REFUSALS,
    Denied,
)
from socialcore.adapters.http import Missing, Refusals, call, new_client
from socialcore.posts import Content, Problem
from socialcore.text import google as text_rules

Api = Literal["consent", "token", "accounts", "locations", "posts"]

MANAGE = "https://www.googleapis.com/auth/business.manage"
REFERENCE = "https://developers.google.com/my-business/reference/rest/v4/accounts.locations.localPosts"
LIMITS = Source("https://developers.google.com/my-business/content/limits", date(2026, 5, 7))
PHOTOS = Source("https://support.google.com/business/answer/6103862", date(2026, 11, 23))
# Google's APIs are servers of their own; any other service has all of them below its address.
HOSTS: Mapping[Api, str] = {
    "consent": "https://accounts.google.com",
    "token": "https://oauth2.googleapis.com",
    "accounts": "https://mybusinessaccountmanagement.googleapis.com",
    "locations": "https://mybusinessbusinessinformation.googleapis.com",
    "posts": "https://mybusiness.googleapis.com",
}
MOST_PAGES = 20  # of anything that Google lists
SKEW = timedelta(minutes=1)  # by which Google's clock may be behind ours
NOWHERE = "https://business.google.com/locations"  # where a post can be looked for that has no address of its own
TURNED_DOWN = (
    f"{NAME} turned the post down in its review, and gives no reason. Check it for a phone number in the text, a "
    f"photo that is not yours, and what {google_posts.POLICY} forbids; then write it anew."
)


class GoogleBusiness:
    capabilities = Capabilities(
        name=NAME,
        text_limits=(google_posts.SUMMARY,),
        can_delete=True,
        why_not_edited=None,
        options=google_shown.OPTIONS,
        # No key of ours tells one post from another, so a second one is made only when the first surely is not there.
        settle=timedelta(seconds=60),
        misses=2,
        read_lag=timedelta(seconds=10),
        budgets=(
            Budget("connection", 10, timedelta(minutes=1), LIMITS),
            Budget("platform", 300, timedelta(minutes=1), LIMITS),
        ),
        pictures=PictureLimits(
            most=1,
            most_bytes=5_000_000,
            least_bytes=10_240,
            longest_side=4096,  # ours: Google names none
            shortest_side=250,
            source=PHOTOS,
        ),
        takes_pictures_by_url=True,
        sign_in=("browser",),
        permissions=frozenset({MANAGE}),
        reviews=True,
        rules=(
            Rule(
                "an answer of success is not yet a public post: it is reviewed first",
                "it counts as published when it is LIVE",
                Source(REFERENCE, date(2026, 11, 23)),
            ),
            Rule(
                f"the title of an event or an offer has at most {google_posts.MOST_TITLE} characters",
                "a longer one is a problem before sending",
                google_posts.PROBED,
            ),
            Rule(
                "a video in a post is answered with an error every time",
                "no video is offered",
                google_posts.PROBED,
            ),
            Rule(
                "a phone number in the text has the post turned down",
                "it is a warning before sending",
                Source(google_posts.POLICY, date(2026, 11, 23)),
            ),
        ),
        source=f"{REFERENCE}, 2026-11-23",
    )

    def __init__(self, app: App | None, client: httpx.Client | None = None) -> None:
        self._app = app
        self._client = client or new_client()

    def validate(self, content: Content) -> list[Problem]:
        return list(google_posts.problems(content))

    def usage(self, content: Content) -> list[Usage]:
        return [Usage(text_rules.length(content.text_for("google_business")), google_posts.SUMMARY)]

    def depart(self, answer: Mapping[str, str], *, redirect_uri: str, state: str) -> Departure:
        app = self._registered()
        verifier = secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        asked = {
            "client_id": app.client_id,
            "redirect_uri": redirect_uri,
            "response_type": "code",
            "scope": f"openid {MANAGE}",  # the first tells who it is, by an id that does not change
            "state": state,
            "access_type": "offline",
            "prompt": "consent",  # or no refresh token comes with a second sign-in
            "include_granted_scopes": "true",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        url = f"{_base(app.service, 'consent')}/o/oauth2/v2/auth?{urlencode(asked)}"
        return Departure(url, {"verifier": verifier, "redirect_uri": redirect_uri})

    def connect(self, answer: Mapping[str, str]) -> Granted:
        """Sign in with the `code` that a browser brought back, or say what else it brought (`error`).

        All locations of all accounts are targets: which is meant, only a person knows.
        """
        app = self._registered()
        if "error" in answer or not answer.get("code"):
            raise failures.ReconnectNeeded(
                f"{NAME} was not allowed to let us in, so nothing was stored. Sign in again and allow it."
            )
        form = {
            "grant_type": "authorization_code",
            "code": answer["code"],
            "redirect_uri": answer.get("redirect_uri", ""),
            "code_verifier": answer.get("verifier", ""),
        }
        granted = _granted(app.service, self._tokens(app, form, CODE_REFUSALS), {}, ())
        if missing := self.capabilities.permissions - (granted.permissions or frozenset()):
            raise failures.ReconnectNeeded(
                f"{NAME} was not allowed to give us {', '.join(missing)}, without which we cannot publish. "
                "Nothing was stored. Sign in again, and tick everything."
            )
        targets = tuple(self._targets(Access(app.service, "", granted.secret)))
        if not targets:
            raise failures.ReconnectNeeded(
                f"This Google account manages no location, so nothing was stored. Sign in with the account that "
                f"manages the business, or have its owner add this one at {NOWHERE}."
            )
        return _with_targets(granted, targets)

    def refresh(self, access: Access, *, before_write: BeforeWrite | None = None) -> Granted:
        app = self._registered()
        form = {"grant_type": "refresh_token", "refresh_token": access.secret["refresh"]}
        tokens = self._tokens(app, form, TOKEN_REFUSALS, before_write=before_write)
        # Nobody asks for names now, and they would cost a call for every account.
        return _granted(access.service, tokens, access.secret, (Target(access.target_id, ""),))

    def resolve(self, service: str, handle: str) -> str | None:
        return None

    def suggest(self, service: str, prefix: str) -> Sequence[Target]:
        return []

    def reference(self, service: str, link: str) -> Json | None:
        return None

    def render(self, content: Content, lookups: Lookups) -> Sequence[Json]:
        post = google_posts.local_post(content)
        found = [(reference, lookups.picture(reference)) for reference in content.media_for("google_business")[:1]]
        pictures = [{**asdict(picture), "alt": reference.alt} for reference, picture in found if picture]
        return [{"text": post.get("summary", ""), "post": post, **({"pictures": pictures} if pictures else {})}]

    def cost(self, rendered: Json) -> Decimal:
        return Decimal(0)

    def shown(self, rendered: Json) -> Sequence[Shown]:
        return [google_shown.shown(rendered)]

    def upload(self, access: Access, rendered: Json, media: Media, *, wire: Json | None) -> Json:
        """Say where Google will find the photo; it comes for it when the post is made."""
        pictures = rendered.get("pictures") if wire is None else None
        if not pictures:
            return {}
        if not pictures[0]["media_type"].startswith("image/"):
            raise failures.ContentRejected(f"{NAME} takes no video in a post. Nothing was published: give it a photo.")
        return {"sourceUrl": media.public_url(pictures[0]["id"])}

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
        post: Json = dict(rendered["post"])
        if uploaded:
            post["media"] = [{"mediaFormat": "PHOTO", "sourceUrl": uploaded["sourceUrl"]}]
        return Frozen(None, {"post": post, "at": at.astimezone(UTC).isoformat()})

    def publish(self, access: Access, wire: Json, *, before_write: BeforeWrite) -> Receipt:
        with self._at_location(access):
            made = self._call(
                access,
                "POST",
                "posts",
                f"/v4/{access.target_id}/localPosts",
                body=wire["post"],
                refusals=WRITE_REFUSALS,
                changes_something=True,
                before_write=before_write,
            )
        receipt = _receipt(access, made)
        if receipt is None:
            raise failures.OutcomeUnknown(f"{NAME} answered without saying which post it made.")
        return receipt

    def find_existing(self, access: Access, wire: Json, *, taken: Collection[str] = ()) -> Receipt | None:
        since = datetime.fromisoformat(wire["at"]) - SKEW
        sent: Json = wire["post"]
        with self._at_location(access):
            for post in self._pages(access, "posts", f"/v4/{access.target_id}/localPosts", "localPosts", 100):
                receipt, made_at = _receipt(access, post), _moment(post.get("createTime"))
                if receipt is None or made_at is None:
                    raise failures.Unavailable(f"{NAME} sent an answer that nobody can read.")
                is_ours = made_at >= since and receipt.remote_id not in taken
                if is_ours and not google_posts.differences(sent, post):
                    return receipt
        return None

    def recent(self, access: Access) -> list[Sighting]:
        with self._at_location(access):
            page = self._call(access, "GET", "posts", f"/v4/{access.target_id}/localPosts", query={"pageSize": "50"})
        return [
            Sighting(receipt, str(post.get("summary") or ""), _moment(post.get("createTime")))
            for post in _listed(page, "localPosts")
            if (receipt := _receipt(access, post))
        ]

    def locate(self, service: str, target: Target, link: str) -> Receipt | None:
        """Read the name of a post, or a link that ends in its number; Google's newer links say nothing of it."""
        link = link.strip()
        if named := re.search(rf"{re.escape(target.id)}/localPosts/[\w-]+", link):
            return Receipt(named[0], link if link.startswith("https://") else NOWHERE)
        try:
            number = parse_qs(urlsplit(link).query).get("lpsid", [""])[0]
        except ValueError:
            return None
        return Receipt(f"{target.id}/localPosts/{number}", link) if re.fullmatch(r"\d+", number, re.ASCII) else None

    def read_back(self, access: Access, wire: Json, remote_id: str) -> ReadBack | None:
        try:
            with self._at_location(access, missing=Missing):
                shown = self._call(access, "GET", "posts", f"/v4/{remote_id}")
        except Missing:
            return None
        if _receipt(access, shown) is None:
            raise failures.Unavailable(f"{NAME} sent an answer that nobody can read.")
        match shown.get("state"):
            case "LIVE":
                differs = google_posts.differences(wire["post"], shown)
                return ReadBack("mismatch", ", ".join(differs)) if differs else ReadBack("match")
            case "REJECTED":
                return ReadBack("rejected", TURNED_DOWN)
            case _:
                return ReadBack("pending")

    def rewrite(self, wire: Json, rendered: Json) -> Json:
        post: Json = {name: part for name, part in wire["post"].items() if name != "summary"}
        summary = rendered["post"].get("summary")
        return {**wire, "post": {**post, **({"summary": summary} if summary else {})}}

    def edit(self, access: Access, wire: Json, remote_id: str) -> None:
        summary = wire["post"].get("summary", "")
        try:
            with self._at_location(access, missing=Missing):
                self._call(
                    access,
                    "PATCH",
                    "posts",
                    f"/v4/{remote_id}",
                    query={"updateMask": "summary"},
                    body={"summary": summary},
                    refusals=WRITE_REFUSALS,
                    changes_something=True,
                )
        except Missing:
            raise failures.ContentRejected(f"{NAME} does not have this post any more.") from None

    def delete(self, access: Access, remote_id: str) -> None:
        try:
            with self._at_location(access, missing=Missing):
                self._call(access, "DELETE", "posts", f"/v4/{remote_id}", refusals=WRITE_REFUSALS)
        except Missing:
            self._insist_on_location(access)

    def check(self, access: Access) -> Checked:
        location = access.target_id.partition("/locations/")[2]
        with self._at_location(access):
            found = self._call(
                access, "GET", "locations", f"/v1/locations/{location}", query={"readMask": "name,title"}
            )
        title = found.get("title")
        return Checked(name=title if isinstance(title, str) else None)

    def revoke(self, access: Access) -> None:
        """Give back everything this person ever allowed us: Google counts it as one, other locations included."""
        app = self._registered()
        request = self._client.build_request(
            "POST", f"{_base(app.service, 'token')}/revoke", data={"token": access.secret["refresh"]}
        )
        try:
            call(
                self._client,
                request,
                TOKEN_REFUSALS,
                platform=NAME,
                answers=False,
                secrets=[*access.secret.values()],
            )
        except (Missing, failures.ReconnectNeeded):
            return  # already gone

    def _insist_on_location(self, access: Access) -> None:
        """Tell a post that is gone from a location that we cannot see any more: its posts may still be public.

        Raises:
            ContentRejected: if it is the location.
        """
        try:
            with self._at_location(access, missing=Missing):
                self._call(access, "GET", "posts", f"/v4/{access.target_id}/localPosts", query={"pageSize": "1"})
        except Missing:
            raise failures.ContentRejected(UNSEEN) from None

    def _registered(self) -> App:
        if self._app is None:
            raise failures.ContentRejected(
                f"This installation is not registered at {NAME}. An administrator has to set "
                "COMPOSER_GOOGLE_BUSINESS_CLIENT_ID and COMPOSER_GOOGLE_BUSINESS_CLIENT_SECRET."
            )
        return self._app

    def _tokens(
        self, app: App, form: Mapping[str, str], refusals: Refusals, *, before_write: BeforeWrite | None = None
    ) -> Json:
        whole = {**form, "client_id": app.client_id, "client_secret": app.client_secret}
        request = self._client.build_request("POST", f"{_base(app.service, 'token')}/token", data=whole)
        given = [
            app.client_secret,
            *(form[name] for name in ("code", "code_verifier", "refresh_token") if name in form),
        ]
        return call(self._client, request, refusals, platform=NAME, before_write=before_write, secrets=given)

    def _targets(self, access: Access) -> Iterator[Target]:
        """List every location of every account once, by the first account that has it."""
        seen: set[str] = set()
        mask = {"readMask": "name,title,storefrontAddress"}
        try:
            accounts = [*self._pages(access, "accounts", "/v1/accounts", "accounts", 20)]
        except Denied as denied:
            raise failures.ReconnectNeeded(SIGN_IN_LOST) from denied
        for account in sorted(str(each.get("name")) for each in accounts):
            try:
                locations = [*self._pages(access, "locations", f"/v1/{account}/locations", "locations", 100, mask)]
            except (Denied, Missing):
                continue  # an account that only lends its name
            for location in locations:
                name, title = location.get("name"), location.get("title")
                if isinstance(name, str) and name not in seen:
                    seen.add(name)
                    yield Target(f"{account}/{name}", str(title or name), _address(location.get("storefrontAddress")))

    def _pages(
        self, access: Access, api: Api, path: str, what: str, size: int, query: Mapping[str, str] | None = None
    ) -> Iterator[Json]:
        """Go through everything that Google lists, page by page.

        Raises:
            Unavailable: if it does not end.
        """
        asked = {"pageSize": str(size), **(query or {})}
        for _ in range(MOST_PAGES):
            page = self._call(access, "GET", api, path, query=asked)
            yield from _listed(page, what)
            token = page.get("nextPageToken")
            if not isinstance(token, str) or not token:
                return
            asked["pageToken"] = token
        raise failures.Unavailable(f"{NAME} lists more here than we can look through.")

    @contextmanager
    def _at_location(
        self, access: Access, *, missing: type[failures.PlatformFailure] = failures.ContentRejected
    ) -> Generator[None]:
        """Say what a refusal means that is about the location, so that it does not stop the others of one sign-in."""
        try:
            yield
        except Denied as denied:
            raise self._what_was_lost(access) from denied
        except Missing as gone:
            raise missing(GONE) from gone

    def _what_was_lost(self, access: Access) -> failures.PlatformFailure:
        try:
            self._call(access, "GET", "accounts", "/v1/accounts", query={"pageSize": "1"})
        except (Denied, Missing):
            return failures.ReconnectNeeded(SIGN_IN_LOST)
        except failures.PlatformFailure as failure:
            return failure
        return failures.ContentRejected(LOST)

    def _call(
        self,
        access: Access,
        verb: str,
        api: Api,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Json | None = None,
        refusals: Refusals = REFUSALS,
        changes_something: bool = False,
        before_write: BeforeWrite | None = None,
    ) -> Json:
        request = self._client.build_request(
            verb,
            f"{_base(access.service, api)}{path}",
            params=query,
            json=body,
            headers={"Authorization": f"Bearer {access.secret['access']}"},
        )
        return call(
            self._client,
            request,
            refusals,
            platform=NAME,
            changes_something=changes_something,
            answers=verb != "DELETE",
            before_write=before_write,
            secrets=[*access.secret.values()],
        )


def _base(service: str, api: Api) -> str:
    return HOSTS[api] if service == SERVICES["google_business"] else service


def _granted(service: str, tokens: Json, old: Mapping[str, str], targets: tuple[Target, ...]) -> Granted:
    """Make a grant of what the tokens' server gave; a refresh token stays the same as long as no other comes."""
    refresh, subject = tokens.get("refresh_token", old.get("refresh")), _subject(tokens) or old.get("subject")
    match tokens:
        case {"access_token": str(access), "expires_in": int(seconds), "scope": str(scope)} if (
            isinstance(refresh, str) and subject and _can_be_token(access)
        ):
            secret = {"access": access, "refresh": refresh, "subject": subject}
            expires_at = datetime.now(UTC) + timedelta(seconds=seconds)
            permissions = frozenset(scope.split())
            return Granted(service, subject, secret, targets, expires_at, permissions=permissions)
        case _:
            raise failures.Unavailable(f"{NAME} answered without a whole sign-in. Nothing was stored. Sign in again.")


def _with_targets(granted: Granted, targets: tuple[Target, ...]) -> Granted:
    return Granted(
        granted.service, granted.subject, granted.secret, targets, granted.expires_at, permissions=granted.permissions
    )


def _subject(tokens: Json) -> str | None:
    """Who signed in; the token came from Google itself, so there is no signature to check (OpenID Connect 3.1.3.7)."""
    try:
        payload = str(tokens["id_token"]).split(".")[1]
        claims: object = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (KeyError, IndexError, ValueError):
        return None
    match claims:
        case {"sub": str(subject)} if subject:
            return subject
        case _:
            return None


def _can_be_token(token: str) -> bool:
    return token.isascii() and token.isprintable() and " " not in token and token != ""


def _receipt(access: Access, post: Json) -> Receipt | None:
    name, url = post.get("name"), post.get("searchUrl")
    if not isinstance(name, str) or not name.startswith(f"{access.target_id}/localPosts/"):
        return None
    return Receipt(name, url if isinstance(url, str) and url.startswith(("https://", "http://")) else NOWHERE)


def _listed(page: Json, what: str) -> list[Json]:
    """Take what a page lists: nothing at all is how Google says "none"."""
    items: object = page.get(what, [])
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in cast("list[Any]", items)):
        raise failures.Unavailable(f"{NAME} sent an answer that nobody can read.")
    return cast("list[Json]", items)


def _address(address: object) -> str:
    """Write an address in one line; a business that goes to its customers has none."""
    if not isinstance(address, dict):
        return "no address"
    whole = cast("Json", address)
    lines: list[object] = [*(whole.get("addressLines") or []), whole.get("locality")]
    lines.append(" ".join(str(whole[name]) for name in ("administrativeArea", "postalCode") if whole.get(name)))
    return ", ".join(str(line) for line in lines if line) or "no address"


def _moment(written: object) -> datetime | None:
    try:
        read = datetime.fromisoformat(written) if isinstance(written, str) else None
    except ValueError:
        return None
    return read if read is not None and read.tzinfo is not None else None
