"""A person with a browser at the reference server: opens the page that asks, signs in, allows or denies.

The page is a program that talks to its server in JSON; this talks to it the same way.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from tests.live.peers import MAIN_PASSWORD

API = "/@atproto/oauth-provider/~api/"
LOOKS = {"User-Agent": "Mozilla/5.0", "Accept-Language": "en"}
OPENED = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
FOLLOWED = {**OPENED, "Sec-Fetch-Site": "same-origin"}
ASKED = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "same-origin", "Sec-Fetch-Dest": "empty"}


def browse(
    url: str, did: str, handle: str, *, scope: str, deny: bool = False, withhold: Sequence[str] = ()
) -> Mapping[str, str]:
    """Decide about a sign-in for an account; what the app gets back."""
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc}"
    # No cookie jar of httpx: the page's cookies are for https, which a browser forgives on localhost.
    cookies: dict[str, str] = {}
    with httpx.Client(timeout=10, trust_env=False, headers=LOOKS) as client:

        def send(request: httpx.Request) -> httpx.Response:
            request.headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
            answer = client.send(request)
            client.cookies.clear()
            for each in answer.headers.get_list("set-cookie"):
                name, _, value = each.partition(";")[0].partition("=")
                cookies[name] = value
            assert answer.status_code < 400, f"{request.url.path}: {answer.status_code} {answer.text[:300]}"
            return answer

        def ask(method: str, body: Mapping[str, Any], **headers: str) -> Mapping[str, Any]:
            same = {**ASKED, "Origin": origin, "Referer": url, "x-csrf-token": cookies.get("csrf-token", ""), **headers}
            return send(client.build_request("POST", f"{origin}{API}{method}", json=body, headers=same)).json()

        send(client.build_request("GET", url, headers={**OPENED, "Accept": "text/html"}))
        if deny:
            back = ask("reject", {})
        else:
            signed = ask("sign-in", {"locale": "en", "username": handle, "password": MAIN_PASSWORD})
            allowed = " ".join(each for each in scope.split() if each not in withhold)
            token = f"Bearer {signed['ephemeralToken']}"
            back = ask("consent", {"did": did, "scope": allowed}, Authorization=token)
        answer = send(client.build_request("GET", back["url"], headers={**FOLLOWED, "Referer": url}))
    query = parse_qs(urlsplit(answer.headers["location"]).query)
    return {name: values[0] for name, values in query.items()}
