"""Serve the dashboard from the command line, or say clearly why not."""

import socket
import sys

import streamlit as st

from socialcore.settings import Settings


def serve(app: st.App, settings: Settings) -> None:
    """Block until stopped; Ctrl-C is how a person stops it, and no error."""
    if _is_taken(settings.port):
        sys.exit(
            f"Port {settings.port} of this machine is taken, perhaps by a Social Composer that runs already."
            f" Open http://localhost:{settings.port}, or choose another: make run PORT={settings.port + 1}"
        )
    print(f"Social Composer {'with all it needs' if settings.embedded else settings.environment} …", flush=True)
    try:
        app.run(config={"server.port": settings.port, "logger.hideWelcomeMessage": True})
    except KeyboardInterrupt:
        return


def _is_taken(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False
