"""A platform whose refresh tokens are good once, over real HTTP; and processes that renew sign-ins there.

As a program it is such a process: `crowd` renews with many threads whenever it is told to, `crash` dies where it is
told to. Both take their orders as JSON.
"""

import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID

from socialcore import duties, failures, grants, settings
from socialcore.adapters import ADAPTERS
from socialcore.adapters.bluesky import Bluesky
from socialcore.adapters.contract import Access, Checked, Frozen, Granted, Json, ReadBack, Receipt, Target
from socialcore.adapters.http import Refusals, call, new_client
from socialcore.database import Database, worker_scope
from socialcore.installation import configured
from socialcore.vault import Vault
from tests.working import ROOT

REFUSALS = Refusals(
    lambda reply: reply.get("error"),
    {"invalid_grant": failures.ReconnectNeeded},
    {"invalid_grant": "The platform does not take this sign-in any more. Sign in again."},
)
TAKES = timedelta(seconds=2)  # instead of a minute: how long a dead process keeps the turn
POINTS = ("before the turn", "turn taken", "connected", "answer under way", "answered", "storing", "stored")
LOSES = frozenset({"answer under way", "answered", "storing"})  # the platform has rotated, and only the dead knew


@dataclass
class Family:
    """All tokens of one sign-in: the newest refreshes, once; a second use of an old one revokes all."""

    refresh: str
    access: str = ""
    forgiving: bool = False  # takes the one before again, for an answer that was lost
    before: str = ""
    kills: bool = False  # whoever asks, once the token is rotated and before the answer
    revoked: bool = False
    calls: int = 0
    replays: int = 0


@dataclass
class Provider:
    """The platform's server, in this process."""

    families: dict[str, Family] = field(default_factory=dict)
    posts: list[str] = field(default_factory=list)
    takes: float = 0.02  # seconds for a refresh
    lock: threading.Lock = field(default_factory=threading.Lock)
    url: str = ""

    def sign_in(self, subject: str, **behaviour: bool) -> Granted:
        family = self.families[subject] = Family(secrets.token_hex(8), secrets.token_hex(8), **behaviour)
        return self.granted(subject, family.refresh, family.access)

    def granted(self, subject: str, refresh: str, access: str) -> Granted:
        target = Target(subject, f"{subject}.test")
        secret = {"family": subject, "refresh": refresh, "access": access}
        return Granted(self.url, subject, secret, (target,), datetime.now(UTC) + timedelta(hours=1))

    def refresh(self, family: Family, token: str) -> Mapping[str, str]:
        with self.lock:
            family.calls += 1
            good = token == family.refresh or (family.forgiving and token == family.before)
            if not good or family.revoked:
                family.replays += 1
                family.revoked = True
                return {"error": "invalid_grant"}
            family.before, family.refresh = family.refresh, secrets.token_hex(8)
            family.access = secrets.token_hex(8)
            answer = {"refresh": family.refresh, "access": family.access}
        time.sleep(self.takes)
        return answer

    def answer(self, path: str, told: Mapping[str, str]) -> tuple[int, Mapping[str, str]]:
        family = self.families[told["family"]]
        if path == "/token":
            said = self.refresh(family, told["refresh"])
            if family.kills:
                os.kill(int(told["process"]), signal.SIGKILL)
            return (400 if "error" in said else 200), said
        if told["access"] != family.access or family.revoked:
            return 401, {"error": "expired"}
        with self.lock:
            self.posts.append(told["text"])
        return 200, {"id": told["text"]}

    @contextmanager
    def serving(self) -> Generator["Provider"]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status, said = provider.answer(self.path, told)
                body = json.dumps(said).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                return

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 512

            def handle_error(self, *_: object) -> None:  # whoever asked was killed
                return

        with Server(("127.0.0.1", 0), Handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            self.url = f"http://127.0.0.1:{server.server_port}"
            yield self
            server.shutdown()


class SingleUse:
    """The adapter of that platform. What has nothing to do with sign-ins, it does as Bluesky's does."""

    def __init__(self) -> None:
        self.capabilities = replace(Bluesky.capabilities, name="Single Use", permissions=frozenset(), budgets=())
        self._client = new_client()
        self._texts = Bluesky()

    def close(self) -> None:
        self._client.close()
        self._texts._client.close()  # noqa: SLF001

    def __getattr__(self, name: str) -> Any:
        return getattr(self._texts, name)

    def refresh(self, access: Access, *, before_write=None) -> Granted:
        told = self._ask(access, "/token", {"refresh": access.secret["refresh"]}, before_write=before_write)
        secret = {**access.secret, "refresh": told["refresh"], "access": told["access"]}
        expires_at = datetime.now(UTC) + timedelta(hours=1)
        return Granted(access.service, access.target_id, secret, (), expires_at)

    def freeze(self, target_id: str, rendered: Json, **_: object) -> Frozen:
        return Frozen(None, {"text": rendered["text"]})

    def publish(self, access: Access, wire: Json, *, before_write) -> Receipt:
        told = self._ask(access, "/post", wire, changes_something=True, before_write=before_write)
        return Receipt(told["id"], f"{access.service}/{told['id']}")

    def read_back(self, access: Access, wire: Json, remote_id: str) -> ReadBack:
        return ReadBack("match")

    def check(self, access: Access) -> Checked:
        return Checked()

    def _ask(self, access: Access, path: str, body: Mapping[str, str], **rest: Any) -> Json:
        token = {name: access.secret[name] for name in ("family", "access")}
        asked = {**token, **body, "process": str(os.getpid())}
        request = self._client.build_request("POST", f"{access.service}{path}", json=asked)
        return call(self._client, request, REFUSALS, platform="Single Use", **rest)


# --- what runs as a process of its own ---


def start(what: str, orders: Mapping[str, Any], environment: Mapping[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.refreshing", what, json.dumps(orders)],
        cwd=ROOT,
        env={**environment, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _opened(most_connections: int) -> tuple[Database, Vault]:
    here = configured(settings.Settings.from_environment())
    return here.as_worker(most_connections=most_connections), here.vault()


def _fresh(database: Database, vault: Vault, account: str, connection: str) -> str:
    with worker_scope(database, UUID(account)) as scope:
        platform, grant = duties.sign_in_of(scope, UUID(connection))
    return grants.fresh(database, vault, platform, grant).access.secret["access"]


def _crowd(orders: Mapping[str, Any]) -> None:
    """Whenever a line says when, renew with many threads at that moment; answer with what each got."""
    database, vault = _opened(6)
    with ThreadPoolExecutor(orders["threads"]) as threads:

        def renew(at: float) -> str:
            time.sleep(max(0.0, at - time.time()))
            try:
                return _fresh(database, vault, orders["account"], orders["connection"])
            except failures.PlatformFailure as failure:
                return f"{failure.kind}: {failure}"

        print("ready", flush=True)
        for line in sys.stdin:
            print(json.dumps(list(threads.map(renew, [float(line)] * orders["threads"]))), flush=True)


def _crash(orders: Mapping[str, Any]) -> None:
    """Renew one sign-in after the other, each in a process that dies at its point."""
    grants.REFRESH_TAKES = TAKES
    for account, connection, point in orders["cases"]:
        child = os.fork()
        if child == 0:
            _prepare_to_die(point)
            database, vault = _opened(1)
            print(_fresh(database, vault, account, connection), flush=True)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(json.dumps([point, os.WIFSIGNALED(status) and os.WTERMSIG(status)]), flush=True)


def _die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _prepare_to_die(point: str) -> None:
    adapter = SingleUse()
    ADAPTERS["bluesky"] = adapter  # type: ignore[index]
    match point:
        case "before the turn":
            grants._take_turn = _die  # noqa: SLF001
        case "turn taken":
            _die_after("_take_turn")
        case "connected":
            renew = adapter.refresh
            adapter.refresh = lambda access, **_: renew(access, before_write=_die)  # type: ignore[method-assign]
        case "answered":
            grants._stored = _die  # noqa: SLF001
        case "storing":
            _die_before_commit()
        case "stored":
            _die_after("_stored")


def _die_after(name: str) -> None:
    does = getattr(grants, name)

    def then_die(*arguments: Any) -> None:
        does(*arguments)
        _die()

    setattr(grants, name, then_die)


def _die_before_commit() -> None:
    stored, scope = grants._stored, grants.worker_scope  # noqa: SLF001

    @contextmanager
    def uncommitted(*arguments: Any) -> Generator[Any]:
        with scope(*arguments) as opened:
            yield opened
            _die()

    def store(*arguments: Any) -> Any:
        grants.worker_scope = uncommitted  # type: ignore[assignment]
        return stored(*arguments)

    grants._stored = store  # noqa: SLF001


def main(what: str, orders: str) -> None:
    ADAPTERS["bluesky"] = SingleUse()  # type: ignore[index]
    {"crowd": _crowd, "crash": _crash}[what](json.loads(orders))


if __name__ == "__main__":
    main(*sys.argv[1:])
