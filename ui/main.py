"""The script Streamlit runs: sign-in and navigation. Pages draw themselves.

It lies away from `pages/` on purpose: docs/decisions/0003.
"""

from pathlib import Path

import streamlit as st

from socialcore.operators import Capability
from ui import inbox, notices, session, shell, shortcuts
from ui.view import h, show

HERE = Path(__file__).resolve().parent
PAGES = (
    ("overview", "Overview", "space_dashboard", Capability.SEE),
    ("compose", "Compose", "edit_square", Capability.PUBLISH),
    ("posts", "Posts", "list_alt", Capability.SEE),
    ("calendar", "Calendar", "calendar_month", Capability.SEE),
    ("connections", "Connections", "cable", Capability.SEE),
    ("tokens", "Tokens", "key", Capability.SEE),
    ("people", "People", "group", Capability.MANAGE),
    ("sandbox", "Sandbox", "science", Capability.TEST),
)

st.set_page_config(page_title="Social Composer", page_icon=str(HERE / "static" / "favicon.png"), layout="wide")
st.logo(str(HERE / "static" / "logo.svg"), size="medium")

with notices.explained():
    operator = session.signed_in()
    # Every address leads here, also for somebody signed out: without st.navigation, Streamlit would run the
    # page's file by itself.
    chosen = st.navigation(
        [
            st.Page(
                HERE.parent / "pages" / f"{name}.py",
                title=title,
                icon=f":material/{icon}:",
                url_path=name,
                default=name == "overview",
                visibility="visible" if operator and shell.offers(operator, name, capability) else "hidden",
            )
            for name, title, icon, capability in PAGES
        ],
        position="sidebar" if operator else "hidden",
    )
    if operator is None:
        shell.sign_in()
    else:
        with st.sidebar:
            inbox.draw(operator)
            st.caption(f"{operator.name} · {', '.join(operator.roles).replace('_', ' ')}")
            if session.settings().embedded:
                show(h("p.small", h("a", "Sign out", href="/sign-out")), key="sign_out")
            else:
                st.button("Sign out", key="sign_out", type="tertiary", on_click=session.sign_out)
            shortcuts.draw(operator)
        shell.leave()
        session.arrive(chosen.url_path)
        chosen.run()
