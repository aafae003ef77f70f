"""The ASGI app: pages, API and call-backs on one port.

`streamlit run app.py` finds `app` here. The script Streamlit runs lies in ui/, away from pages/: a folder
named pages beside it would let any page be opened by its address without the router (docs/decisions/0003).
"""

import sys
from pathlib import Path

import streamlit as st

from api import lifespan, middleware, routes
from api.serve import serve
from socialcore.settings import Settings, SettingsError

try:
    settings = Settings.from_environment()
    settings.insist_on_sign_in()
except SettingsError as error:
    sys.exit(f"Social Composer does not start: {error}")

app = st.App(
    Path(__file__).resolve().parent / "ui" / "main.py",
    secrets=settings.streamlit_secrets(),
    lifespan=lifespan.of(settings),
    routes=routes.of(settings),
    middleware=middleware.of(settings),
)

if __name__ == "__main__":
    serve(app, settings)
