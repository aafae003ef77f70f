"""Tell what happens in one seed, or find every planted bug.

python -m tests.simulation 7                       one seed, step by step
python -m tests.simulation 7 --bug "no settle"     the same seed with a planted bug
python -m tests.simulation --table                 which seed finds which bug, as a Markdown table
"""

import argparse

from tests.simulation.bugs import COVERED, HARSHER, PAIRS, PLANTED, Bugs
from tests.simulation.hunt import Found, hunt
from tests.simulation.simulation import PRODUCT, Simulation

NAMED = {**PLANTED, **PAIRS, **COVERED, **HARSHER}


def tell(seed: int, bugs: Bugs) -> None:
    simulation = Simulation(seed, bugs)
    try:
        simulation.run()
        ended = "every promise held"
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what one wants to read
        ended = f"{type(error).__name__}: {error}"
    print("\n".join(simulation.trace))
    print()
    for row in simulation.db.deliveries.values():
        tried = ", ".join(each.outcome or "under way" for each in row.tries) or "never sent"
        public = sum(post.delivery_id == row.id for post in simulation.platforms[row.lane].posts)
        print(f"{row.id:<20} {row.state:<13} public: {public}   attempts: {tried}")
    print(f"\nseed {seed}: {ended}")


def table() -> None:
    print("| planted bug | seed | what it broke | seconds |\n|---|---|---|---|")
    for name, bugs in {**PLANTED, **PAIRS, **HARSHER}.items():
        found = hunt(bugs)
        print(f"| {name} {_row(found)} |")


def _row(found: Found | None) -> str:
    return f"| {found.seed} | {found.broken} | {found.seconds:.1f}" if found else "| none | |"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seed", nargs="?", type=int, default=0)
    parser.add_argument("--bug", choices=NAMED)
    parser.add_argument("--table", action="store_true")
    asked = parser.parse_args()
    if asked.table:
        table()
    else:
        tell(asked.seed, NAMED.get(asked.bug, PRODUCT))
