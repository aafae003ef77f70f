"""The commands of the README do what it says they do."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import dashboard
from tests.dashboard import ROOT

README = (ROOT / "README.md").read_text("utf-8")


def block(heading: str) -> str:
    """The one block of commands under a heading."""
    section = README.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    (commands,) = re.findall(r"```bash\n(.*?)```", section, re.DOTALL)
    return commands


@pytest.mark.timeout(240)
def test_with_curl_alone_an_account_is_connected_and_posted_to():
    with dashboard.running() as stack:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block("With curl alone")],
            cwd=ROOT,
            env=stack.environment | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "NO_PROXY": "*"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{stack.log}"
        assert '"shown":"published"' in done.stdout
        assert stack.published().count("Today: leek and potato soup 🥔") == 1
        assert "sc_" not in stack.log
