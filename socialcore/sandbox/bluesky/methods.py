"""The methods this server has: who may call each, and what it costs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from socialcore.sandbox.bluesky import identity, reads, sessions, video, writes
from socialcore.sandbox.bluesky.calls import Call
from socialcore.sandbox.bluesky.limits import (
    NEW_ACCOUNTS,
    SIGN_INS,
    SIGN_INS_DAILY,
    UPLOADS,
    WRITES,
    WRITES_DAILY,
)
from socialcore.sandbox.bluesky.state import State
from socialcore.sandbox.bluesky.tokens import ACCESS_SCOPES, FULL_SCOPE, REFRESH_SCOPE
from socialcore.sandbox.limits import Claim

NOBODY: frozenset[str] = frozenset()
OWNER = frozenset({FULL_SCOPE})
REFRESHER = frozenset({REFRESH_SCOPE})


@dataclass(frozen=True, slots=True)
class Method:
    """One method.

    Attributes:
        scopes: what the token must allow; empty if none is needed.
        vouched: the method that a token of another server must be for; empty if none will do.
        changes_repo: whether a deactivated account may not.
        costs: the limits it counts against besides the one for all calls.
    """

    run: Callable[[State, Call], Any]
    scopes: frozenset[str] = NOBODY
    vouched: str = ""
    changes_repo: bool = False
    costs: Callable[[str, str, Mapping[str, Any]], list[Claim]] = lambda _who, _address, _body: []


def _writing(price: Callable[[Mapping[str, Any]], int]) -> Callable[[str, str, Mapping[str, Any]], list[Claim]]:
    def costs(who: str, _address: str, body: Mapping[str, Any]) -> list[Claim]:
        return [(limit, who, price(body)) for limit in (WRITES, WRITES_DAILY)]

    return costs


def _signing_in(_who: str, address: str, body: Mapping[str, Any]) -> list[Claim]:
    return [(limit, f"{body['identifier']}-{address}", 1) for limit in (SIGN_INS, SIGN_INS_DAILY)]


METHODS: Mapping[str, Method] = {
    "com.atproto.server.describeServer": Method(sessions.describe_server),
    "com.atproto.server.createAccount": Method(
        sessions.create_account, costs=lambda _who, address, _body: [(NEW_ACCOUNTS, address, 1)]
    ),
    "com.atproto.server.createSession": Method(sessions.create_session, costs=_signing_in),
    "com.atproto.server.refreshSession": Method(sessions.refresh_session, REFRESHER),
    "com.atproto.server.getSession": Method(sessions.get_session, ACCESS_SCOPES),
    "com.atproto.server.deleteSession": Method(sessions.delete_session, REFRESHER),
    "com.atproto.server.createAppPassword": Method(sessions.create_app_password, OWNER),
    "com.atproto.server.listAppPasswords": Method(sessions.list_app_passwords, OWNER),
    "com.atproto.server.revokeAppPassword": Method(sessions.revoke_app_password, OWNER),
    "com.atproto.server.getServiceAuth": Method(sessions.get_service_auth, ACCESS_SCOPES),
    "com.atproto.identity.resolveHandle": Method(identity.resolve_handle),
    # Bluesky's public view answers this; here it is the same server.
    "app.bsky.actor.searchActorsTypeahead": Method(identity.search_actors),
    "com.atproto.repo.createRecord": Method(
        writes.create_record, ACCESS_SCOPES, changes_repo=True, costs=_writing(lambda _body: 3)
    ),
    "com.atproto.repo.putRecord": Method(
        writes.put_record, ACCESS_SCOPES, changes_repo=True, costs=_writing(lambda _body: 2)
    ),
    "com.atproto.repo.deleteRecord": Method(
        writes.delete_record, ACCESS_SCOPES, changes_repo=True, costs=_writing(lambda _body: 1)
    ),
    "com.atproto.repo.applyWrites": Method(
        writes.apply_writes, ACCESS_SCOPES, changes_repo=True, costs=_writing(writes.points)
    ),
    "com.atproto.repo.uploadBlob": Method(
        reads.upload_blob, ACCESS_SCOPES, changes_repo=True, costs=lambda who, _address, _body: [(UPLOADS, who, 1)]
    ),
    "com.atproto.repo.getRecord": Method(reads.get_record),
    "com.atproto.repo.listRecords": Method(reads.list_records),
    "com.atproto.repo.describeRepo": Method(reads.describe_repo),
    "com.atproto.sync.getBlob": Method(reads.get_blob),
    # Bluesky has a server of its own for these; here it is the same one.
    "app.bsky.video.getUploadLimits": Method(video.get_upload_limits, vouched="app.bsky.video.getUploadLimits"),
    "app.bsky.video.uploadVideo": Method(video.upload_video, vouched="com.atproto.repo.uploadBlob", changes_repo=True),
    "app.bsky.video.getJobStatus": Method(video.get_job_status),
}
