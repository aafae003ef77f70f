"""The methods that change a repository; each call is one commit, or nothing.

Source: packages/pds/src/api/com/atproto/repo and src/repo/prepare.ts of bluesky-social/atproto.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from socialcore.sandbox.bluesky import checks
from socialcore.sandbox.bluesky.calls import Call
from socialcore.sandbox.bluesky.data import cid_of_record
from socialcore.sandbox.bluesky.refusals import Refusal, broken, invalid
from socialcore.sandbox.bluesky.state import Record, Repo, State

Answer = Mapping[str, Any]
MAX_WRITES = 200


@dataclass(frozen=True, slots=True)
class Write:
    action: str
    collection: str
    key: str
    checked: checks.Checked | None = None  # a deletion has none

    @property
    def cid(self) -> str | None:
        return self.checked and self.checked.cid


def create_record(state: State, call: Call) -> Answer:
    did = _own_repo(state, call)
    body = call.body
    write = _prepared(state, call, "create", body["collection"], body.get("rkey"), body["record"])
    commit = _commit(state, call, did, [write])
    return {**_result(did, write), "commit": commit}


def put_record(state: State, call: Call) -> Answer:
    did = _own_repo(state, call)
    collection, key = call.body["collection"], call.body["rkey"]
    current = state.repos[did].records.get((collection, key))
    action = "update" if current else "create"
    write = _prepared(state, call, action, collection, key, call.body["record"])
    if current and current.cid == write.cid:
        return _result(did, write)  # before any swap is compared: putting the same again always works
    _insist_on_swap(call, current)
    commit = _commit(state, call, did, [write])
    return {**_result(did, write), "commit": commit}


def delete_record(state: State, call: Call) -> Answer:
    did = _own_repo(state, call)
    collection, key = call.body["collection"], call.body["rkey"]
    current = state.repos[did].records.get((collection, key))
    if current is None:
        return {}
    _insist_on_swap(call, current)
    return {"commit": _commit(state, call, did, [Write("delete", collection, key)])}


def apply_writes(state: State, call: Call) -> Answer:
    did = _own_repo(state, call)
    if len(call.body["writes"]) > MAX_WRITES:
        raise invalid(f"Too many writes. Max: {MAX_WRITES}")
    writes = [_asked(state, call, each) for each in call.body["writes"]]
    commit = _commit(state, call, did, writes)
    results: list[Answer] = []
    for write in writes:
        result = _result(did, write) if write.checked else {}
        results.append({**result, "$type": f"com.atproto.repo.applyWrites#{write.action}Result"})
    return {"commit": commit, "results": results}


def points(body: Mapping[str, Any]) -> int:
    """Count what the writes of an `applyWrites` cost."""
    prices = {"create": 3, "update": 2, "delete": 1}
    return sum(prices[_action(each)] for each in body["writes"])


def _action(asked: Mapping[str, Any]) -> str:
    return asked["$type"].rpartition("#")[2]


def _asked(state: State, call: Call, asked: Mapping[str, Any]) -> Write:
    action, collection = _action(asked), asked["collection"]
    if action == "delete":
        return Write(action, collection, asked["rkey"])
    return _prepared(state, call, action, collection, asked.get("rkey"), asked["value"])


def _own_repo(state: State, call: Call) -> str:
    account = state.account(call.body["repo"])
    if account is None:
        raise invalid(f"Could not find repo: {call.body['repo']}")
    if account.did != call.caller.did:
        raise Refusal(401, "AuthenticationRequired", "Authentication Required")
    return account.did


def _prepared(
    state: State, call: Call, action: str, collection: str, key: str | None, value: Mapping[str, Any]
) -> Write:
    checked = checks.record(collection, value, validate=call.body.get("validate"), oddities=call.oddities)
    key = key or state.tid(call.now)
    checks.key(collection, key)
    return Write(action, collection, key, checked)


def _insist_on_swap(call: Call, current: Record | None) -> None:
    """Compare what the client believes is there with what is; null stands for nothing."""
    was = current.cid if current else None
    if "swapRecord" in call.body and call.body["swapRecord"] != was:
        raise Refusal(400, "InvalidSwap", f"Record was at {was or 'null'}")


def _commit(state: State, call: Call, did: str, writes: Sequence[Write]) -> Answer:
    repo = state.repos[did]
    if (swap := call.body.get("swapCommit")) is not None and swap != repo.head:
        raise Refusal(400, "InvalidSwap", f"Commit was at {repo.head or 'null'}")
    _insist_on_room(repo, writes, call.oddities)
    written = {_uri(did, write): write.checked.cid for write in writes if write.checked}
    posts = {_uri(did, write): write.checked.value for write in writes if write.checked}
    for write in writes:
        if write.checked:
            checks.blobs(repo, write.checked.value, call.oddities)
            checks.answered(state, write.checked.value, written, call.oddities)
            checks.quoted(state, write.checked.value, written, call.oddities)
            call.oddities += checks.gate(state, did, write.collection, write.key, write.checked.value, posts)
    rev = state.tid(call.now)
    steps = [_step(write) for write in writes]
    # The server signs a tree of all records; here the address of the step and the one before does as well.
    cid = cid_of_record({"did": did, "rev": rev, "prev": repo.head, "writes": steps})
    state.happen(
        {"type": "commit", "did": did, "cid": cid, "rev": rev, "at": call.now.isoformat(), "writes": steps},
    )
    return {"cid": cid, "rev": rev}


def _insist_on_room(repo: Repo, writes: Sequence[Write], oddities: list[str]) -> None:
    """Refuse to create what is there or to change what is not, within one call too.

    The reference server does not expect either, and breaks.
    """
    there = {place: record.cid for place, record in repo.records.items()} if len(writes) > 1 else None
    for write in writes:
        place = (write.collection, write.key)
        if there is None:
            record = repo.records.get(place)
            current = record.cid if record else None
        else:
            current = there.get(place)
        if (write.action == "create") != (current is None):
            if write.action == "create" and current != write.cid:
                oddities.append(f"created {'/'.join(place)} again with other content")
            raise broken()
        if there is not None:
            there |= {place: write.checked.cid} if write.checked else {}
            if write.checked is None:
                del there[place]


def _step(write: Write) -> dict[str, Any]:
    step: dict[str, Any] = {"action": write.action, "collection": write.collection, "key": write.key}
    return {**step, "cid": write.checked.cid, "value": write.checked.value} if write.checked else step


def _uri(did: str, write: Write) -> str:
    return f"at://{did}/{write.collection}/{write.key}"


def _result(did: str, write: Write) -> dict[str, Any]:
    result: dict[str, Any] = {"uri": _uri(did, write), "cid": write.cid}
    status = write.checked and write.checked.status
    return {**result, "validationStatus": status} if status else result
