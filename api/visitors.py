"""Who is asking, by the cookies of a request: the same sign-in that the pages go by."""

import json
from collections.abc import Mapping
from typing import Any, cast

from streamlit.auth_util import get_cookie_with_chunks
from streamlit.web.server.server_util import AUTH_COOKIE_NAME
from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value

from socialcore import operators
from socialcore.database import Database
from socialcore.operators import Operator
from socialcore.settings import Settings

COOKIE = "composer_sign_in"


def operator(settings: Settings, database: Database, cookies: Mapping[str, str]) -> Operator | None:
    """Who is signed in, by our own record; None if nobody is, or not any more."""
    token = cookies.get(COOKIE) if settings.embedded else _providers_token(settings, cookies)
    if not token:
        return None
    return operators.signed_in(database, token, idle=settings.idle, longest=settings.longest_sign_in)


def _providers_token(settings: Settings, cookies: Mapping[str, str]) -> str | None:
    """Read the cookie that `st.login` has set, signed with our secret."""
    if settings.oidc is None:
        return None
    secret = settings.oidc.cookie_secret

    def part(name: str) -> bytes | None:
        signed = cookies.get(name)
        return decode_signed_value(secret, name, signed.encode("latin-1", "replace")) if signed else None

    try:
        vouched: object = json.loads(get_cookie_with_chunks(part, AUTH_COOKIE_NAME) or b"null")
    except ValueError:
        return None
    if not isinstance(vouched, dict) or not cast("dict[str, Any]", vouched).get("is_logged_in"):
        return None
    return operators.token_of(cast("dict[str, Any]", vouched))
