"""What the routes of this process share: a small pool of database connections, and the vault."""

from socialcore import installation
from socialcore.database import Database
from socialcore.installation import Installation
from socialcore.settings import Settings
from socialcore.vault import Vault

_opened: dict[str, Database] = {}


def database(settings: Settings) -> Database:
    """Open it when it is first needed: the embedded server starts after us."""
    if "app" not in _opened:
        _opened["app"] = _here(settings).as_app(most_connections=3)
    return _opened["app"]


def vault(settings: Settings) -> Vault:
    return _here(settings).vault()


def _here(settings: Settings) -> Installation:
    if settings.embedded:
        return installation.embedded(installation.server(settings))
    return installation.configured(settings)
