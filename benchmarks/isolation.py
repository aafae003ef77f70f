"""What a hanging platform costs another: Google's waits while Bluesky takes every call and answers none.

Both halves are of the same run, on the same machine, one after the other.
"""

import time
from uuid import uuid4

import httpx

from benchmarks.stage import Lane, Stage
from socialcore import connections
from socialcore.adapters.apps import sandbox_app
from socialcore.adapters.google_business import GoogleBusiness
from socialcore.database import account_scope, portfolio_scope

LOCATIONS, POSTS, EVERY = 100, 120, 0.25  # four a second, which Google's quota allows
HANGING = 60  # of Bluesky's connections, with a post each
OWNER = "owner@harbor-bakery.example"
CALLBACK = "http://localhost:8501/oauth/callback"


def isolation(stage: Stage, concurrency: int) -> None:
    lanes = shops(stage)
    alone = waits(stage, lanes, concurrency)
    httpx.post(f"{stage.sandbox_url}/control/faults", json={"kind": "delay", "seconds": 3600}).raise_for_status()
    for lane in stage.lanes[:HANGING]:
        stage.submit(lane, f"Hangs {uuid4()}")
    beside = waits(stage, lanes, concurrency)
    httpx.delete(f"{stage.sandbox_url}/control/faults")
    alone_p95, beside_p95 = (each[int(len(each) * 0.95)] * 1000 for each in (alone, beside))
    print(
        f"  Google, submit to answer at {1 / EVERY:.0f} a second: p95 {alone_p95:.0f} ms;"
        f" while Bluesky hangs {beside_p95:.0f} ms; ratio {beside_p95 / alone_p95:.2f}",
        flush=True,
    )


def shops(stage: Stage) -> list[Lane]:
    """Connect a hundred locations with one sign-in at Google's double."""
    platform = "google_business"
    adapter = GoogleBusiness(sandbox_app(platform, stage.sandbox_url))
    places = [
        {"title": f"Harbor Bakery {n}", "street": f"{n} Quay Street", "city": "Portland", "region": "ME"}
        for n in range(1, LOCATIONS + 1)
    ]
    wanted = {"email": OWNER, "review_seconds": 0, "accounts": [{"name": "Harbor Bakery", "locations": places}]}
    _control(stage, f"{platform}/accounts", wanted)
    departure = adapter.depart({}, redirect_uri=CALLBACK, state="benchmark")
    back = _control(stage, f"{platform}/consent", {"url": departure.url, "account": OWNER})["redirect"]
    granted = adapter.connect({**departure.keep, **dict(httpx.URL(back).params)})
    account_id = stage.lanes[0].account_id
    with account_scope(stage.app, stage.operator_id, account_id) as scope:
        for target in granted.targets:
            connections.connect(scope, stage.here.vault(), platform, granted, target.id)
        made = [each for each in connections.of_account(scope) if each.platform == platform]
    return [Lane(account_id, each, each.target_id, "") for each in made]


def waits(stage: Stage, lanes: list[Lane], concurrency: int) -> list[float]:
    """From submit to Google's answer, in seconds, the shortest first."""
    with stage.workers(1, concurrency):
        time.sleep(3)
        ids = []
        for n in range(POSTS):
            ids.append(stage.submit(lanes[n % LOCATIONS], f"Bread {uuid4()}"))
            time.sleep(EVERY)
        while True:
            with portfolio_scope(stage.app, stage.operator_id) as scope:
                found = scope.run(
                    "select extract(epoch from a.ended_at - p.submitted_at)::float8 from deliveries d"
                    " join posts p on p.account_id = d.account_id and p.id = d.post_id"
                    " join attempts a on a.account_id = d.account_id and a.delivery_id = d.id and a.n = 1"
                    " where d.id = any(:ids) and a.outcome = 'accepted'",
                    {"ids": ids},
                )
                seconds = sorted(found.scalars())
            if len(seconds) == POSTS:
                return seconds
            time.sleep(0.5)


def _control(stage: Stage, path: str, wanted: object) -> dict[str, str]:
    answer = httpx.post(f"{stage.sandbox_url}/control/{path}", json=wanted, timeout=30)
    answer.raise_for_status()
    return answer.json()
