"""Bluesky, over the AT Protocol.

A record's key is ours to choose and its CID is known beforehand, so a delivery always writes the same
bytes to the same place: looking for what an earlier attempt left behind is one read, not a search. A whole
thread with its gates is one write, which a server carries out entirely or not at all.

Source: lexicons/com/atproto/{server,repo,identity}, app/bsky/{feed,embed,video} in bluesky-social/atproto;
the answers of npm @atproto/pds 0.5.35 (tests/data/pds-observed-0.5.35.json); https://atproto.com/specs/oauth.
"""

from socialcore.adapters.bluesky.adapter import Bluesky
from socialcore.adapters.bluesky.servers import service_url

__all__ = ["Bluesky", "service_url"]
