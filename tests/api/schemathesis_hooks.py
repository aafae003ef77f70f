"""What Schemathesis cannot make up: a server that may be asked, somebody it knows, and a connection that is there.

Runs in Schemathesis's own process. What is wrong about a request on purpose stays wrong.
"""

import base64
import os
from typing import Any
from uuid import UUID

import schemathesis

SERVICE, PASSWORD, CONNECTION = (os.environ[f"API_{name}"] for name in ("SERVICE", "PASSWORD", "CONNECTION"))
PICTURE = base64.b64decode(os.environ["API_PICTURE"])


@schemathesis.hook
def before_call(_context: Any, case: Any, _arguments: Any) -> None:
    body, operation = case.body, case.operation.definition.raw.get("operationId")
    if operation == "addMedia" and isinstance(body, bytes) and len(body) % 2 and case.media_type.startswith("image/"):
        case.body = PICTURE  # bytes that are made up are no picture
    if not isinstance(body, dict):
        return
    if operation == "connect" and isinstance(body.get("service", ""), str):
        _sign_in_at_our_server(body)
    if operation in ("createPost", "validatePost"):
        _post_to_our_connection(body)


def _sign_in_at_our_server(body: dict[str, Any]) -> None:
    """Never at another; every second one as somebody it knows."""
    if len(body.get("service", "")) <= 500:
        body["service"] = SERVICE
    identifier, password = body.get("identifier"), body.get("app_password")
    as_described = _is_text(identifier, 500) and _is_text(password, 200)
    if as_described and len(identifier) % 2:
        body |= {"identifier": "another.test", "app_password": PASSWORD}


def _post_to_our_connection(body: dict[str, Any]) -> None:
    """What could be some connection's id becomes ours; every second post goes out at once."""
    asked = body.get("connection_ids")
    if isinstance(asked, list) and 1 <= len(asked) <= 50 and all(map(_is_id, asked)) and len(set(asked)) == len(asked):
        body["connection_ids"] = [CONNECTION]
        if isinstance(body.get("due_at"), str) and isinstance(body.get("text"), str) and len(body["text"]) % 2 == 0:
            body["due_at"] = None


def _is_text(value: Any, most: int) -> bool:
    return isinstance(value, str) and 0 < len(value) <= most and "\0" not in value


def _is_id(value: object) -> bool:
    try:
        return isinstance(value, str) and str(UUID(value)) == value
    except ValueError:
        return False
