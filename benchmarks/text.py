"""What counting and finding links costs at each pause in typing, next to merely segmenting the text."""

import timeit

import regex

from socialcore.text.bluesky import detect_facets, measure

TEXT = "Cardamom knots are back 🥨. Order at https://harborbakery.example/knots with @cedarandpine.test #cardamom " * 2


def main() -> None:
    graphemes = regex.compile(r"\X")
    reference = _milliseconds(lambda: graphemes.findall(TEXT))
    print(f"\ntext of {len(TEXT)} characters; the reference is regex's own \\X: {reference:.3f} ms")
    for name, work in (
        ("measure", lambda: measure(TEXT)),
        ("detect_facets", lambda: detect_facets(TEXT, lambda handle: f"did:example:{handle}")),
    ):
        took = _milliseconds(work)
        print(f"  {name:14} {took:.3f} ms   {took / reference:4.1f} × the reference")


def _milliseconds(work: object) -> float:
    timer = timeit.Timer(work)  # type: ignore[arg-type]
    return min(timer.repeat(5, 200)) / 200 * 1000
