"""Signing in with a handle and an app password."""

from collections.abc import Mapping

from socialcore import failures
from socialcore.adapters import atproto
from socialcore.adapters.bluesky.refusals import NAME, REFRESH_REFUSALS, REFUSALS, SIGN_IN_REFUSALS
from socialcore.adapters.bluesky.servers import JUNK, service_url
from socialcore.adapters.bluesky.signing import Bearer
from socialcore.adapters.bluesky.xrpc import Calls
from socialcore.adapters.contract import Access, BeforeWrite, Granted, Json, Target


class Passwords:
    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def connect(self, answer: Mapping[str, str]) -> Granted:
        """Sign in with `service` (a URL), `identifier` (handle, DID or e-mail) and `app_password`."""
        service = service_url(answer.get("service", ""))
        identifier = JUNK.sub("", answer.get("identifier", "")).removeprefix("@")
        password = JUNK.sub("", answer.get("app_password", ""))  # an app password has no spaces
        if not identifier or not password:
            raise failures.ReconnectNeeded("Type the handle and an app password.")
        self._insist_on_a_server(service)
        return self._sign_in(service, identifier, password)

    def refresh(self, access: Access, before_write: BeforeWrite | None) -> Granted:
        try:
            session = self._calls.post(
                access.service,
                "com.atproto.server.refreshSession",
                None,
                Bearer(access.secret["refresh"]),
                REFRESH_REFUSALS,
                before_write=before_write,
            )
        except (failures.ReconnectNeeded, failures.ContentRejected) as refused:
            # The pair was lost or revoked; the app password, if it still stands, opens a new one.
            try:
                return self._sign_in(access.service, access.target_id, access.secret["app_password"])
            except (failures.ReconnectNeeded, failures.ContentRejected):
                # What became of the account, only the first answer tells; an app password is then just wrong.
                raise failures.ReconnectNeeded(str(refused)) from None
        return _granted(access.service, session, access.secret["app_password"])

    def revoke(self, access: Access) -> None:
        try:
            self._calls.post(
                access.service,
                "com.atproto.server.deleteSession",
                None,
                Bearer(access.secret["refresh"]),
                REFRESH_REFUSALS,
                answers=False,
            )
        except failures.ReconnectNeeded:
            return  # already gone

    def _insist_on_a_server(self, service: str) -> None:
        try:
            described = self._calls.get(service, "com.atproto.server.describeServer")
        except failures.RateLimited:
            raise
        except (failures.Unavailable, failures.OutcomeUnknown) as failure:
            raise failures.Unavailable(
                f"{service} does not answer as a Bluesky server. Check the address; nothing was stored."
            ) from failure
        except failures.PlatformFailure as failure:
            raise failures.ContentRejected(
                f"{service} is no Bluesky server. Most accounts live at https://bsky.social; nothing was stored."
            ) from failure
        if not isinstance(described.get("did"), str):
            raise failures.ContentRejected(f"{service} is no Bluesky server. Check the address; nothing was stored.")

    def _sign_in(self, service: str, identifier: str, password: str) -> Granted:
        login = {"identifier": identifier, "password": password}
        session = self._calls.post(
            service,
            "com.atproto.server.createSession",
            login,
            refusals=SIGN_IN_REFUSALS,
            secrets=[password],
        )
        if session.get("active") is False:
            raise failures.ReconnectNeeded(REFUSALS.says["AccountDeactivated"])
        granted = _granted(service, session, password)
        if not atproto.is_app_password_session(granted.secret["access"]):
            raise failures.ReconnectNeeded(
                f"This is the account's main password. Make an app password in {NAME}'s settings and use that."
            )
        return granted


def _granted(service: str, session: Json, password: str) -> Granted:
    match session:
        case {"did": str(did), "handle": str(handle), "accessJwt": str(access), "refreshJwt": str(refresh)} if (
            atproto.can_be_token(access) and atproto.can_be_token(refresh)
        ):
            secret = {"access": access, "refresh": refresh, "app_password": password}
            home = _home(service, session.get("didDoc"))
            return Granted(home, did, secret, (Target(did, handle),), atproto.expiry(access))
        case _:
            raise failures.Unavailable(f"{service} answered without a sign-in. Nothing was stored.")


def _home(service: str, document: object) -> str:
    """The server to talk to from now on: as safe as the one that was typed, or that one itself."""
    try:
        home = service_url(atproto.personal_server(document) or service)
    except failures.ContentRejected:
        return service
    return service if home.startswith("http://") and service.startswith("https://") else home
