"""X's double: API v2 with OAuth 2.0, as documented at docs.x.com and seen in the field."""
