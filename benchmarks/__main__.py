"""python -m benchmarks: every benchmark, one table each."""

from benchmarks import publish, text


def main() -> None:
    text.main()
    publish.main()


if __name__ == "__main__":
    main()
