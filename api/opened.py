"""The installation as the server's own routes use it."""

from functools import cached_property

from socialcore import installation, stores
from socialcore.database import Database
from socialcore.installation import Installation
from socialcore.settings import Settings
from socialcore.stores import Store
from socialcore.vault import Vault


class Opened:
    """Opened when it is first needed: the embedded server starts after the routes are made."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @cached_property
    def database(self) -> Database:
        return self._installation.as_app(most_connections=10)

    @cached_property
    def vault(self) -> Vault:
        return self._installation.vault()

    @cached_property
    def store(self) -> Store:
        return stores.configured(self.settings.media_bucket)

    def close(self) -> None:
        """Give back the database's sessions; opened again when needed."""
        if found := self.__dict__.pop("database", None):
            found.engine.dispose()

    @cached_property
    def _installation(self) -> Installation:
        if self.settings.embedded:
            return installation.embedded(installation.server(self.settings))
        return installation.configured(self.settings)
