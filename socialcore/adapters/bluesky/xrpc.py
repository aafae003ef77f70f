"""Calls of the AT Protocol's servers, whoever signs them."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import httpx

from socialcore import failures
from socialcore.adapters.bluesky.refusals import NAME, REFUSALS, NonceWanted
from socialcore.adapters.bluesky.signing import NOBODY, Signature
from socialcore.adapters.contract import BeforeWrite, Json
from socialcore.adapters.http import Refusals, call


class Calls:
    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def get(
        self,
        service: str,
        method: str,
        parameters: Mapping[str, str] | None = None,
        signed: Signature = NOBODY,
        refusals: Refusals = REFUSALS,
    ) -> Json:
        return self.send("GET", f"{service}/xrpc/{method}", signed, refusals, params=parameters)

    def post(
        self,
        service: str,
        method: str,
        body: Json | None,
        signed: Signature = NOBODY,
        refusals: Refusals = REFUSALS,
        **manner: Any,
    ) -> Json:
        """Call a procedure; `manner` is what `http.call` takes besides."""
        return self.send("POST", f"{service}/xrpc/{method}", signed, refusals, json=body, **manner)

    def send(  # noqa: PLR0913 - a request, and how to take its answer
        self,
        verb: str,
        url: str,
        signed: Signature,
        refusals: Refusals,
        *,
        params: Mapping[str, str] | None = None,
        json: Json | None = None,
        form: Callable[[], Mapping[str, str]] | None = None,
        content: bytes | None = None,
        media_type: str = "",
        before_write: BeforeWrite | None = None,
        secrets: Collection[str] = (),
        **manner: Any,
    ) -> Json:
        """Send a request, and once more if the server did nothing but ask for its nonce in the proof.

        A `form` is made anew each time, because what proves who we are is good for one use.

        Raises:
            Unavailable: if it asks again. Nothing was done then.
        """
        kind = {"Content-Type": media_type} if media_type else {}
        for _ in range(2):
            request = self._client.build_request(
                verb,
                url,
                params=params,
                json=json,
                data=form and form(),
                content=content,
                headers={**kind, **signed.headers(verb, url)},
            )
            try:
                return call(
                    self._client,
                    request,
                    refusals,
                    platform=NAME,
                    before_write=before_write,
                    hear=lambda headers: signed.hear(url, headers),
                    secrets=[*signed.secrets, *secrets],
                    **manner,
                )
            except NonceWanted:
                continue
        raise failures.Unavailable(f"{NAME} keeps asking for another proof. Nothing was sent.")
