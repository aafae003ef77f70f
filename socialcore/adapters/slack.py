"""Slack, over its Web API, as an app that is installed in a workspace.

Slack has no way to tell a message sent twice from two messages. So every message carries the delivery's id as
metadata, and looking for what an earlier attempt left behind reads the channel's history for it: exact, never by words.

Source: the reference pages at https://docs.slack.dev of each method named here, read 2026-11-23.
"""

import base64
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, cast
from urllib.parse import urlencode
from uuid import UUID

import httpx

from socialcore import failures
from socialcore.adapters import slack_errors, slack_files, slack_messages
from socialcore.adapters.apps import App
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
    Sighting,
    Source,
    Target,
    TextLimit,
    TextUnit,
    Usage,
)
from socialcore.adapters.http import Missing, Refusals, call, new_client
from socialcore.adapters.slack_errors import NAME
from socialcore.posts import Content, Problem
from socialcore.text import slack as text_rules

READ = date(2026, 11, 23)
DOCS = "https://docs.slack.dev"
PERMISSIONS = (
    "channels:history",  # to look for what an attempt left behind
    "channels:read",
    "chat:write",
    "files:read",  # to know when a picture can be shown
    "files:write",
    "groups:history",
    "groups:read",
)
CLOCKS_APART = timedelta(minutes=10)  # how much earlier than by our clock a message may be by Slack's
PAGE = 200  # messages or channels of one answer; Slack recommends no more
MOST_PAGES = 50
RECENT = 50
UNREADABLE = f"{NAME} sent an answer that nobody can read."


def _source(page: str) -> Source:
    return Source(f"{DOCS}/{page}", READ)


class Slack:
    capabilities = Capabilities(
        name=NAME,
        text_limits=(TextLimit(text_rules.MAX_TEXT, TextUnit.UTF16, _source("reference/methods/chat.postMessage")),),
        can_delete=True,
        settle=timedelta(minutes=1),  # Slack names no time; a request it took is done or dropped long before
        misses=2,
        read_lag=timedelta(seconds=5),
        # A message a second and channel, short bursts forgiven: fewer than that over a minute, and what a burst
        # of them still meets is a 429. "Several hundred" a minute for a workspace.
        budgets=(
            Budget("connection", 50, timedelta(minutes=1), _source("apis/web-api/rate-limits")),
            Budget("grant", 200, timedelta(minutes=1), _source("apis/web-api/rate-limits")),
        ),
        pictures=PictureLimits(
            most=10,  # ours; a message has room for 50 blocks, of which each picture is one
            most_bytes=10_000_000,  # ours; Slack takes files up to 1 GB
            longest_side=4_096,
            media_types=("image/jpeg", "image/png", "image/gif"),
            most_alt=2_000,
            source=_source("reference/block-kit/blocks/image-block"),
        ),
        threads="chain",
        sign_in=("browser",),
        permissions=frozenset(PERMISSIONS),
        rules=(
            Rule(
                "An app sold outside Slack's marketplace may read a channel once a minute, 15 messages at a time.",
                "Looking for a message in doubt waits as long as Slack asks. An app of one's own workspace, or one of "
                "the marketplace, may read 50 times a minute.",
                _source("reference/methods/conversations.history"),
            ),
            Rule(
                "An app reads only channels that it is a member of.",
                "We do not ask for chat:write.public: what could be posted but not be looked for would stay in doubt. "
                "Somebody invites the app to a channel first.",
                _source("reference/methods/conversations.history"),
            ),
            Rule(
                "Metadata of a message can be read by every app in the workspace.",
                "Ours holds the id of the delivery and nothing else.",
                _source("messaging/message-metadata"),
            ),
            Rule(
                "<!channel>, <!here> and <@…> notify people; link_names and parse make such of plain words.",
                "Every text is escaped, and neither argument is ever sent: a post notifies nobody.",
                _source("messaging/formatting-message-text"),
            ),
            Rule(
                "Giving back a sign-in turns the app off in the workspace, for everybody who uses it there.",
                "We do so only when a connection is removed; the app has to be invited to its channels again.",
                _source("reference/methods/auth.revoke"),
            ),
        ),
        source=f"{DOCS}/reference/methods/chat.postMessage, read {READ}",
    )

    def __init__(self, app: App | None, client: httpx.Client | None = None) -> None:
        self._app = app
        self._client = client or new_client()

    def validate(self, content: Content) -> list[Problem]:
        parts = _parts(content)
        problems = [problem for number, part in enumerate(parts) if (problem := _too_long(number, part, len(parts)))]
        if not parts[0].strip() and not content.media:
            return [Problem("Write something first.", "A message needs at least one character, or a picture.")]
        problems += [
            Problem(f"{NAME}: part {number + 1} is empty", "Write something there, or leave the part out.")
            for number, part in enumerate(parts)
            if number > 0 and not part.strip()
        ]
        return problems + self._picture_problems(content)

    def usage(self, content: Content) -> list[Usage]:
        (limit,) = self.capabilities.text_limits
        return [Usage(max(text_rules.length(part) for part in _parts(content)), limit)]

    def depart(self, answer: Mapping[str, str], *, redirect_uri: str, state: str) -> Departure:
        app = self._registered()
        asked = {
            "client_id": app.client_id,
            "scope": ",".join(PERMISSIONS),
            "redirect_uri": redirect_uri,
            "state": state,
        }
        return Departure(f"{app.service}/oauth/v2/authorize?{urlencode(asked)}", {"redirect_uri": redirect_uri})

    def connect(self, answer: Mapping[str, str]) -> Granted:
        """Finish a sign-in by browser: `code` or `error` as Slack sent them, and `redirect_uri` as it was kept."""
        app = self._registered()
        if answer.get("error"):
            raise failures.ReconnectNeeded(f"{NAME} was not allowed to let us in. Nothing was stored.")
        if not answer.get("code"):
            raise failures.ReconnectNeeded(f"The browser brought nothing back from {NAME}. Start the sign-in again.")
        asked = {"code": answer["code"], "redirect_uri": answer.get("redirect_uri", "")}
        reply = self._exchange(app, asked, secrets=[answer["code"]])
        granted, permissions = _granted(reply, app.service), _permissions(reply.get("scope"))
        if missing := sorted(set(PERMISSIONS) - permissions):
            raise failures.ReconnectNeeded(
                f"{NAME} did not give the permission {', '.join(missing)}. Connect again and allow everything."
            )
        access = Access(app.service, "", granted)
        whose = self._ask(access, "auth.test", {}, slack_errors.SIGN_IN)
        match reply, whose:
            case {"team": {"id": str(team), "name": str(name)}, "bot_user_id": str(bot)}, {"url": str(url)}:
                secret = {**granted, "workspace": url}
                targets = self._channels(access, name)
            case _:
                raise failures.ContentRejected(
                    f"{NAME} let us into a whole organisation. Install the app in one workspace; nothing was stored."
                )
        return Granted(app.service, f"{team}/{bot}", secret, targets, _expiry(reply), permissions=permissions)

    def refresh(self, access: Access, *, before_write: BeforeWrite | None = None) -> Granted:
        """Renew a sign-in that expires. One that does not is as good as Slack says it is: it is only asked."""
        if "refresh" not in access.secret:
            whose = self._ask(access, "auth.test", {}, slack_errors.SIGN_IN, before_write=before_write)
            return Granted(access.service, _subject(whose), access.secret, (), None)
        return self._renewed(access, before_write)

    def resolve(self, service: str, handle: str) -> str | None:
        return None

    def reference(self, service: str, link: str) -> Json | None:
        return None

    def render(self, content: Content, lookups: Lookups) -> Sequence[Json]:
        first, *rest = _parts(content)
        options = content.options_for("slack")
        shared: Json = {"unfurl": options["unfurl"]} if isinstance(options.get("unfurl"), bool) else {}
        rendered: Json = {"text": first, **shared}
        if content.media:
            pictures = [(each, lookups.picture(each)) for each in content.media]
            rendered["pictures"] = [_picture(reference.alt, found) for reference, found in pictures if found]
        return [rendered, *({"text": part, **shared} for part in rest)]

    def cost(self, rendered: Json) -> Decimal:
        return Decimal(0)

    def segments(self, rendered: Json) -> Sequence[tuple[str, str | None]]:
        return [(piece.text, "link" if piece.link else None) for piece in text_rules.pieces(rendered["text"])]

    def upload(self, access: Access, rendered: Json, media: Media, *, wire: Json | None) -> Json:
        if wire is not None:
            return {}  # Slack keeps files; the wire names them

        def ask(method: str, arguments: Mapping[str, Any]) -> Json:
            return self._ask(access, method, arguments)

        files = [
            slack_files.bring(self._client, ask, each, media.read(each["id"])) for each in rendered.get("pictures", [])
        ]
        for file in files:
            slack_files.wait_until_ready(ask, file)
        return {"files": files}

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
        text = text_rules.escape(rendered["text"])
        body: Json = {"channel": target_id, "text": text, "metadata": slack_messages.metadata(delivery_id)}
        if not text.strip():
            body["text"] = slack_messages.NO_WORDS  # a notification has to show something
        if files := (uploaded or {}).get("files"):
            alts = (each["alt"] for each in rendered["pictures"])
            shown = [{"file": file, "alt": alt} for file, alt in zip(files, alts, strict=True)]
            body["blocks"] = slack_messages.with_pictures(text, shown)
        if isinstance(unfurl := rendered.get("unfurl"), bool):
            body |= {"unfurl_links": unfurl, "unfurl_media": unfurl}
        if earlier:
            body["thread_ts"] = earlier[0]
        since = at.astimezone(UTC) - CLOCKS_APART
        return Frozen(None, {"body": body, "since": f"{since.timestamp():.6f}"})

    def publish(self, access: Access, wire: Json, *, before_write: BeforeWrite) -> Receipt:
        reply = self._ask(
            access,
            "chat.postMessage",
            wire["body"],
            slack_errors.WRITE,
            changes_something=True,
            before_write=before_write,
        )
        match reply:
            case {"ts": str(ts)}:
                return self._receipt(access, wire, ts)
            case _:
                raise failures.OutcomeUnknown(UNREADABLE)

    def find_existing(self, access: Access, wire: Json, *, taken: Collection[str] = ()) -> Receipt | None:
        body = wire["body"]
        asked = {"channel": access.target_id, "oldest": wire["since"], "inclusive": "true"}
        for message in self._messages(access, asked, body.get("thread_ts")):
            if slack_messages.is_of(message, body["metadata"]) and isinstance(ts := message.get("ts"), str):
                return self._receipt(access, wire, ts)
        return None

    def recent(self, access: Access) -> list[Sighting]:
        asked = {"channel": access.target_id, "limit": str(RECENT)}
        reply = self._ask(access, "conversations.history", asked, slack_errors.LOOK)
        found: list[Sighting] = []
        for message in _list(reply, "messages"):
            match message:
                case {"ts": str(ts), "bot_id": str()}:  # what an app has written, which may be another one
                    place = slack_messages.receipt(_workspace(access), access.target_id, ts, message.get("thread_ts"))
                    found.append(slack_messages.sighting(place, message))
                case _:
                    continue
        return found

    def locate(self, service: str, target: Target, link: str) -> Receipt | None:
        return slack_messages.locate(service, target, link)

    def read_back(self, access: Access, wire: Json, remote_id: str) -> ReadBack | None:
        asked = {"channel": access.target_id, "oldest": remote_id, "latest": remote_id, "inclusive": "true"}
        found = self._messages(access, asked, wire["body"].get("thread_ts"))
        message = next((each for each in found if each.get("ts") == remote_id), None)
        if message is None:
            return None
        differs = slack_messages.differences(wire["body"], message)
        return ReadBack("mismatch", ", ".join(differs)) if differs else ReadBack("match")

    def delete(self, access: Access, remote_id: str) -> None:
        try:
            self._ask(access, "chat.delete", {"channel": access.target_id, "ts": remote_id}, slack_errors.LOOK)
        except Missing:
            return  # already gone

    def check(self, access: Access) -> Checked:
        heard: dict[str, str] = {}
        self._ask(access, "auth.test", {}, hear=heard.update)
        channel = self._ask(access, "conversations.info", {"channel": access.target_id}).get("channel")
        match channel:
            case {"name": str(name), "is_archived": bool(is_archived), "is_member": bool(is_member)}:
                pass
            case _:
                raise failures.Unavailable(UNREADABLE)
        if is_archived:
            raise failures.ContentRejected(slack_errors.SAYS["is_archived"])
        if not is_member:
            raise failures.ContentRejected(slack_errors.SAYS["not_in_channel"])
        scopes = next((value for key, value in heard.items() if key.lower() == "x-oauth-scopes"), None)
        return Checked(None if scopes is None else _permissions(scopes), f"#{name}")

    def revoke(self, access: Access) -> None:
        try:
            try:
                self._ask(access, "auth.revoke", {})
            except failures.CredentialExpired:
                # Only a token that works can be given back, and the one that renews it would live on.
                self._ask(Access(access.service, "", self._renewed(access, None).secret), "auth.revoke", {})
        except failures.ReconnectNeeded:
            return  # already gone

    def _picture_problems(self, content: Content) -> list[Problem]:
        limits = self.capabilities.pictures
        if limits is None:
            return []
        problems: list[Problem] = []
        if len(content.media) > limits.most:
            problems.append(Problem(f"{NAME}: at most {limits.most} pictures", "Take some out."))
        if any(len(each.alt) > (limits.most_alt or 0) for each in content.media):
            problems.append(
                Problem(
                    f"{NAME}: the description of a picture is too long",
                    f"A description has at most {limits.most_alt:,} characters.",
                )
            )
        return problems

    def _registered(self) -> App:
        if self._app is None:
            raise failures.ContentRejected(
                f"This installation is not registered with {NAME}. Whoever runs it has to set COMPOSER_SLACK_CLIENT_ID "
                "and COMPOSER_SLACK_CLIENT_SECRET."
            )
        return self._app

    def _exchange(
        self,
        app: App,
        asked: Mapping[str, str],
        *,
        service: str | None = None,
        secrets: Collection[str],
        before_write: BeforeWrite | None = None,
    ) -> Json:
        url = f"{service or app.service}/api/oauth.v2.access"
        # Slack asks not to send the app's secret among the arguments.
        basic = base64.b64encode(f"{app.client_id}:{app.client_secret}".encode()).decode()
        request = self._client.build_request("POST", url, data=dict(asked), headers={"Authorization": f"Basic {basic}"})
        return call(
            self._client,
            request,
            slack_errors.SIGN_IN,
            platform=NAME,
            before_write=before_write,
            secrets=[app.client_secret, *secrets],
        )

    def _renewed(self, access: Access, before_write: BeforeWrite | None) -> Granted:
        reply = self._exchange(
            self._registered(),
            {"grant_type": "refresh_token", "refresh_token": access.secret["refresh"]},
            service=access.service,
            secrets=[*access.secret.values()],
            before_write=before_write,
        )
        secret = {**access.secret, **_granted(reply, access.service)}
        subject = _subject(reply)
        return Granted(
            access.service, subject, secret, (), _expiry(reply), permissions=_permissions(reply.get("scope"))
        )

    def _channels(self, access: Access, workspace: str) -> tuple[Target, ...]:
        asked = {"types": "public_channel,private_channel", "exclude_archived": "true", "limit": str(PAGE)}
        targets = [
            Target(channel["id"], f"#{channel['name']}", workspace)
            for channel in self._pages(access, "conversations.list", asked, "channels")
            if isinstance(channel.get("id"), str) and isinstance(channel.get("name"), str)
        ]
        if not targets:
            raise failures.ContentRejected(f"There is no channel in {workspace} that the app could post to.")
        return tuple(targets)

    def _messages(self, access: Access, asked: Mapping[str, str], thread_ts: str | None) -> Iterator[Json]:
        """List messages of a channel or a thread, with what apps have noted on them; none if the thread is gone."""
        arguments = {**asked, "include_all_metadata": "true", "limit": str(PAGE)}
        method = "conversations.history"
        if thread_ts is not None:
            method, arguments = "conversations.replies", {**arguments, "ts": thread_ts}
        try:
            yield from self._pages(access, method, arguments, "messages")
        except Missing:
            return

    def _pages(self, access: Access, method: str, asked: Mapping[str, str], holding: str) -> Iterator[Json]:
        cursor: dict[str, str] = {}
        for _ in range(MOST_PAGES):
            reply = self._ask(access, method, {**asked, **cursor}, slack_errors.LOOK)
            yield from _list(reply, holding)
            match reply.get("response_metadata"):
                case {"next_cursor": str(following)} if following:
                    cursor = {"cursor": following}
                case _:
                    return
        raise failures.Unavailable(f"{NAME} has more to list than we look through.")

    def _receipt(self, access: Access, wire: Json, ts: str) -> Receipt:
        return slack_messages.receipt(_workspace(access), access.target_id, ts, wire["body"].get("thread_ts"))

    def _ask(
        self,
        access: Access,
        method: str,
        arguments: Mapping[str, Any],
        refusals: Refusals = slack_errors.REFUSALS,
        *,
        changes_something: bool = False,
        before_write: BeforeWrite | None = None,
        hear: Callable[[Mapping[str, str]], None] | None = None,
    ) -> Json:
        headers = {"Authorization": f"Bearer {access.secret['access']}"}
        url = f"{access.service}/api/{method}"
        if method in NESTED:
            # Slack warns about JSON that does not name its charset.
            headers["Content-Type"] = "application/json; charset=utf-8"
            request = self._client.build_request("POST", url, json=arguments, headers=headers)
        else:
            request = self._client.build_request("POST", url, data=dict(arguments), headers=headers)
        return call(
            self._client,
            request,
            refusals,
            platform=NAME,
            changes_something=changes_something,
            before_write=before_write,
            secrets=[*access.secret.values()],
            hear=hear,
        )


# Whose arguments are not all plain; every method takes a form by POST, and not every one has always taken JSON.
NESTED = frozenset({"chat.postMessage", "files.completeUploadExternal"})


def _parts(content: Content) -> list[str]:
    variant = content.variants.get("slack")
    further = content.parts if variant is None or variant.parts is None else variant.parts
    return [part.encode("utf-8", "replace").decode() for part in (content.text_for("slack"), *further)]


def _too_long(number: int, part: str, parts: int) -> Problem | None:
    excess = text_rules.length(part) - Slack.capabilities.text_limits[0].most
    if excess <= 0:
        return None
    where = f"part {number + 1} is " if parts > 1 else ""
    counted = f"{excess:,} character{'' if excess == 1 else 's'}"
    return Problem(f"{NAME}: {where}{counted} too long", "Shorten the text. Each of & < > counts as four or five.")


def _picture(alt: str, found: Any) -> Json:
    return {
        "id": found.id,
        "alt": alt,
        "media_type": found.media_type,
        "size": found.size,
        "width": found.width,
        "height": found.height,
    }


def _granted(reply: Json, service: str) -> dict[str, str]:
    """Take the tokens out of an answer: an access token, and one that renews it if it expires."""
    match reply:
        case {"access_token": str(access), "refresh_token": str(refresh)} if _fits(access) and _fits(refresh):
            return {"access": access, "refresh": refresh}
        case {"access_token": str(access)} if _fits(access) and "refresh_token" not in reply:
            return {"access": access}
        case _:
            raise failures.Unavailable(f"{service} answered without a sign-in. Nothing was stored.")


def _fits(token: str) -> bool:
    """Tell whether this fits into a header, as a token must."""
    return token.isascii() and token.isprintable() and " " not in token and token != ""


def _subject(reply: Json) -> str:
    match reply:
        case {"team": {"id": str(team)}, "bot_user_id": str(bot)} | {"team_id": str(team), "user_id": str(bot)}:
            return f"{team}/{bot}"
        case _:
            return ""


def _expiry(reply: Json) -> datetime | None:
    seconds = reply.get("expires_in")
    return datetime.now(UTC) + timedelta(seconds=seconds) if isinstance(seconds, int) else None


def _permissions(scopes: object) -> frozenset[str]:
    return frozenset(each.strip() for each in scopes.split(",")) if isinstance(scopes, str) else frozenset()


def _workspace(access: Access) -> str:
    return access.secret.get("workspace", access.service)


def _list(reply: Json, name: str) -> list[Json]:
    found: object = reply.get(name)
    if not isinstance(found, list):
        raise failures.Unavailable(UNREADABLE)
    return [cast("Json", each) for each in cast("list[object]", found) if isinstance(each, dict)]
