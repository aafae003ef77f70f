"""What Bluesky's servers know this installation by when somebody signs in by browser.

With a public address and a key of our own we are a confidential client: a server reads who we are at that address, and
a session may last. On the machine of somebody who tries things out we are a public client without a name, whose
sessions end after two weeks.

Source: https://atproto.com/specs/oauth#clients
"""

import json
import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlencode, urlsplit

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from socialcore import failures
from socialcore.adapters.bluesky.capabilities import PERMISSIONS
from socialcore.adapters.bluesky.signing import public
from socialcore.adapters.contract import Json

NAME = "Social Composer"
METADATA_PATH = "/oauth/bluesky/client-metadata.json"
JWKS_PATH = "/oauth/bluesky/jwks.json"
CALLBACK_PATH = "/oauth/callback"
LOCAL_CLIENT = "http://localhost"
PUBLIC_SESSION = timedelta(days=14)  # at most, of a client without a key
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
NO_BROWSER = (
    "This installation has no sign-in by browser at Bluesky: it needs PUBLIC_URL (https) and"
    " COMPOSER_BLUESKY_OAUTH_KEY. Use an app password."
)


@dataclass(frozen=True, slots=True)
class Registration:
    """Our address and key; without them, a client on this machine only."""

    public_url: str = ""
    key: ECKey | None = field(default=None, repr=False)

    @property
    def is_confidential(self) -> bool:
        return self.key is not None

    @property
    def scope(self) -> str:
        return " ".join(PERMISSIONS)

    def client_id(self, redirect_uri: str) -> str:
        """Name ourselves for a sign-in that comes back to `redirect_uri`, which is `returning` of something.

        Raises:
            ContentRejected: if it is neither our public address nor on this machine.
        """
        if self.is_confidential:
            return self.public_url + METADATA_PATH
        if urlsplit(redirect_uri).hostname != "127.0.0.1":
            raise failures.ContentRejected(NO_BROWSER)
        return f"{LOCAL_CLIENT}?{urlencode({'redirect_uri': redirect_uri, 'scope': self.scope})}"

    def returning(self, redirect_uri: str) -> str:
        """Say where a browser comes back to: a machine must not call itself localhost there (RFC 8252)."""
        if self.is_confidential:
            return self.public_url + CALLBACK_PATH
        return redirect_uri.replace("//localhost", "//127.0.0.1", 1)

    def assertion(self, client_id: str, issuer: str) -> Mapping[str, str]:
        """Prove to `issuer` that we are this client, for a minute; nothing for a client without a key.

        Raises:
            Unavailable: if the key that this client had is not here any more.
        """
        if client_id.startswith(LOCAL_CLIENT + "?"):
            return {}
        if self.key is None:
            raise failures.Unavailable("COMPOSER_BLUESKY_OAUTH_KEY is missing, which this sign-in was made with.")
        now = int(time.time())
        claims = {
            "iss": client_id,
            "sub": client_id,
            "aud": issuer,
            "jti": secrets.token_urlsafe(16),
            "iat": now,
            "exp": now + 60,
        }
        token = jwt.encode({"alg": "ES256", "kid": _kid(self.key)}, claims, self.key, algorithms=["ES256"])
        return {"client_assertion_type": JWT_BEARER, "client_assertion": token}

    def metadata(self) -> Json:
        """Say who we are, as the document that our client id leads to."""
        return {
            "client_id": self.public_url + METADATA_PATH,
            "client_name": NAME,
            "client_uri": self.public_url,
            "application_type": "web",
            "redirect_uris": [self.public_url + CALLBACK_PATH],
            "scope": self.scope,
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "dpop_bound_access_tokens": True,
            "token_endpoint_auth_method": "private_key_jwt",
            "token_endpoint_auth_signing_alg": "ES256",
            "jwks_uri": self.public_url + JWKS_PATH,
        }

    def jwks(self) -> Json:
        """List our public key, and never the private half."""
        if self.key is None:
            return {"keys": []}
        return {"keys": [{**public(self.key), "kid": _kid(self.key), "alg": "ES256", "use": "sig"}]}


class BadKey(ValueError):
    """COMPOSER_BLUESKY_OAUTH_KEY is set and is no key."""

    def __init__(self) -> None:
        super().__init__(
            "COMPOSER_BLUESKY_OAUTH_KEY is no private key for ES256. Make one: openssl ecparam -name prime256v1 -genkey"
            " -noout"
        )


def registration_of(environ: Mapping[str, str] = os.environ) -> Registration | None:
    """Find how this installation is known; None if nobody can sign in by browser.

    PUBLIC_URL (https) and COMPOSER_BLUESKY_OAUTH_KEY (a private key for ES256, PEM or JWK) make a confidential client.
    Without a database of its own, an installation is for trying out, and is a client on this machine.

    Raises:
        BadKey: if there is a key, and it is none.
    """
    address, stored = environ.get("PUBLIC_URL", "").rstrip("/"), environ.get("COMPOSER_BLUESKY_OAUTH_KEY", "")
    if address.startswith("https://") and stored:
        return Registration(address, _key(stored))
    return None if environ.get("DATABASE_URL") else Registration()


def _key(stored: str) -> ECKey:
    try:
        key = ECKey.import_key(json.loads(stored) if stored.startswith("{") else stored.replace("\\n", "\n"))
        if key.curve_name != "P-256" or not key.is_private:
            raise BadKey
    except (ValueError, TypeError, KeyError, JoseError) as error:
        raise BadKey from error
    return key


def _kid(key: ECKey) -> str:
    return key.thumbprint()
