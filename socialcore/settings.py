"""Everything the environment decides, read once where a process starts and passed down from there."""

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast, get_args
from urllib.parse import urlsplit

from socialcore.posts import PLATFORMS, Platform

Environment = Literal["development", "staging", "production"]
Plans: TypeAlias = Mapping[str, frozenset[Platform]]  # what each holds, the smallest first
ROOT = Path(__file__).resolve().parent.parent


DEFAULT_PLANS: Plans = {"basic": frozenset({"google_business", "bluesky"}), "premium": frozenset(PLATFORMS)}


class SettingsError(Exception):
    """What is missing or wrong in the environment, in words for whoever deploys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Oidc:
    """How operators sign in, as Streamlit's `st.login` wants it."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str
    cookie_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """Where an S3-compatible store keeps media; its credentials come by the ways that boto3 knows."""

    name: str
    region: str | None = None
    endpoint: str | None = None  # None: Amazon's own


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    environment: Environment = "development"
    database_url: str | None = field(default=None, repr=False)  # as composer_app; None: the embedded server
    worker_database_url: str | None = field(default=None, repr=False)  # as composer_worker
    owner_database_url: str | None = field(default=None, repr=False)  # as composer_owner, to migrate
    context_key: bytes = field(default=b"", repr=False)
    sealing_keys: Mapping[int, bytes] = field(default_factory=dict[int, bytes], repr=False)  # newest seals
    oidc: Oidc | None = None
    media_bucket: Bucket | None = None  # None: media lie in the database
    public_media_url: str | None = None  # where platforms fetch pictures from us; None: no picture goes by address
    data_folder: Path = ROOT / ".data"
    pg_bin: Path | None = None
    port: int = 8501
    public_url: str = "http://localhost:8501"  # where people's browsers reach this dashboard
    sandbox_port: int = 8600
    own_sandbox_url: str | None = None  # of a configured installation that has one, such as staging
    concurrency: int = 8
    undo: timedelta = timedelta(seconds=10)
    late_window: timedelta = timedelta(hours=2)  # later than this is missed, never sent late in silence
    check_every: timedelta = timedelta(hours=6)
    idle: timedelta = timedelta(minutes=30)
    longest_sign_in: timedelta = timedelta(hours=10)
    team_webhook: str | None = field(default=None, repr=False)  # an incoming webhook of the team's channel; a secret
    api_calls: int = 120  # that one token may make in a minute
    plans: Plans = field(default_factory=lambda: DEFAULT_PLANS)

    @property
    def embedded(self) -> bool:
        """True when nobody configured a database, so that we bring our own, with sandbox and demo accounts."""
        return self.database_url is None

    @property
    def media_url(self) -> str | None:
        """Where platforms fetch pictures; the embedded installation's are the sandbox, which fetches from here."""
        return self.public_media_url or (f"http://127.0.0.1:{self.port}" if self.embedded else None)

    @property
    def sandbox_url(self) -> str | None:
        """Where the doubles are; None if this installation has none."""
        return f"http://127.0.0.1:{self.sandbox_port}" if self.embedded else self.own_sandbox_url

    @property
    def team_channel(self) -> str | None:
        """The webhook to tell the team by; the embedded installation's is the sandbox. None: nobody is told."""
        if self.team_webhook is None and self.embedded:
            return f"{self.sandbox_url}/slack/services/your-team/composer/sandbox"
        return self.team_webhook

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Read the environment.

        Raises:
            SettingsError: if a value cannot be used, or production lacks one it must have.
        """
        url = environ.get("DATABASE_URL") or None
        environment = environ.get("COMPOSER_ENVIRONMENT", "development" if url is None else "production")
        if environment not in get_args(Environment):
            raise SettingsError(
                f"COMPOSER_ENVIRONMENT is {environment!r}; it is one of {', '.join(get_args(Environment))}."
            )
        defaults = cls()
        port = _number(environ, "COMPOSER_PORT", defaults.port)
        return cls(
            environment=cast("Environment", environment),
            database_url=_psycopg(url),
            worker_database_url=_psycopg(environ.get("WORKER_DATABASE_URL")),
            owner_database_url=_psycopg(environ.get("OWNER_DATABASE_URL")),
            context_key=_key(environ, "COMPOSER_CONTEXT_KEY"),
            sealing_keys=sealing_keys(_value_or_file(environ, "COMPOSER_SEALING_KEYS")),
            oidc=_oidc(environ),
            media_bucket=_bucket(environ),
            public_media_url=_public_url(environ, "PUBLIC_MEDIA_URL", at_home=environment == "development"),
            data_folder=Path(environ.get("COMPOSER_DATA", defaults.data_folder)).absolute(),
            pg_bin=Path(environ["COMPOSER_PG_BIN"]) if environ.get("COMPOSER_PG_BIN") else None,
            port=port,
            public_url=_origin(environ, "PUBLIC_URL", f"http://localhost:{port}"),
            sandbox_port=_number(environ, "COMPOSER_SANDBOX_PORT", defaults.sandbox_port),
            own_sandbox_url=environ.get("COMPOSER_SANDBOX_URL") or None,
            concurrency=_number(environ, "COMPOSER_CONCURRENCY", defaults.concurrency),
            team_webhook=_webhook(
                _value_or_file(environ, "COMPOSER_TEAM_WEBHOOK"), at_home=environment == "development"
            ),
            api_calls=_number(environ, "COMPOSER_API_CALLS", defaults.api_calls),
            check_every=timedelta(
                hours=_number(environ, "COMPOSER_CHECK_HOURS", int(defaults.check_every.total_seconds()) // 3600)
            ),
            undo=timedelta(seconds=_number(environ, "COMPOSER_UNDO_SECONDS", int(defaults.undo.total_seconds()))),
            plans=_plans(environ.get("COMPOSER_PLANS") or ""),
        )

    def insist_on_sign_in(self) -> None:
        """Refuse to serve a configured installation that would let anybody in, or sign nothing.

        Raises:
            SettingsError: naming what is missing.
        """
        if not self.embedded:
            self.require("oidc", "context_key", "sealing_keys")

    def streamlit_secrets(self) -> dict[str, Any]:
        """What `st.login` reads; empty with the embedded database, which has demo operators instead."""
        if self.oidc is None:
            return {}
        return {
            "auth": {
                "redirect_uri": self.oidc.redirect_uri,
                "cookie_secret": self.oidc.cookie_secret,
                "client_id": self.oidc.client_id,
                "client_secret": self.oidc.client_secret,
                "server_metadata_url": f"{self.oidc.issuer.rstrip('/')}/.well-known/openid-configuration",
            }
        }

    def require(self, *names: str) -> None:
        """Insist on settings that a command cannot do without.

        Raises:
            SettingsError: naming what is missing, as environment variables.
        """
        missing = [VARIABLES[name] for name in names if not getattr(self, name)]
        if missing:
            raise SettingsError(f"Set {', '.join(missing)}: docs/operations.md says how.")


VARIABLES = {
    "database_url": "DATABASE_URL",
    "worker_database_url": "WORKER_DATABASE_URL",
    "owner_database_url": "OWNER_DATABASE_URL",
    "context_key": "COMPOSER_CONTEXT_KEY",
    "sealing_keys": "COMPOSER_SEALING_KEYS",
    "oidc": "OIDC_ISSUER, OIDC_CLIENT_ID, OIDC_CLIENT_SECRET, OIDC_REDIRECT_URI and OIDC_COOKIE_SECRET",
}


def _psycopg(url: str | None) -> str | None:
    """Name the driver, so that the usual postgres:// and postgresql:// URLs work."""
    if not url:
        return None
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in ("postgres", "postgresql", "postgresql+psycopg"):
        raise SettingsError("A database URL starts with postgresql://")
    return f"postgresql+psycopg://{rest}"


def _key(environ: Mapping[str, str], name: str) -> bytes:
    value = environ.get(name, "")
    return _decoded(name, value) if value else b""


def _decoded(name: str, value: str) -> bytes:
    try:
        key = base64.b64decode(value, validate=True)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise SettingsError(f"{name} holds keys of 32 bytes in base64: openssl rand -base64 32 makes one.")
    return key


def _value_or_file(environ: Mapping[str, str], name: str) -> str:
    """Read a secret from the environment, or from the file that NAME_FILE names."""
    path = environ.get(f"{name}_FILE")
    if environ.get(name) or not path:
        return environ.get(name, "")
    try:
        return Path(path).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{name}_FILE names {path}, which cannot be read.") from error


def _origin(environ: Mapping[str, str], name: str, default: str) -> str:
    """Read an address without a path."""
    value = (environ.get(name) or default).rstrip("/")
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path or parts.query or parts.fragment:
        raise SettingsError(f"{name} looks like https://composer.example, not {value!r}.")
    return value


def sealing_keys(value: str) -> Mapping[int, bytes]:
    """Read '1:base64,2:base64', also one a line: master keys by number; the highest number seals what is new.

    Raises:
        SettingsError: if it looks otherwise.
    """
    keys: dict[int, bytes] = {}
    for entry in filter(None, (part.strip() for part in value.replace("\n", ",").split(","))):
        number, _, key = entry.partition(":")
        if not number.isdigit():
            raise SettingsError("COMPOSER_SEALING_KEYS looks like 1:<base64>,2:<base64>.")
        keys[int(number)] = _decoded("COMPOSER_SEALING_KEYS", key)
    return keys


def _number(environ: Mapping[str, str], name: str, default: int) -> int:
    value = environ.get(name)
    if value is None:
        return default
    if not value.isdigit():
        raise SettingsError(f"{name} is a whole number, not {value!r}.")
    return int(value)


def _plans(value: str) -> Plans:
    """Read 'basic: google_business, bluesky; premium: google_business, bluesky, twitter, slack'."""
    plans: dict[str, frozenset[Platform]] = {}
    for entry in filter(None, (part.strip() for part in value.split(";"))):
        name, colon, held = (part.strip() for part in entry.partition(":"))
        platforms = {each.strip() for each in held.split(",") if each.strip()}
        if not colon or not name or name in plans or not platforms <= set(PLATFORMS):
            raise SettingsError(
                "COMPOSER_PLANS looks like basic: google_business, bluesky; premium: google_business, bluesky, twitter,"
                f" slack. Each name stands once, and platforms are {', '.join(PLATFORMS)}; not {entry!r}."
            )
        plans[name] = frozenset(each for each in PLATFORMS if each in platforms)
    return plans or DEFAULT_PLANS


def _bucket(environ: Mapping[str, str]) -> Bucket | None:
    name, region, endpoint = (
        environ.get(f"COMPOSER_MEDIA_S3_{each}") or None for each in ("BUCKET", "REGION", "ENDPOINT")
    )
    if name is None:
        if region or endpoint:
            raise SettingsError("COMPOSER_MEDIA_S3_BUCKET is missing: without a bucket, media lie in the database.")
        return None
    if endpoint is not None and urlsplit(endpoint).scheme not in ("http", "https"):
        raise SettingsError("COMPOSER_MEDIA_S3_ENDPOINT is a URL, as https://s3.example.com.")
    return Bucket(name=name, region=region, endpoint=endpoint)


def _public_url(environ: Mapping[str, str], name: str, *, at_home: bool) -> str | None:
    """Read an address of ours that platforms come to: https, but for a developer's own machine."""
    value = environ.get(name)
    if not value:
        return None
    url = urlsplit(value)
    loopback = at_home and url.scheme == "http" and url.hostname in ("localhost", "127.0.0.1", "::1")
    if not url.hostname or not (url.scheme == "https" or loopback):
        raise SettingsError(f"{name} begins with https://; in development it may be http://localhost.")
    if url.query or url.fragment or url.username or url.password:
        raise SettingsError(f"{name} is an address without a name, a question or a fragment in it.")
    return value.rstrip("/")


def _webhook(value: str, *, at_home: bool) -> str | None:
    """Read the address of a webhook. It is a secret, so what is wrong with it is said without it."""
    if not value:
        return None
    url = urlsplit(value)
    loopback = at_home and url.scheme == "http" and url.hostname in ("localhost", "127.0.0.1", "::1")
    if not url.hostname or not (url.scheme == "https" or loopback) or not value.isprintable() or " " in value:
        raise SettingsError(
            "COMPOSER_TEAM_WEBHOOK is an https address that Slack made for a channel, as https://hooks.slack.com/services/…"
        )
    return value


def _oidc(environ: Mapping[str, str]) -> Oidc | None:
    names = ("issuer", "client_id", "client_secret", "redirect_uri", "cookie_secret")
    given = {name: environ.get(f"OIDC_{name.upper()}", "") for name in names}
    if not any(given.values()):
        return None
    if missing := [f"OIDC_{name.upper()}" for name, value in given.items() if not value]:
        raise SettingsError(f"Signing in also needs {', '.join(missing)}.")
    if len(given["cookie_secret"]) < 32:
        raise SettingsError("OIDC_COOKIE_SECRET needs at least 32 characters.")
    return Oidc(**given)
