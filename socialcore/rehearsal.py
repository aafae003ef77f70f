"""Rehearsing failures: the sandbox's controls, for whoever wants to see a fault before it happens for real."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import httpx

TIMEOUT = 5  # seconds; it is on this machine


class SandboxAway(Exception):
    """The sandbox does not answer; says so in words."""


class Refused(Exception):
    """The sandbox makes no sense of what was asked; says why in words."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that can go wrong at one platform."""

    kind: str
    says: str
    parameters: Sequence[str]  # numbers it can be given, such as seconds
    is_worded: bool  # wants the platform's own word for the error, too


@dataclass(frozen=True, slots=True)
class Double:
    """One platform's double."""

    name: str
    title: str
    faults: Sequence[Fault]


@dataclass(frozen=True, slots=True)
class InForce:
    """A fault that is switched on."""

    id: int
    platform: str
    kind: str
    account: str | None
    times: int | None  # None: until it is switched off
    fired: int
    error: str | None


@dataclass(frozen=True, slots=True)
class Complaint:
    """What one of our requests did wrong, though the platform may have let it pass."""

    platform: str
    method: str
    about: str
    at: str


def doubles(url: str) -> list[Double]:
    return [
        Double(each["name"], each["title"], [Fault(**fault) for fault in each["faults"]])
        for each in _call(url, "GET", "platforms")
    ]


def in_force(url: str) -> list[InForce]:
    return [
        InForce(**{name: each[name] for name in InForce.__dataclass_fields__}) for each in _call(url, "GET", "faults")
    ]


def complaints(url: str) -> list[Complaint]:
    return [
        Complaint(**{name: each[name] for name in Complaint.__dataclass_fields__})
        for each in _call(url, "GET", "complaints")
    ]


def switch_on(url: str, platform: str, kind: str, **wishes: Any) -> None:
    """Have something go wrong from now on.

    Args:
        wishes: `times`, `account`, `seconds` and the like; what is None is left out.
    """
    given = {name: value for name, value in wishes.items() if value is not None}
    _call(url, "POST", "faults", {"platform": platform, "kind": kind, **given})


def switch_off(url: str, fault_id: int | None = None) -> None:
    """Switch one fault off, or all."""
    _call(url, "DELETE", "faults" if fault_id is None else f"faults?id={fault_id}")


def _call(url: str, verb: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
    try:
        answer = httpx.request(verb, f"{url}/control/{path}", json=body, timeout=TIMEOUT, trust_env=False)
    except httpx.TransportError as error:
        raise SandboxAway("The sandbox does not answer. It starts again by itself; try again in a moment.") from error
    if answer.status_code != 200:
        said = cast("dict[str, str]", answer.json()) if "json" in answer.headers.get("content-type", "") else {}
        raise Refused(f"The sandbox refused this: {said.get('error', answer.status_code)}.")
    return answer.json()
