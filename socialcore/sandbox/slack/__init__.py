"""Slack's double: workspaces, their channels, and the Web API as docs.slack.dev describes it (read 2026-11-23)."""
