"""python -m tests.chaos --posts 10000: publish through chaos, and count at the platform what became of it."""

import argparse
import random
import signal
import sys

from tests.chaos.harness import chaos, naive_control

SECONDS = 60.0  # of chaos, for each thousand posts
MUST_DUPLICATE = 10  # of 400, or the harness could not tell


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--posts", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=random.randrange(10_000), help="of what is killed when")
    parser.add_argument("--seconds", type=float, help=f"how long chaos reigns (default: {SECONDS:.0f} for 1,000 posts)")
    parser.add_argument("--naive", action="store_true", help="the control: a worker that must send some twice")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # leaving no database behind
    seconds = options.seconds or SECONDS * options.posts / 1000
    if options.naive:
        verdict = naive_control(options.posts, seed=options.seed, seconds=seconds)
        return 0 if len(verdict.duplicated) >= MUST_DUPLICATE * options.posts / 400 else 1
    verdict = chaos(options.posts, seed=options.seed, seconds=seconds)
    print("\n".join(verdict.findings[:20]), file=sys.stderr)
    return 1 if verdict.findings else 0


if __name__ == "__main__":
    sys.exit(main())
