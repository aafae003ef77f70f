"""docs/platforms.md: what each platform allows and how we keep to it, written from the adapters' capabilities."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path

from socialcore.adapters import ADAPTERS
from socialcore.adapters.contract import Adapter, Budget, Capabilities, PictureLimits, Source, VideoLimits
from socialcore.posts import Platform

PLACE = Path(__file__).resolve().parents[2] / "docs" / "platforms.md"
HEAD = """# What the platforms allow, and how we keep to it

Written from the capabilities of the adapters by `make docs`; a test holds the two together. Each line says where the
rule is written down and when we last read it there.
"""
PER = {"connection": "one connection", "grant": "one sign-in", "platform": "all of us together"}
SIGN_IN = {"password": "a password made for us", "browser": "the platform's own page"}
THREADS = {
    "together": "in one call, all or nothing",
    "chain": "part by part, each after the one before; what is public stays, and the rest goes on from there",
    None: "not taken; a problem says so before anything is sent",
}


def document(adapters: Mapping[Platform, Adapter] = ADAPTERS) -> str:
    sections = ("\n".join(_section(each.capabilities)) for each in adapters.values())
    return "\n".join([HEAD, *sections])


def _section(can: Capabilities) -> Iterator[str]:
    yield f"## {can.name}\n"
    yield from _table(("rule", "limit", "how we keep to it", "source"), _limits(can))
    yield f"\nSource of the calls: {can.source}\n"
    if can.permissions:
        yield f"Permissions a sign-in needs: {', '.join(f'`{each}`' for each in sorted(can.permissions))}\n"


def _limits(can: Capabilities) -> Iterator[tuple[str, str, str, str]]:
    for limit in can.text_limits:
        kept = "counted while it is written; more is refused before anything is sent"
        yield "text", f"{limit.most:,} {limit.unit.value}", kept, _source(limit.source)
    if can.pictures:
        yield from _pictures(can.pictures, by_url=can.takes_pictures_by_url)
    if can.video:
        yield from _video(can.video)
    yield "threads", "", THREADS[can.threads], ""
    for budget in can.budgets:
        kept = "every attempt pays from a budget that all workers share; what is over waits"
        yield "posts", _budget(budget), kept, _source(budget.source)
    yield "signing in", " or ".join(SIGN_IN[each] for each in can.sign_in), "", ""
    yield "after no answer", *_doubt(can), ""
    yield "taking down", "possible" if can.can_delete else "not possible", "", ""
    edited = "its words, after it was published" if can.can_edit else "not possible"
    yield "editing", edited, can.why_not_edited or "read back before it is called edited", ""
    for rule in can.rules:
        yield rule.says, "", rule.kept, _source(rule.source)


def _pictures(limits: PictureLimits, *, by_url: bool) -> Iterator[tuple[str, str, str, str]]:
    source = _source(limits.source)
    least = f"{limits.least_bytes:,} to " if limits.least_bytes else "up to "
    kinds = ", ".join(each.removeprefix("image/") for each in limits.media_types)
    yield "pictures", f"{limits.most} of {least}{limits.most_bytes:,} bytes; {kinds}", "re-encoded to fit", source
    sides = f"up to {limits.longest_side:,} pixels" + (
        f", the shorter side from {limits.shortest_side:,}" if limits.shortest_side > 1 else ""
    )
    yield "size of a picture", sides, "made smaller; one that is too small is refused", source
    if limits.most_alt:
        yield "description of a picture", f"{limits.most_alt:,} characters", "asked for; more is refused", source
    if by_url:
        yield (
            "pictures",
            "fetched by the platform",
            "from a signed address that ends; without PUBLIC_MEDIA_URL none",
            source,
        )


def _video(limits: VideoLimits) -> Iterator[tuple[str, str, str, str]]:
    kinds = ", ".join(each.removeprefix("video/") for each in limits.media_types)
    most = f"1 of up to {limits.most_bytes:,} bytes and {_span(limits.longest)}; {kinds}"
    yield "video", most, "read before it is sent; more is refused", _source(limits.source)


def _budget(budget: Budget) -> str:
    return f"{budget.most:,} in {_span(budget.within)} from {PER[budget.per]}"


def _doubt(can: Capabilities) -> tuple[str, str]:
    looks = "one look that finds nothing" if can.misses == 1 else f"{can.misses} looks that find nothing"
    if not can.settle:
        return "absence proves at once", f"{looks}, then again"
    return f"absence proves nothing for {_span(can.settle)}", f"{looks} after that, then again"


def _span(time: timedelta) -> str:
    seconds = int(time.total_seconds())
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds // size} {unit}{'' if seconds == size else 's'}"
    return f"{seconds} seconds"


def _source(source: Source | None) -> str:
    return f"{source.document}, read {source.as_of.isoformat()}" if source else ""


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |"


if __name__ == "__main__":
    PLACE.write_text(document(), "utf-8")
    sys.exit(0)
