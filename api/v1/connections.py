"""The account's ways to its platforms: connect, look, check, disconnect."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Response
from pydantic import Field, SecretStr

from api.v1.call import Call, Connecting, Seeing
from api.v1.document import may_answer
from api.v1.wire import Asked, Told, Words, found
from socialcore import connections, openings
from socialcore.connections import State
from socialcore.posts import Platform

router = APIRouter(prefix="/accounts/{account_id}/connections", tags=["connections"])
ConnectionId = Annotated[UUID, Path()]


class SignIn(Asked):
    """A sign-in at Bluesky, or at another server that speaks its protocol."""

    platform: Literal["bluesky"]
    identifier: Words = Field(min_length=1, max_length=500, examples=["harborbakery.bsky.social"])
    app_password: SecretStr = Field(
        min_length=1,
        max_length=200,
        description="Made for us in Bluesky's settings; never the account's main password",
        examples=["abcd-efgh-ijkl-mnop"],
    )
    service: Words = Field(
        default="", max_length=500, description="The account's server; Bluesky's own if left out",
        examples=["https://bsky.social"],
    )  # fmt: skip


class Connection(Told):
    id: UUID
    platform: Platform
    name: str
    detail: str = Field(description="What tells it from another of the same name")
    service: str
    state: State = Field(description="As last measured; never better than that")
    connected_at: datetime
    expires_at: datetime | None = Field(description="Of the access; it is renewed in time")
    ends_at: datetime | None = Field(description="When only signing in again helps, if the platform says so")
    missing: list[str] = Field(description="Permissions that we need and were not given, in the platform's words")
    checking: bool = Field(description="A worker has been asked to check it, and has not yet")
    checked_at: datetime | None
    check_failure: str | None
    reconnect_because: str | None = Field(description="Why only signing in again helps")
    limited_until: datetime | None


@router.get("", operation_id="listConnections")
def all_of_them(call: Seeing) -> list[Connection]:
    """List what is connected."""
    with call.scope() as scope:
        return [_told(each) for each in connections.of_account(scope) if each.is_usable]


@router.post(
    "", operation_id="connect", status_code=201, responses=may_answer("sign-in-refused", "not-in-plan", "platform-away")
)
def connect(call: Connecting, asked: SignIn, response: Response) -> Connection:
    """Sign in at a platform, and keep the sign-in, sealed. Connecting what is connected renews it.

    The one call of this API that waits for a platform's sign-in; nothing of the secret ever comes back.
    """
    with call.scope() as scope:
        openings.insist_on_plan(scope, asked.platform)
    answer = {
        "service": asked.service,
        "identifier": asked.identifier,
        "app_password": asked.app_password.get_secret_value(),
    }
    granted = connections.sign_in(asked.platform, answer)
    with call.scope() as scope:
        made = connections.connect(scope, call.here.vault, asked.platform, granted, granted.targets[0].id)
        connection = _told(found(connections.connection(scope, made), "connection"))
    response.headers["Location"] = _address(call, connection.id)
    return connection


@router.get("/{connection_id}", operation_id="getConnection")
def one(call: Seeing, connection_id: ConnectionId) -> Connection:
    """Say what is known of a connection."""
    with call.scope() as scope:
        return _told(_usable(connections.connection(scope, connection_id)))


@router.post("/{connection_id}/check", operation_id="checkConnection", status_code=202)
def check(call: Connecting, connection_id: ConnectionId, response: Response) -> Connection:
    """Have a worker make a real call with the sign-in. Poll `Location` until `checking` is false."""
    with call.scope() as scope:
        _usable(connections.connection(scope, connection_id))
        connections.ask(scope, "check", connection_id)
        connection = _told(found(connections.connection(scope, connection_id), "connection"))
    response.headers["Location"] = _address(call, connection_id)
    return connection


@router.delete("/{connection_id}", operation_id="disconnect", status_code=204)
def disconnect(call: Connecting, connection_id: ConnectionId) -> None:
    """Stop using a connection, and give its sign-in back. Its posts stay; what waits on it is held."""
    with call.scope() as scope:
        _usable(connections.connection(scope, connection_id))
        connections.disconnect(scope, connection_id, why=f"asked for through the API ({call.caller.token_name})")


def _usable(connection: connections.Connection | None) -> connections.Connection:
    return found(connection if connection and connection.is_usable else None, "connection")


def _told(connection: connections.Connection) -> Connection:
    return Connection.model_validate(connection)


def _address(call: Call, connection_id: UUID) -> str:
    return f"/api/v1/accounts/{call.account_id}/connections/{connection_id}"
