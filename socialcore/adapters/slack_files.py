"""Bringing pictures to Slack before the message that shows them. No channel is named, so nobody sees them yet.

Three steps and a wait: an address, the bytes, "complete", and Slack looks at the file before a message may show it.
Source: https://docs.slack.dev/messaging/working-with-files and /reference/methods/files.completeUploadExternal, read
2026-11-23; that a file is not ready at once: slackapi/python-slack-sdk issues 1521, 1575 and 1658.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from socialcore import failures
from socialcore.adapters.contract import Json
from socialcore.adapters.http import Refusals, call
from socialcore.adapters.slack_errors import NAME

Ask = Callable[[str, Mapping[str, Any]], Json]  # a method of the Web API and its arguments
SUFFIXES: Mapping[str, str] = {"image/jpeg": "jpg", "image/png": "png", "image/gif": "gif"}
LOOKS = (0.0, 0.2, 0.4, 0.8, 1.6, 3.2)  # seconds before each look; Slack takes a moment, as its maintainers say


def bring(client: httpx.Client, ask: Ask, picture: Mapping[str, Any], content: bytes) -> str:
    """Upload one picture.

    Returns:
        The id by which a message shows it.
    """
    name = f"{picture['id'][:16]}.{SUFFIXES.get(picture['media_type'], 'img')}"
    place = ask("files.getUploadURLExternal", {"filename": name, "length": str(len(content))})
    match place:
        case {"upload_url": str(url), "file_id": str(file)} if _is_safe(url):
            _send(client, url, content)
        case _:
            raise failures.Unavailable(f"{NAME} sent an answer that nobody can read.")
    ask("files.completeUploadExternal", {"files": [{"id": file, "title": name}]})
    return file


def wait_until_ready(ask: Ask, file: str) -> None:
    """Wait until Slack has looked at a file: a message that shows it before that is refused.

    Raises:
        Unavailable: if that takes too long; the next attempt uploads it anew.
    """
    for pause in LOOKS:
        time.sleep(pause)
        match ask("files.info", {"file": file}):
            case {"file": {"mimetype": str(kind)}} if kind:
                return
            case _:
                continue
    raise failures.Unavailable(f"{NAME} has not finished with a picture yet. Nothing was published.")


def _send(client: httpx.Client, url: str, content: bytes) -> None:
    """Hand over the bytes. The address is the permission; the answer is a line of text, not JSON."""
    request = client.build_request("POST", url, content=content, headers={"Content-Type": "application/octet-stream"})
    call(client, request, _BYTES, platform=NAME)


def _is_safe(url: str) -> bool:
    """Tell whether an address to upload to is Slack's, or on this machine."""
    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL:
        return False
    if parts.scheme == "http":
        return parts.host in ("127.0.0.1", "localhost", "::1")
    return parts.scheme == "https" and (parts.host == "slack.com" or parts.host.endswith(".slack.com"))


_BYTES = Refusals(lambda _body: None, {}, unauthorized=failures.Unavailable, forbidden=failures.Unavailable, plain=True)
