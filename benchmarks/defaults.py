"""The dashboard as Streamlit serves it unless told otherwise: the reference of `benchmarks.ui`, run as `app.py` is.

Three settings of ours are taken back: Python collects all its garbage after every run, nothing is kept out of its way,
and the loop is asyncio's own, which leaves Nagle's algorithm on where Streamlit opens the socket. The packages of
`streamlit[performance]` are hidden for that.
"""

import gc
import runpy
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st

APP = Path(__file__).resolve().parent.parent / "app.py"
PERFORMANCE: Mapping[str, Any] = dict.fromkeys(("uvloop", "httptools", "orjson"))  # a None is not found


def main() -> None:
    sys.modules.update(PERFORMANCE)
    gc.freeze = lambda: None
    as_configured = st.App.run

    def run(app: st.App, *, config: Mapping[str, Any]) -> None:
        as_configured(app, config={**config, "runner.postScriptGC": True})

    st.App.run = run  # type: ignore[method-assign]
    sys.argv = [str(APP)]
    runpy.run_path(str(APP), run_name="__main__")


if __name__ == "__main__":
    main()
