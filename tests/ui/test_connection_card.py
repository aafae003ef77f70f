"""What a card says of a connection, beyond what the pages' tests see."""

from socialcore.adapters import ADAPTERS
from socialcore.adapters.bluesky.capabilities import PERMISSIONS
from ui.connection_card import WITHOUT


def test_every_permission_says_what_does_not_work_without_it():
    needed = {each for adapter in ADAPTERS.values() for each in adapter.capabilities.permissions} | {*PERMISSIONS}

    assert needed <= set(WITHOUT)
