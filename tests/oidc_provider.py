"""An OpenID Connect provider on loopback: whoever comes is signed in at once as the person that was set last."""

import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

CLIENT = "social-composer"
CLIENT_SECRET = "a secret between the two of them"
LASTS = 3600  # seconds that a token is good for


@dataclass
class Provider:
    """What is at `address`, and who signs in next."""

    address: str
    person: dict[str, Any] = field(default_factory=dict)
    sign_ins: int = 0
    sign_outs: int = 0
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)
    _key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "1", "use": "sig", "alg": "RS256"}))

    def next_is(self, subject: str, email: str, *, verified: bool = True) -> None:
        self.person = {"sub": subject, "email": email, "email_verified": verified, "name": subject.title()}

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._describe),
                Route("/authorize", self._authorize),
                Route("/token", self._token, methods=["POST"]),
                Route("/jwks", self._keys),
                Route("/logout", self._logout),
            ]
        )

    async def _describe(self, _request: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.address,
                "authorization_endpoint": f"{self.address}/authorize",
                "token_endpoint": f"{self.address}/token",
                "jwks_uri": f"{self.address}/jwks",
                "end_session_endpoint": f"{self.address}/logout",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "code_challenge_methods_supported": ["S256"],
            }
        )

    async def _authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        code = secrets.token_hex(8)
        self._codes[code] = asked
        return RedirectResponse(f"{asked['redirect_uri']}?code={code}&state={asked['state']}")

    async def _token(self, request: Request) -> Response:
        asked = self._codes.pop(str((await request.form())["code"]))
        now = int(time.time())
        claims = {"iss": self.address, "aud": asked["client_id"], "nonce": asked.get("nonce"), "iat": now}
        header = {"alg": "RS256", "kid": "1"}
        self.sign_ins += 1
        return JSONResponse(
            {
                "access_token": secrets.token_hex(8),
                "token_type": "Bearer",
                "expires_in": LASTS,
                "id_token": jwt.encode(header, {**claims, "exp": now + LASTS, **self.person}, self._key),
            }
        )

    async def _keys(self, _request: Request) -> Response:
        return JSONResponse({"keys": [self._key.as_dict(private=False)]})

    async def _logout(self, request: Request) -> Response:
        self.sign_outs += 1
        return RedirectResponse(request.query_params["post_logout_redirect_uri"])


@contextmanager
def running() -> Iterator[Provider]:
    """Run a provider on a free port until the block ends."""
    config = uvicorn.Config(Starlette(), host="127.0.0.1", port=0, log_level="warning", ws="none")
    listener = config.bind_socket()
    provider = Provider(f"http://127.0.0.1:{listener.getsockname()[1]}")
    config.app = provider.app()
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listener.close()
        assert not thread.is_alive(), "the provider did not stop"
