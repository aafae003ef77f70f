"""npm `emulate`: somebody else's doubles of platforms that have no server to install, started for a test."""

import json
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.live.peers import NODE, PEERS, PeerFailed

PROGRAM = PEERS / "node_modules/emulate/dist/index.js"
START_WITHIN = 30  # seconds; it takes one on an idle machine


@contextmanager
def emulated(service: str, seed: Mapping[str, Any]) -> Generator[str]:
    """Run one service on a free port until the block ends; yields its address.

    Args:
        seed: what is there in the beginning, as its documentation describes it for each service.

    Raises:
        PeerFailed: if it does not come up.
    """
    with tempfile.TemporaryDirectory(prefix="emulate-") as folder:
        settings, said, port = Path(folder, "seed.json"), Path(folder, "said"), _free_port()
        settings.write_text(json.dumps({service: seed}), "utf-8")
        options = ["--service", service, "--port", str(port), "--host", "127.0.0.1", "--seed", str(settings)]
        with said.open("wb") as output:
            process = subprocess.Popen(
                [str(NODE), "--no-warnings", str(PROGRAM), "start", *options],
                cwd=folder,
                env={"PATH": os.environ["PATH"], "HOME": folder, "NO_COLOR": "1"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # the terminal's Ctrl-C is for us; we stop it in order
            )
            try:
                _wait_until_ready(process, port, said)
                yield f"http://127.0.0.1:{port}"
            finally:
                process.terminate()
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, said: Path) -> None:
    until = time.monotonic() + START_WITHIN
    while time.monotonic() < until and process.poll() is None:
        try:
            httpx.get(f"http://127.0.0.1:{port}/", trust_env=False)
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise PeerFailed(f"emulate did not start: {said.read_text('utf-8', 'replace')[-2000:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
