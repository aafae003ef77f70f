"""Every platform we publish to, by name. Adding one is a module, a line here, and a contract test."""

from collections.abc import Mapping

from socialcore.adapters.bluesky import Bluesky
from socialcore.adapters.bluesky.registration import registration_of
from socialcore.adapters.contract import Adapter
from socialcore.posts import Platform

ADAPTERS: Mapping[Platform, Adapter] = {"bluesky": Bluesky(registration=registration_of())}
