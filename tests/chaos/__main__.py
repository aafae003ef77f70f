"""python -m tests.chaos --posts 10000: publish through chaos, and count at the platform what became of it."""

import argparse
import sys
import uuid

from tests.chaos.harness import chaos


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--posts", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=uuid.uuid4().int % 10_000)
    parser.add_argument("--seconds", type=float, help="how long chaos reigns (default: 60 for each 1,000 posts)")
    parser.add_argument("--naive", action="store_true", help="the control: a worker that must fail")
    options = parser.parse_args()
    seconds = options.seconds or 60 * max(1, options.posts / 1000)
    verdict = chaos(options.posts, options.seed, seconds)
    print("\n".join(verdict.findings[:20]), file=sys.stderr)
    return 1 if verdict.findings else 0


if __name__ == "__main__":
    sys.exit(main())
