"""python -m benchmarks: every benchmark, one table each."""

from benchmarks import publish, text, ui


def main() -> None:
    text.main()
    publish.main()
    ui.main()


if __name__ == "__main__":
    main()
