"""Telling a Slack channel something by its incoming webhook, whose address is the secret that lets us.

Source: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks, read 2026-11-23.
"""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx

from socialcore import failures
from socialcore.adapters.http import asked_wait, new_client
from socialcore.adapters.patience import whole_answer_within

LONGEST = 10  # seconds for the whole answer
MOST_READ = 200  # bytes of an answer: "ok", or a word that says why not


@dataclass(frozen=True, slots=True)
class Webhook:
    address: str = field(repr=False)
    client: httpx.Client = field(default_factory=new_client, repr=False)

    def post(self, text: str) -> None:
        """Write one message.

        Raises:
            RateLimited: if we are asked to wait.
            Unavailable: if it certainly was not written; a later try may do better.
            ContentRejected: if this address, or this message, will never do.
            OutcomeUnknown: if it may have been written.
        """
        host = urlsplit(self.address).hostname
        request = self.client.build_request("POST", self.address, json={"text": text, "unfurl_links": False})
        try:
            with whole_answer_within(LONGEST):
                response = self.client.send(request, stream=True)
                try:
                    said = next(response.iter_bytes(MOST_READ), b"")[:MOST_READ].decode("ascii", "replace")
                finally:
                    response.close()
        # None of these is repeated as it is: an error of HTTP may hold the address.
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            raise failures.Unavailable(f"{host} could not be reached.") from None
        except (httpx.HTTPError, httpx.InvalidURL):
            raise failures.OutcomeUnknown(f"{host} did not answer.") from None
        if response.is_success:
            return
        if response.status_code == 429:
            raise failures.RateLimited(f"{host} asks us to wait.", wait=asked_wait(response.headers), whose="platform")
        if response.is_server_error:
            raise failures.Unavailable(f"{host} answered with an error of its own ({response.status_code}).")
        word = said if said.isidentifier() else str(response.status_code)
        raise failures.ContentRejected(f"{host} does not take it: {word}.")
