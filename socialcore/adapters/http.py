"""One way to call a platform over HTTP, and one way to fail at it."""

import json
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Literal, TypeAlias, cast

import httpx

from socialcore import failures
from socialcore.adapters.contract import BeforeWrite, Json
from socialcore.adapters.patience import impatient, whole_answer_within

TIMEOUT = httpx.Timeout(20, connect=5)  # seconds; per read, so the whole answer has LONGEST
LONGEST = 45  # seconds for a whole answer
MOST_BYTES = 2_000_000  # of an answer; none that we ask for comes near
DEFAULT_WAIT = timedelta(minutes=1)  # when a platform limits us without saying for how long
LONGEST_WAIT = timedelta(days=1)

Meaning: TypeAlias = Callable[[str], failures.PlatformFailure]


class Missing(failures.PlatformFailure):
    """What we asked about is not there. Adapters answer with it; it never leaves one."""


@dataclass(frozen=True, slots=True)
class Refusals:
    """How a platform says no: where a reply holds its error code, and what each code means to us.

    A meaning is a failure, or makes one of the words it is given. `says` puts a code into words for an operator;
    a code without words is shown as it is. `unauthorized` is what a 401 without a code that we know means; a code is
    looked up whatever the status, because some platforms answer 200 to everything.
    """

    code: Callable[[Json], str | None]
    meaning: Mapping[str, Meaning]
    says: Mapping[str, str] = field(default_factory=dict[str, str])
    unauthorized: Meaning = failures.CredentialExpired
    forbidden: Meaning = failures.ReconnectNeeded  # a 403 without a code that we know
    unpaid: Meaning = failures.ContentRejected  # a 402 without a code that we know
    words: Callable[[Json], object] = lambda body: body.get("message")  # where a refusal is put into words
    limited: Collection[str] = ()  # codes that mean the same as a 429
    whose: Literal["connection", "grant", "platform"] = "grant"  # who has to wait after a 429
    plain: bool = False  # success is said in no JSON, and nothing of it is of interest


def new_client() -> httpx.Client:
    # A connection that idles longer than a server keeps it is a write into the void: an outcome nobody knows.
    limits = httpx.Limits(max_connections=100, max_keepalive_connections=40, keepalive_expiry=4)
    return impatient(httpx.Client(timeout=TIMEOUT, limits=limits, follow_redirects=False))


def call(  # noqa: PLR0913 - a request, and how to take its answer
    client: httpx.Client,
    request: httpx.Request,
    refusals: Refusals,
    *,
    platform: str,
    changes_something: bool = False,
    answers: bool = True,
    before_write: BeforeWrite | None = None,
    secrets: Collection[str] = (),
    hear: Callable[[Mapping[str, str]], None] | None = None,
    within: float | None = None,
) -> Json:
    """Send `request` and return its JSON reply, or raise the failure that fits.

    Args:
        platform: its name, for the words of a failure.
        changes_something: True if sending the request twice could do the thing twice.
        answers: False if success has no body; it is then an empty object.
        before_write: runs when the connection stands and before the first byte of the request.
        secrets: what the request holds besides its token that no failure may repeat.
        hear: is given the headers of any answer.
        within: seconds for sending it and for the whole answer, if that takes longer than LONGEST, as a video does.

    Raises:
        OutcomeUnknown: only if `changes_something`; otherwise the same trouble is `Unavailable`.
    """
    unclear = failures.OutcomeUnknown if changes_something else failures.Unavailable
    if before_write is not None:
        request.extensions["trace"] = _at_first_byte(before_write)
    try:
        with whole_answer_within(within or LONGEST):
            response = client.send(request, stream=True)
            try:
                content = _content(response)
            finally:
                response.close()
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        raise failures.Unavailable(f"{platform} could not be reached. Nothing was sent.") from error
    except httpx.TransportError as error:
        raise unclear(f"{platform} did not answer.") from error
    except (httpx.DecodingError, _Unreadable) as error:
        raise unclear(f"{platform} sent an answer that nobody can read.") from error
    if hear is not None:
        hear(response.headers)
    if response.is_success and (refusals.plain or (not content and not answers)):
        return {}
    token = request.headers.get("Authorization", "").rpartition(" ")[2]
    return _understood(response, _json(content), refusals, _Voice(platform, [token, *secrets]), unclear)


@dataclass(frozen=True, slots=True)
class _Voice:
    """How a failure speaks of a platform: in its own words where it has some, but never with a secret in them."""

    platform: str
    secrets: Collection[str] = field(repr=False)

    def quote(self, code: str, said: object) -> str:
        """Say what the platform said, cut short; it goes to the operator who can act on it."""
        words = said if isinstance(said, str) and said else code
        for secret in filter(None, self.secrets):
            words = words.replace(secret, "…")
        # What no page shows and no database takes: control characters, halves of surrogate pairs.
        words = "".join(character if character.isprintable() else " " for character in words)
        return f"{self.platform} refused: {words}"[:300]


def _understood(
    response: httpx.Response,
    body: Json | None,
    refusals: Refusals,
    voice: _Voice,
    unclear: type[failures.PlatformFailure],
) -> Json:
    platform = voice.platform
    code, said = (refusals.code(body), refusals.words(body)) if body is not None else (None, None)
    if response.status_code == 429 or code in refusals.limited:
        wait = asked_wait(response.headers)
        raise failures.RateLimited(f"{platform} asks us to wait.", wait=wait, whose=refusals.whose)
    if code is not None and (refusal := refusals.meaning.get(code)):
        raise refusal(refusals.says.get(code) or voice.quote(code, said))
    match response.status_code:
        case _ if response.is_success and body is not None and code is None:
            return body
        case 401:
            raise refusals.unauthorized(f"{platform} does not accept this sign-in.")
        case 402:
            raise refusals.unpaid(f"{platform} wants to be paid first.")
        case 403:
            raise refusals.forbidden(f"{platform} refuses this sign-in.")
        # Not that there is no such thing, which a platform says in its own words: a gateway gone astray says 404, too.
        case status if response.is_client_error and status not in (404, 408, 410):
            raise failures.ContentRejected(voice.quote(code or str(status), said))
        case status:
            raise unclear(f"{platform} answered with an error of its own ({status}).")


class _Unreadable(Exception):
    """The answer is endless."""


def _content(response: httpx.Response) -> bytes:
    """Read an answer, but not an endless one."""
    content = bytearray()
    for chunk in response.iter_bytes():
        content += chunk
        if len(content) > MOST_BYTES:
            raise _Unreadable
    return bytes(content)


def _at_first_byte(before_write: BeforeWrite) -> Callable[[str, Mapping[str, Any]], None]:
    def trace(event: str, _info: Mapping[str, Any]) -> None:
        if event.endswith("send_request_headers.started"):
            before_write()

    return trace


def _json(content: bytes) -> Json | None:
    try:
        body: object = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return cast("Json", body) if isinstance(body, dict) else None


def asked_wait(headers: Mapping[str, str]) -> timedelta:
    """How long a platform wants us to wait, by the headers of its answer.

    `Retry-After` holds seconds or a date, `RateLimit-Reset` and `X-Rate-Limit-Reset` seconds since 1970;
    a date is measured against the answer's own `Date`, so that clocks need not agree.
    """
    then = headers.get("retry-after")
    if (seconds := _number(then)) is not None:
        return _sensible(seconds)
    sent = _seconds(headers.get("date")) or time.time()
    for moment in (_seconds(then), _number(headers.get("ratelimit-reset")), _number(headers.get("x-rate-limit-reset"))):
        if moment is not None:
            return _sensible(moment - sent)
    return DEFAULT_WAIT


def _sensible(seconds: float) -> timedelta:
    return timedelta(seconds=min(max(seconds, 1), LONGEST_WAIT.total_seconds()))


def _seconds(date: str | None) -> float | None:
    try:
        return parsedate_to_datetime(date or "").timestamp()
    except (ValueError, OverflowError):
        return None


def _number(value: str | None) -> float | None:
    return float(value) if value and value.isascii() and value.isdigit() else None
