"""Where a browser comes back to from signing in at a platform."""

import html
import logging
import re
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode, urlsplit

import sqlalchemy.exc
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from api import visitors
from api.opened import Opened
from socialcore import departures, failures, openings
from socialcore.database import ContextRefused, NotYourAccount, account_scope, portfolio_scope
from socialcore.departures import NoWayBack, Returned
from socialcore.openings import NothingOpens, OtherIdentity
from socialcore.operators import Capability, NotAllowed, Operator
from socialcore.plans import NotInPlan
from socialcore.settings import Settings

log = logging.getLogger(__name__)

HOPPED = "hopped"  # we have sent the browser to our own address once already
LONGEST = 4000  # characters of one parameter; none that a platform sends comes near
WORDS = re.compile(r"[a-z_.]{1,60}")
DENIED = frozenset({"access_denied", "user_cancelled_login", "consent_required"})
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title} · Social Composer</title>
<body style="font: 16px/1.5 system-ui, sans-serif; max-width: 34rem; margin: 4rem auto; padding: 0 1rem">
<h1 style="font-size: 1.4rem">{title}</h1><p>{words}</p><p><a href="{link}">{where}</a></p></body></html>"""


def of(here: Opened) -> Sequence[BaseRoute]:
    return [Route(departures.ADDRESS, _callback(here), methods=["GET"])]


def _callback(here: Opened):  # noqa: ANN202 - an endpoint, as Starlette likes it
    def callback(request: Request) -> Response:
        """Take up the sign-in that this operator has begun, and lead back to the connections page."""
        brought = {name: value for name, value in request.query_params.items() if len(value) <= LONGEST}
        settings, database = here.settings, here.database
        try:
            operator = visitors.operator(settings, database, request.cookies)
            if operator is None:
                return _hop(settings, request) or _sign_in_first()
            operator.require(Capability.CONNECT)
            with portfolio_scope(database, operator.id) as scope:
                returned = departures.find(scope, brought.get("state", ""))
            return _take_up(here, operator, returned, brought)
        except NoWayBack as error:
            return _page("This sign-in leads nowhere", str(error))
        except (NotYourAccount, NotAllowed) as error:
            return _page("This is not for you to connect", f"{error} Nothing was stored.", status=403)
        except (sqlalchemy.exc.SQLAlchemyError, ContextRefused):
            log.exception("a sign-in by browser could not be taken up")
            words = "The database does not answer. Nothing was stored: begin the sign-in again in a moment."
            return _page("That did not work", words, status=503)

    return callback


def _take_up(here: Opened, operator: Operator, returned: Returned, brought: Mapping[str, str]) -> Response:
    database, vault = here.database, here.vault
    with account_scope(database, operator.id, returned.account_id) as scope:
        kept = departures.arrive(scope, vault, returned)
    grant_id, why = None, _refusal(brought)
    if why is None:
        try:
            granted = departures.connect(returned.platform, kept, brought)
            with account_scope(database, operator.id, returned.account_id) as scope:
                if returned.connection_id is not None:
                    grant_id = openings.renew(scope, vault, returned.connection_id, granted)
                else:
                    grant_id = openings.take_in(scope, vault, returned.platform, granted)
        except (failures.PlatformFailure, OtherIdentity, NothingOpens, NotInPlan) as failure:
            why = str(failure)
    with account_scope(database, operator.id, returned.account_id) as scope:
        departures.conclude(scope, returned.id, grant_id=grant_id, why=why)
    query = urlencode({"account": returned.account_id, "departure": returned.id})
    return RedirectResponse(f"/connections?{query}", status_code=303)


def _refusal(brought: Mapping[str, str]) -> str | None:
    """Why there is nothing to take up, in words; the platform's own only if they are harmless."""
    error = brought.get("error")
    if error in DENIED:
        return "Access was not allowed. To connect it, begin again and allow everything that is asked for."
    if error is not None:
        said = f" ({error})" if WORDS.fullmatch(error) else ""
        return f"The platform ended the sign-in{said}. Begin it again; if it ends like this again, ask an admin."
    if not brought.get("code"):
        return "The platform sent no code along. Begin the sign-in again."
    return None


def _hop(settings: Settings, request: Request) -> Response | None:
    """Send the browser to our own address, where its cookie is: some platforms insist on 127.0.0.1."""
    if request.url.netloc == urlsplit(settings.public_url).netloc or HOPPED in request.query_params:
        return None
    query = urlencode([*request.query_params.multi_items(), (HOPPED, "1")])
    return RedirectResponse(f"{settings.public_url}{departures.ADDRESS}?{query}", status_code=303)


def _sign_in_first() -> Response:
    words = "Your own sign-in here has ended, or belongs to another browser. Nothing was stored."
    return _page(
        "Sign in first", f"{words} Sign in, and begin connecting again.", status=401, link="/", where="Sign in"
    )


def _page(
    title: str, words: str, *, status: int = 400, link: str = "/connections", where: str = "To the connections"
) -> Response:
    page = PAGE.format(title=html.escape(title), words=html.escape(words), link=link, where=where)
    return HTMLResponse(page, status, headers={"Cache-Control": "no-store"})
