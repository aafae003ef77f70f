"""What is not about one account alone: the token itself, health, flags, and what problems mean."""

import time
from datetime import datetime
from typing import Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field

from api.v1.call import Here, Seeing, Token, WhoCalls
from api.v1.problems import KINDS, Name
from api.v1.wire import Told
from socialcore import accounts, flags, workers
from socialcore.database import portfolio_scope
from socialcore.operators import Capability

router = APIRouter()


class Account(Told):
    id: UUID
    name: str
    time_zone: str


class TokenInfo(Told):
    """What the token of this call may do now."""

    name: str
    operator: str = Field(description="Whom it acts as")
    accounts: list[Account]
    capabilities: list[Capability]
    expires_at: datetime


class Worker(Told):
    no: int
    state: Literal["well", "silent"]
    concurrency: int
    beat_at: datetime


class Health(Told):
    status: Literal["ok", "no worker"] = Field(description="Without a worker, nothing goes out")
    database_ms: float
    workers: list[Worker]


class Flag(Told):
    name: str
    on: bool
    reason: flags.Reason = Field(description="In the words of OpenFeature")
    because: str = Field(examples=["it is on for this account"])


class ProblemKind(Told):
    """What a problem's `type` stands for."""

    name: Name
    status: int
    title: str
    next_step: str


@router.get("/token", operation_id="getToken", tags=["about"], dependencies=[Token])
def token(who: WhoCalls, here: Here) -> TokenInfo:
    """Say what the token of this call may do now: never more than its operator."""
    with portfolio_scope(here.database, who.operator.id) as scope:
        mine = [each for each in accounts.visible(scope) if each.id in who.account_ids]
    return TokenInfo(
        name=who.token_name,
        operator=who.operator.name,
        accounts=[Account.model_validate(each) for each in mine],
        capabilities=[each for each in Capability if who.operator.may(each)],
        expires_at=who.expires_at,
    )


@router.get("/health", operation_id="getHealth", tags=["about"], dependencies=[Token])
def health(who: WhoCalls, here: Here) -> Health:
    """Say whether the database answers, and whether a worker beats."""
    started = time.monotonic()
    with portfolio_scope(here.database, who.operator.id) as scope:
        present = workers.present(scope)
    took = round((time.monotonic() - started) * 1000, 1)
    well = any(each.state == "well" for each in present)
    seen = [Worker.model_validate(each) for each in present]
    return Health(status="ok" if well else "no worker", database_ms=took, workers=seen)


@router.get("/accounts/{account_id}/flags", operation_id="listFlags", tags=["flags"])  # noqa: FAST003 - the call has it
def of_account(call: Seeing) -> list[Flag]:
    """Say what is on for the account, and why."""
    with call.scope() as scope:
        features = flags.of_account(scope, call.account_id)
    found = {name: flags.evaluate(features, name, call.account_id) for name in sorted({*features, *flags.Flag})}
    return [Flag(name=name, on=it.on, reason=it.reason, because=it.because) for name, it in found.items()]


@router.get("/problems/{name}", operation_id="getProblem", tags=["about"])
def problem(name: Name) -> ProblemKind:
    """Say what a problem means, and what to do next."""
    kind = KINDS[name]
    return ProblemKind(name=name, status=kind.status, title=kind.title, next_step=kind.next_step)
