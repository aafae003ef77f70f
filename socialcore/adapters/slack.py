"""Slack, over its Web API, as an app that is installed in a workspace.

Slack has no way to tell a message sent twice from two messages. So every message carries the delivery's id as
metadata, and looking for what an earlier attempt left behind reads the channel's history for it: exact, never by words.

Source: the reference pages at https://docs.slack.dev of each method named here, read 2026-11-23.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import httpx

from socialcore import failures
from socialcore.adapters import slack_errors, slack_files, slack_messages
from socialcore.adapters.apps import App
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
    Picture,
    ReadBack,
    Receipt,
    Shown,
    Sighting,
    Target,
    Usage,
)
from socialcore.adapters.http import Missing, new_client
from socialcore.adapters.slack_capabilities import CAPABILITIES, PERMISSIONS
from socialcore.adapters.slack_errors import NAME
from socialcore.adapters.slack_web_api import UNREADABLE, WebApi, listed
from socialcore.posts import Content, Problem
from socialcore.text import slack as text_rules

CLOCKS_APART = timedelta(minutes=10)  # how much earlier than by our clock a message may be by Slack's
RECENT = 50
UNREGISTERED = (
    f"This installation is not registered with {NAME}. Whoever runs it has to set COMPOSER_SLACK_CLIENT_ID and "
    "COMPOSER_SLACK_CLIENT_SECRET."
)


class Slack:
    capabilities = CAPABILITIES

    def __init__(self, app: App | None, client: httpx.Client | None = None) -> None:
        self._app = app
        self._web = WebApi(client or new_client())

    def validate(self, content: Content) -> list[Problem]:
        parts = _parts(content)
        problems = [problem for number, part in enumerate(parts) if (problem := _too_long(number, part, len(parts)))]
        if not parts[0].strip() and not content.media_for("slack"):
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
        reply = self._web.exchange(app, asked, secrets=[answer["code"]])
        granted, permissions = _granted(reply, app.service), _permissions(reply.get("scope"))
        if missing := sorted(set(PERMISSIONS) - permissions):
            raise failures.ReconnectNeeded(
                f"{NAME} did not give the permission {', '.join(missing)}. Connect again and allow everything."
            )
        access = Access(app.service, "", granted)
        whose = self._web.ask(access, "auth.test", {}, slack_errors.SIGN_IN)
        match reply, whose:
            case {"team": {"id": str(team), "name": str(name)}, "bot_user_id": str(bot)}, {"url": str(url)}:
                secret = {**granted, "workspace": url, "bot": bot}
                targets = self._channels(access, name)
            case _:
                raise failures.ContentRejected(
                    f"{NAME} let us into a whole organisation. Install the app in one workspace; nothing was stored."
                )
        return Granted(app.service, f"{team}/{bot}", secret, targets, _expiry(reply), permissions=permissions)

    def refresh(self, access: Access, *, before_write: BeforeWrite | None = None) -> Granted:
        """Renew a sign-in that expires. One that does not is as good as Slack says it is: it is only asked."""
        if "refresh" not in access.secret:
            whose = self._web.ask(access, "auth.test", {}, slack_errors.SIGN_IN, before_write=before_write)
            return Granted(access.service, _subject(whose), access.secret, (), None)
        return self._renewed(access, before_write)

    def resolve(self, service: str, handle: str) -> str | None:
        return None

    def suggest(self, service: str, prefix: str) -> Sequence[Target]:
        return []

    def reference(self, service: str, link: str) -> Json | None:
        return None

    def render(self, content: Content, lookups: Lookups) -> Sequence[Json]:
        first, *rest = _parts(content)
        options = content.options_for("slack")
        shared: Json = {"unfurl": options["unfurl"]} if isinstance(options.get("unfurl"), bool) else {}
        rendered: Json = {"text": first, **shared}
        if content.media_for("slack"):
            pictures = [(each, lookups.picture(each)) for each in content.media_for("slack")]
            rendered["pictures"] = [_picture(reference.alt, found) for reference, found in pictures if found]
        return [rendered, *({"text": part, **shared} for part in rest)]

    def cost(self, rendered: Json) -> Decimal:
        return Decimal(0)

    def shown(self, rendered: Json) -> Sequence[Shown]:
        words = [(piece.text, "link" if piece.link else None) for piece in text_rules.pieces(rendered["text"])]
        unfurls = {True: ("Links unfurl",), False: ("Links do not unfurl",)}
        return [
            Shown(words=words, pictures=rendered.get("pictures", ()), notes=unfurls.get(rendered.get("unfurl", ""), ()))
        ]

    def upload(self, access: Access, rendered: Json, media: Media, *, wire: Json | None) -> Json:
        if wire is not None:
            return {}  # Slack keeps files; the wire names them

        def ask(method: str, arguments: Mapping[str, Any]) -> Json:
            return self._web.ask(access, method, arguments)

        files = [
            slack_files.bring(self._web.client, ask, each, media.read(each["id"]))
            for each in rendered.get("pictures", [])
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
        reply = self._web.ask(
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
        reply = self._web.ask(access, "conversations.history", asked, slack_errors.LOOK)
        found: list[Sighting] = []
        for message in listed(reply, "messages"):
            match message:
                case {"ts": str(ts), "user": author} if author == access.secret.get("bot"):
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
        if message is None or message.get("subtype") == "tombstone":  # what is left of one that was answered
            return None
        differs = slack_messages.differences(wire["body"], message)
        return ReadBack("mismatch", ", ".join(differs)) if differs else ReadBack("match")

    def rewrite(self, wire: Json, rendered: Json) -> Json:
        return {**wire, "body": slack_messages.rewritten(wire["body"], text_rules.escape(rendered["text"]))}

    def edit(self, access: Access, wire: Json, remote_id: str) -> None:
        names = ("channel", "text", "blocks", "metadata")
        body = {name: wire["body"][name] for name in names if name in wire["body"]}
        try:
            self._web.ask(access, "chat.update", {**body, "ts": remote_id}, slack_errors.UPDATE, changes_something=True)
        except Missing:
            raise failures.ContentRejected(slack_errors.NOT_THERE) from None

    def delete(self, access: Access, remote_id: str) -> None:
        try:
            self._web.ask(access, "chat.delete", {"channel": access.target_id, "ts": remote_id}, slack_errors.LOOK)
        except Missing:
            return  # already gone

    def check(self, access: Access) -> Checked:
        heard: dict[str, str] = {}
        self._web.ask(access, "auth.test", {}, hear=heard.update)
        channel = self._web.ask(access, "conversations.info", {"channel": access.target_id}).get("channel")
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
                self._web.ask(access, "auth.revoke", {})
            except failures.CredentialExpired:
                # Only a token that works can be given back, and the one that renews it would live on.
                self._web.ask(Access(access.service, "", self._renewed(access, None).secret), "auth.revoke", {})
        except failures.ReconnectNeeded:
            return  # already gone

    def _picture_problems(self, content: Content) -> list[Problem]:
        limits = self.capabilities.pictures
        if limits is None:
            return []
        problems: list[Problem] = []
        if len(content.media_for("slack")) > limits.most:
            problems.append(Problem(f"{NAME}: at most {limits.most} pictures", "Take some out."))
        if any(len(each.alt) > (limits.most_alt or 0) for each in content.media_for("slack")):
            problems.append(
                Problem(
                    f"{NAME}: the description of a picture is too long",
                    f"A description has at most {limits.most_alt:,} characters.",
                )
            )
        return problems

    def _registered(self) -> App:
        if self._app is None:
            raise failures.ContentRejected(UNREGISTERED)
        return self._app

    def _renewed(self, access: Access, before_write: BeforeWrite | None) -> Granted:
        if self._app is None:  # which is nothing that ends a sign-in, or a post
            raise failures.Unavailable(UNREGISTERED)
        reply = self._web.exchange(
            self._app,
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
        asked = {"types": "public_channel,private_channel", "exclude_archived": "true"}
        channels = [
            channel
            for channel in self._web.pages(access, "conversations.list", asked, "channels", slack_errors.SIGN_IN)
            if isinstance(channel.get("id"), str) and isinstance(channel.get("name"), str)
        ]
        channels.sort(key=lambda channel: channel.get("is_member") is not True)  # where it is invited already, first
        targets = [Target(channel["id"], f"#{channel['name']}", workspace) for channel in channels]
        if not targets:
            raise failures.ContentRejected(f"There is no channel in {workspace} that the app could post to.")
        return tuple(targets)

    def _messages(self, access: Access, asked: Mapping[str, str], thread_ts: str | None) -> Iterator[Json]:
        """List messages of a channel or a thread, with what apps have noted on them; none if the thread is gone."""
        arguments = {**asked, "include_all_metadata": "true"}
        method = "conversations.history"
        if thread_ts is not None:
            method, arguments = "conversations.replies", {**arguments, "ts": thread_ts}
        try:
            yield from self._web.pages(access, method, arguments, "messages")
        except Missing:
            return

    def _receipt(self, access: Access, wire: Json, ts: str) -> Receipt:
        return slack_messages.receipt(_workspace(access), access.target_id, ts, wire["body"].get("thread_ts"))


def _parts(content: Content) -> list[str]:
    variant = content.variants.get("slack")
    further = content.parts if variant is None or variant.parts is None else variant.parts
    return [part.encode("utf-8", "replace").decode() for part in (content.text_for("slack"), *further)]


def _too_long(number: int, part: str, parts: int) -> Problem | None:
    excess = text_rules.length(part) - CAPABILITIES.text_limits[0].most
    if excess <= 0:
        return None
    where = f"part {number + 1} is " if parts > 1 else ""
    counted = f"{excess:,} character{'' if excess == 1 else 's'}"
    return Problem(f"{NAME}: {where}{counted} too long", "Shorten the text. Each of & < > counts as four or five.")


def _picture(alt: str, found: Picture) -> Json:
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
