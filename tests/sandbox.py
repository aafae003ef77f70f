"""The sandbox, run for real on loopback for a test."""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import uvicorn

from socialcore.sandbox import server

APP_PASSWORD = "aaaa-bbbb-cccc-dddd"


@dataclass(frozen=True, slots=True)
class Sandbox:
    url: str
    _client: httpx.Client

    def account(self, handle: str, password: str = APP_PASSWORD, platform: str = "bluesky") -> str:
        """Make an account that this app password opens; returns its DID."""
        return self._call("POST", f"{platform}/accounts", json={"handle": handle, "password": password})["did"]

    def open_account(self, platform: str, **wishes: Any) -> dict[str, Any]:
        """Make an account as `wishes` say, or find it; returns what the platform tells of it."""
        return self._call("POST", f"{platform}/accounts", json=wishes)

    def consent(self, platform: str, url: str, account: str, **wishes: Any) -> dict[str, str]:
        """Decide for `account` where an app has sent a browser (`deny`, `withhold`); what the app gets back."""
        back = self._call("POST", f"{platform}/consent", json={"url": url, "account": account, **wishes})["redirect"]
        return {name: values[0] for name, values in parse_qs(urlsplit(back).query).items()}

    def posts(self, platform: str = "bluesky") -> list[dict[str, Any]]:
        """List what is public, in the order it was posted: did, handle, rkey, cid, record, url, at."""
        return self._call("GET", f"{platform}/posts")

    def fault(self, kind: str, **rest: Any) -> int:
        """Make something go wrong from now on; see socialcore.sandbox.faults. Returns the fault's id."""
        return self._call("POST", "faults", json={"kind": kind, **rest})["id"]

    def faults(self) -> list[dict[str, Any]]:
        """List the faults in force, with how often each has `fired`."""
        return self._call("GET", "faults")

    def clear_faults(self) -> int:
        return self._call("DELETE", "faults")["cleared"]

    def complaints(self) -> list[dict[str, Any]]:
        """List what the client did wrong: platform, method, account, about, at."""
        return self._call("GET", "complaints")

    def clear_complaints(self) -> int:
        return self._call("DELETE", "complaints")["cleared"]

    def reset(self) -> None:
        self._call("POST", "reset")

    def _call(self, verb: str, path: str, **rest: Any) -> Any:
        answer = self._client.request(verb, f"/control/{path}", **rest)
        assert answer.status_code == 200, answer.text
        return answer.json()


@contextmanager
def running(folder: Path, **options: Any) -> Generator[Sandbox]:
    """Run the sandbox on a free port until the block ends.

    Args:
        folder: where it keeps everything; run it there again and it is as it was.
        options: those of `socialcore.sandbox.server.build`.
    """
    config = server.configured(folder, 0, **options)
    listener = config.bind_socket()
    running_server = uvicorn.Server(config)
    thread = threading.Thread(target=running_server.run, args=([listener],), daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        with httpx.Client(base_url=url, timeout=10, trust_env=False) as client:
            yield Sandbox(url, client)
    finally:
        running_server.should_exit = True
        thread.join(timeout=10)
        listener.close()
        assert not thread.is_alive(), "the sandbox did not stop"
