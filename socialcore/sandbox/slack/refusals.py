"""How Slack says no: with the status 200, `ok` false, and a word for why.

Source: https://docs.slack.dev/apis/web-api/#errors; the words of chat.postMessage are those of its reference page.
"""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from starlette.responses import JSONResponse

# Of these two Slack says that something may have come of the call all the same.
DOUBTFUL = ("internal_error", "fatal_error")


class Refusal(Exception):
    """The call is answered with this word, and with what else belongs to it."""

    def __init__(self, error: str, *, status: int = 200, headers: Mapping[str, str] | None = None, **more: Any) -> None:
        super().__init__(error)
        self.error = error
        self.status = status
        self.headers = dict(headers or {})
        self.more = more

    def response(self, headers: Mapping[str, str] | None = None) -> JSONResponse:
        body = {"ok": False, "error": self.error, **self.more}
        return JSONResponse(body, self.status, {**(headers or {}), **self.headers})


def explained(error: str, *messages: str) -> Refusal:
    """Refuse with lines about what exactly is wrong, as Slack writes them."""
    return Refusal(error, response_metadata={"messages": [f"[ERROR] {each}" for each in messages]})


def rate_limited(ends_at: datetime, *, now: datetime) -> Refusal:
    wait = max(math.ceil((ends_at - now).total_seconds()), 1)
    return Refusal("ratelimited", status=429, headers={"Retry-After": str(wait)})
