"""A call of the API for one account: who acts, and how a route gets at the account."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Path, Request, Security
from fastapi.security import HTTPBearer

from api.opened import Opened
from socialcore import media, tokens
from socialcore.database import AccountScope, NotYourAccount
from socialcore.media import Library
from socialcore.operators import Capability
from socialcore.tokens import Caller

# The gate has read it already; this puts it into the document.
TOKEN = HTTPBearer(
    scheme_name="token",
    bearerFormat="sc_…",
    auto_error=False,
    description="A token from the page Tokens, or of `python -m socialcore tokens add`.",
)
Token = Security(TOKEN)
AccountId = Annotated[UUID, Path(description="One of the token's accounts: GET /token names them")]


def here(request: Request) -> Opened:
    return request.app.state.here


def caller(request: Request) -> Caller:
    return request.state.caller


Here = Annotated[Opened, Depends(here)]
WhoCalls = Annotated[Caller, Depends(caller)]


@dataclass(frozen=True, slots=True)
class Call:
    caller: Caller
    here: Opened
    account_id: UUID

    def scope(self) -> AbstractContextManager[AccountScope]:
        """Open the account; the database asks again whether the operator may act for it."""
        return tokens.scope_of(self.here.database, self.caller, self.account_id)

    def library(self) -> Library:
        """The account's pictures and videos."""
        return media.of_operator(self.here.database, self.caller.operator.id, self.account_id, self.here.store)


def _for(capability: Capability) -> Callable[..., Call]:
    def call(account_id: AccountId, who: WhoCalls, opened: Here, _: Annotated[object, Token]) -> Call:
        if account_id not in who.account_ids:
            raise NotYourAccount
        who.operator.require(capability)
        return Call(who, opened, account_id)

    return call


Seeing = Annotated[Call, Depends(_for(Capability.SEE))]
Publishing = Annotated[Call, Depends(_for(Capability.PUBLISH))]
Connecting = Annotated[Call, Depends(_for(Capability.CONNECT))]
