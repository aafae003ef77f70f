"""Calling Slack's Web API: a method's name, its arguments, and a token in a header.

Source: https://docs.slack.dev/apis/web-api, read 2026-11-23.
"""

import base64
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import httpx

from socialcore import failures
from socialcore.adapters import slack_errors
from socialcore.adapters.apps import App
from socialcore.adapters.contract import Access, BeforeWrite, Json
from socialcore.adapters.http import Refusals, call
from socialcore.adapters.slack_errors import NAME

PAGE = 200  # messages or channels of one answer; Slack recommends no more
MOST_PAGES = 50
UNREADABLE = f"{NAME} sent an answer that nobody can read."
# Whose arguments are not all plain; every method takes a form by POST, and not every one has always taken JSON.
NESTED = frozenset({"chat.postMessage", "chat.update", "files.completeUploadExternal"})


@dataclass(frozen=True, slots=True)
class WebApi:
    client: httpx.Client

    def ask(
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
        """Call a method with a sign-in; for the rest see `http.call`."""
        headers = {"Authorization": f"Bearer {access.secret['access']}"}
        url = f"{access.service}/api/{method}"
        if method in NESTED:
            # Slack warns about JSON that does not name its charset.
            headers["Content-Type"] = "application/json; charset=utf-8"
            request = self.client.build_request("POST", url, json=arguments, headers=headers)
        else:
            request = self.client.build_request("POST", url, data=dict(arguments), headers=headers)
        return call(
            self.client,
            request,
            refusals,
            platform=NAME,
            changes_something=changes_something,
            before_write=before_write,
            secrets=[*access.secret.values()],
            hear=hear,
        )

    def pages(
        self,
        access: Access,
        method: str,
        asked: Mapping[str, str],
        holding: str,
        refusals: Refusals = slack_errors.LOOK,
    ) -> Iterator[Json]:
        """List what a method lists, page by page.

        Raises:
            Unavailable: if there is no end to it, so that nobody takes the part that was read for all.
        """
        arguments = {**asked, "limit": str(PAGE)}
        for _ in range(MOST_PAGES):
            reply = self.ask(access, method, arguments, refusals)
            yield from listed(reply, holding)
            match reply.get("response_metadata"):
                case {"next_cursor": str(following)} if following:
                    arguments["cursor"] = following
                case _:
                    return
        raise failures.Unavailable(f"{NAME} has more to list than we look through.")

    def exchange(
        self,
        app: App,
        asked: Mapping[str, str],
        *,
        service: str | None = None,
        secrets: Collection[str],
        before_write: BeforeWrite | None = None,
    ) -> Json:
        """Get tokens for a code, or for the token that renews others."""
        # Slack asks not to send the app's secret among the arguments.
        basic = base64.b64encode(f"{app.client_id}:{app.client_secret}".encode()).decode()
        request = self.client.build_request(
            "POST",
            f"{service or app.service}/api/oauth.v2.access",
            data=dict(asked),
            headers={"Authorization": f"Basic {basic}"},
        )
        return call(
            self.client,
            request,
            slack_errors.SIGN_IN,
            platform=NAME,
            before_write=before_write,
            secrets=[app.client_secret, *secrets],
        )


def listed(reply: Json, name: str) -> list[Json]:
    found: object = reply.get(name)
    if not isinstance(found, list):
        raise failures.Unavailable(UNREADABLE)
    return [cast("Json", each) for each in cast("list[object]", found) if isinstance(each, dict)]
