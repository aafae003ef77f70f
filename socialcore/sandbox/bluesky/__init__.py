"""Bluesky's double: a Personal Data Server speaking the AT Protocol, as @atproto/pds 0.5.35 does."""
