"""The OpenAPI document: what FastAPI derives from the routes, and what every route may answer besides."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.v1.problems import KINDS, MEDIA_TYPE, TYPES, Kind, Name, Problem

SAYS = """Publish on behalf of beta accounts, as the dashboard does.

Every call carries a token (`Authorization: Bearer sc_…`), which acts as an operator and for chosen accounts only.
Times are RFC 3339. Whatever goes wrong is told as `application/problem+json` (RFC 9457): 422 means that a request is
not as this document says, 409 that it is, and cannot be done as things are. `RateLimit` says how many calls are left.
"""
RATE_HEADERS = {
    "RateLimit-Policy": ("How many calls a token makes in how many seconds", '"token";q=120;w=60'),
    "RateLimit": ("How many are left, and for how many seconds", '"token";r=119;t=42'),
}
# Where a caller goes next: with which answer of which operation, to which others, by what of its body.
LINKS: Mapping[tuple[str, str], Mapping[str, Mapping[str, str]]] = {
    ("connect", "201"): {
        "getConnection": {"connection_id": "/id"},
        "checkConnection": {"connection_id": "/id"},
        "disconnect": {"connection_id": "/id"},
    },
    ("checkConnection", "202"): {"getConnection": {"connection_id": "/id"}},
    ("createPost", "201"): {
        "getPost": {"post_id": "/id"},
        "cancelPost": {"post_id": "/id"},
        "getDelivery": {"delivery_id": "/deliveries/0/id"},
    },
    ("addMedia", "201"): {"getMedia": {"media_id": "/id"}},
    ("listDeliveries", "200"): {"getDelivery": {"delivery_id": "/items/0/id"}},
}


def may_answer(*names: Name) -> dict[int | str, dict[str, Any]]:
    """For a route's `responses`: the problems of its own."""
    return {KINDS[name].status: {"description": _listed(names, KINDS[name].status)} for name in names}


def describe(app: FastAPI) -> Callable[[], dict[str, Any]]:
    """Make the document once."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = get_openapi(
                title=app.title,
                version=app.version,
                description=SAYS,
                routes=app.routes,
                servers=app.servers,
                separate_input_output_schemas=app.separate_input_output_schemas,
            )
            app.openapi_schema = _completed(made)
        return app.openapi_schema

    return document


def _completed(made: dict[str, Any]) -> dict[str, Any]:
    schemas: dict[str, Any] = made["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= problem.pop("$defs", {})
    schemas["Problem"] = problem
    made["components"]["headers"] = {
        name: {"description": says, "schema": {"type": "string"}, "example": example}
        for name, (says, example) in RATE_HEADERS.items()
    }
    for path, operations in made["paths"].items():
        for operation in operations.values():
            _complete(path, operation)
    return made


def _complete(path: str, operation: dict[str, Any]) -> None:
    responses: dict[str, Any] = operation["responses"]
    for name in _always(path, operation):
        kind = KINDS[name]
        known = responses.setdefault(str(kind.status), {"description": ""})
        if kind.title not in known["description"]:
            known["description"] = f"{known['description']}; {kind.title}".removeprefix("; ")
    for status, response in responses.items():
        if int(status) >= 400:
            response["content"] = _problem(int(status))
        response["headers"] = _headers(status, knows_caller="security" in operation)
        if links := LINKS.get((operation["operationId"], status)):
            response["links"] = {name: _link(name, by) for name, by in links.items()}
    operation["responses"] = dict(sorted(responses.items()))


def _link(operation_id: str, by: Mapping[str, str]) -> dict[str, Any]:
    found = {name: f"$response.body#{where}" for name, where in by.items()}
    return {"operationId": operation_id, "parameters": {"account_id": "$request.path.account_id", **found}}


def _headers(status: str, *, knows_caller: bool) -> dict[str, Any]:
    headers: dict[str, Any] = {name: {"$ref": f"#/components/headers/{name}"} for name in RATE_HEADERS if knows_caller}
    text = {"schema": {"type": "string"}, "required": True}
    match status:
        case "201" | "202":
            headers["Location"] = {"description": "Where it is to be found", **text}
        case "401":
            headers["WWW-Authenticate"] = {"description": "Which kind of token is wanted", **text}
        case "429" | "503":
            headers["Retry-After"] = {"description": "When to try again, in seconds", **text}
        case _:
            pass
    return headers


def _always(path: str, operation: Mapping[str, Any]) -> Iterator[Name]:
    """What a route may answer without saying so itself."""
    yield "our-fault"
    yield "too-large"
    if operation.get("security"):
        yield from ("no-token", "too-many-calls", "database-away")
    if "{account_id}" in path:
        yield from ("not-allowed", "not-found")
    if "requestBody" in operation:
        yield "malformed"
    if "422" in operation["responses"]:
        yield "not-as-described"


def _problem(status: int) -> dict[str, Any]:
    names: list[Name] = [name for name, kind in KINDS.items() if kind.status == status]
    schema = {"$ref": "#/components/schemas/Problem"}
    return {MEDIA_TYPE: {"schema": schema, "example": _example(names[0], KINDS[names[0]])}}


def _example(name: Name, kind: Kind) -> dict[str, Any]:
    shown = {"title": kind.title, "status": kind.status, "detail": f"{kind.title}.", "next_step": kind.next_step}
    return {"type": f"{TYPES}{name}", **shown}


def _listed(names: tuple[Name, ...], status: int) -> str:
    return "; ".join(KINDS[name].title for name in names if KINDS[name].status == status)
