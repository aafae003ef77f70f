"""Where this installation's database and keys are: configured, or our own embedded ones."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from socialcore import database
from socialcore.database import Database, SystemScope
from socialcore.embedded import Server
from socialcore.settings import Settings, sealing_keys
from socialcore.vault import Vault

RING = "sealing-keys"  # the embedded server's ring of master keys, once it has more than the first


@dataclass(frozen=True, slots=True)
class Installation:
    """URLs by role, and the keys. A role that is not configured has an empty URL."""

    app_url: str = field(repr=False)
    worker_url: str = field(repr=False)
    owner_url: str = field(repr=False)
    context_key: bytes = field(repr=False)
    sealing_keys: Mapping[int, bytes] = field(repr=False)

    def as_app(self, *, most_connections: int = 10) -> Database:
        return database.open_database(self.app_url, self.context_key, most_connections=most_connections)

    def as_worker(self, *, most_connections: int = 10) -> Database:
        """As the worker, whose few statements are planned once: that saves a sixth of the server's work."""
        plan_once = "-c plan_cache_mode=force_generic_plan"
        return database.open_database(
            self.worker_url, self.context_key, most_connections=most_connections, options=plan_once
        )

    def vault(self) -> Vault:
        return Vault(self.sealing_keys)

    @contextmanager
    def administration(self) -> Generator[SystemScope]:
        """Open a transaction as composer_admin, which manages accounts and people across all accounts."""
        with database.admin_scope(self.owner_url, self.context_key) as scope:
            yield scope

    @contextmanager
    def sealed(self) -> Generator[SystemScope]:
        """Open a transaction as composer_keys, which sees what is sealed across all accounts and opens none of it."""
        with database.admin_scope(self.owner_url, self.context_key, role="composer_keys") as scope:
            yield scope


def server(settings: Settings) -> Server:
    return Server(settings.data_folder / "postgres", binaries=settings.pg_bin)


def configured(settings: Settings) -> Installation:
    return Installation(
        settings.database_url or "",
        settings.worker_database_url or "",
        settings.owner_database_url or "",
        settings.context_key,
        settings.sealing_keys,
    )


def embedded(postgres: Server, *, name: str = "composer") -> Installation:
    """The installation that lives in a running embedded server; its keys come from the server's own secret."""
    return Installation(
        postgres.url("composer_app", name),
        postgres.url("composer_worker", name),
        postgres.url("composer_owner", name),
        bytes.fromhex(postgres.secret("context key")),
        sealing_keys(postgres.kept(RING) or "") or {1: bytes.fromhex(postgres.secret("sealing key 1"))},
    )


@contextmanager
def opened(settings: Settings, *needs: str) -> Generator[Installation]:
    """Find the installation, starting the embedded server when nothing is configured.

    Args:
        needs: settings this command cannot do without, when it is configured.

    Raises:
        SettingsError: naming what is missing.
        EmbeddedError: if the embedded server cannot run.
    """
    if not settings.embedded:
        settings.require(*needs)
        yield configured(settings)
        return
    with server(settings) as postgres:
        yield embedded(postgres)


def prepare_embedded(postgres: Server) -> list[str]:
    """Bring roles and schema of the embedded server up to date.

    Returns:
        The migrations applied, oldest first.
    """
    here = embedded(postgres)
    if not database.is_current(postgres.url("postgres")):
        database.create_roles(postgres.url("postgres"), {role: postgres.secret(role) for role in database.ROLES})
    return list(database.migrate(here.owner_url, here.context_key))


def sandbox_folder(settings: Settings) -> Path:
    return settings.data_folder / "sandbox"
