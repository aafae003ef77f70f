"""python -m tests.simulation 7: tell what happens in one seed, step by step."""

import sys

from tests.simulation.simulation import Simulation


def main(seed: int) -> None:
    simulation = Simulation(seed)
    try:
        simulation.run()
        ended = "every promise held"
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what one wants to read
        ended = f"{type(error).__name__}: {error}"
    print("\n".join(simulation.trace))
    for row in simulation.db.rows.values():
        steps = ", ".join(f"{at} {state}" for at, state in row.history)
        print(f"{row.id} on {simulation.platforms[row.lane].kind.name}: {steps}")
    print(f"seed {seed}: {ended}")


if __name__ == "__main__":
    main(int(sys.argv[1]))
