"""The reference: post and read back over plain httpx, remembering nothing. Run by `benchmarks.publish`."""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from uuid import uuid4

import httpx

from socialcore.adapters import atproto

COLLECTION = "app.bsky.feed.post"


def main() -> None:
    client = httpx.Client(limits=httpx.Limits(max_connections=100, max_keepalive_connections=100), timeout=20)
    print("ready", flush=True)
    given = json.loads(sys.stdin.readline())
    url, sessions = given["url"], given["sessions"]

    def publish(number: int) -> None:
        did, token = sessions[number % len(sessions)]
        now = datetime.now(UTC)
        key = atproto.record_key(now, uuid4())
        created_at = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        record = {"$type": COLLECTION, "text": f"Bare {number}", "createdAt": created_at}
        write = {"$type": "com.atproto.repo.applyWrites#create", "collection": COLLECTION, "rkey": key, "value": record}
        client.post(
            f"{url}/xrpc/com.atproto.repo.applyWrites",
            json={"repo": did, "writes": [write]},
            headers={"Authorization": f"Bearer {token}"},
        ).raise_for_status()
        there = {"repo": did, "collection": COLLECTION, "rkey": key}
        client.get(f"{url}/xrpc/com.atproto.repo.getRecord", params=there).raise_for_status().json()

    with ThreadPoolExecutor(given["concurrency"]) as executor:
        list(executor.map(publish, range(2 * given["concurrency"])))  # connections are open then
        started = time.time()
        list(executor.map(publish, range(given["posts"])))
        print(json.dumps([started, time.time()]))


if __name__ == "__main__":
    main()
