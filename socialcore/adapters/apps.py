"""Our own registrations at platforms, for signing in by browser: read from the environment where a process starts."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from socialcore.posts import Platform

# Where each platform's own servers are; a sandbox has a path per platform.
SERVICES: Mapping[Platform, str] = {
    "google_business": "https://mybusiness.googleapis.com",
    "twitter": "https://api.x.com",
    "slack": "https://slack.com",
}
SANDBOX_CLIENT = "social-composer"  # the app that every platform of the sandbox knows
SANDBOX_SECRET = "sandbox-secret"  # noqa: S105 - opens nothing but a double on this machine


@dataclass(frozen=True, slots=True)
class App:
    """What a platform knows us by."""

    service: str
    client_id: str
    client_secret: str = field(repr=False)


def app_of(platform: Platform, environ: Mapping[str, str] = os.environ) -> App | None:
    """Find our registration at a platform; None if this installation has none.

    COMPOSER_TWITTER_CLIENT_ID, COMPOSER_TWITTER_CLIENT_SECRET, and COMPOSER_TWITTER_SERVICE for a server other than
    the platform's own; GOOGLE_BUSINESS and SLACK likewise. Without a database of its own, an installation is for
    trying out: what is not configured then leads to the sandbox.
    """
    prefix = f"COMPOSER_{platform.upper()}"
    client_id, secret = environ.get(f"{prefix}_CLIENT_ID", ""), environ.get(f"{prefix}_CLIENT_SECRET", "")
    if client_id and secret:
        return App(environ.get(f"{prefix}_SERVICE") or SERVICES[platform], client_id, secret)
    if environ.get("DATABASE_URL"):
        return None
    return sandbox_app(platform, f"http://127.0.0.1:{environ.get('COMPOSER_SANDBOX_PORT') or 8600}")


def sandbox_app(platform: Platform, base: str) -> App:
    return App(f"{base}/{platform}", SANDBOX_CLIENT, SANDBOX_SECRET)
