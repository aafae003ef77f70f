"""Who the accounts are: handles, DIDs, and the documents that tie them to this server."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from socialcore.sandbox.bluesky.calls import Call
from socialcore.sandbox.bluesky.data import public_key_for
from socialcore.sandbox.bluesky.refusals import Refusal
from socialcore.sandbox.bluesky.state import Account, State
from socialcore.sandbox.bluesky.tokens import SERVER_DID


def document(account: Account, base: str) -> dict[str, Any]:
    """Write the DID document as a directory would give it, with this server as the account's home."""
    return {
        "@context": [
            "https://www.w3.org/ns/did/v1",
            "https://w3id.org/security/multikey/v1",
            "https://w3id.org/security/suites/secp256k1-2019/v1",
        ],
        "id": account.did,
        "alsoKnownAs": [f"at://{account.handle}"],
        "verificationMethod": [
            {
                "id": f"{account.did}#atproto",
                "type": "Multikey",
                "controller": account.did,
                "publicKeyMultibase": public_key_for(account.did),
            }
        ],
        "service": [_service(base)],
    }


def _service(base: str) -> dict[str, str]:
    return {"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": base}


def resolve_handle(state: State, call: Call) -> Mapping[str, Any]:
    account = state.account(call.parameters["handle"])
    if account is None:
        raise Refusal(400, "HandleNotFound", "Unable to resolve handle")
    return {"did": account.did}


def search_actors(state: State, call: Call) -> Mapping[str, Any]:
    """List the accounts whose handle begins so, as Bluesky's public view would; here nobody has another name."""
    begin = str(call.parameters.get("q", "")).lower()
    found = [each for each in state.accounts.values() if begin and each.handle.startswith(begin)]
    return {"actors": [{"did": each.did, "handle": each.handle} for each in found[: call.parameters.get("limit", 10)]]}


def directory(state: State, request: Request) -> Response:
    """Answer `/<did>` as the PLC directory does."""
    did = request.path_params["did"]
    account = state.accounts.get(did)
    if account is None:
        return JSONResponse({"message": f"DID not registered: {did}"}, 404)
    content = document(account, str(request.base_url).rstrip("/"))
    return JSONResponse(content, media_type="application/did+ld+json")


def own_document(request: Request) -> Response:
    base = str(request.base_url).rstrip("/")
    return JSONResponse(
        {"@context": ["https://www.w3.org/ns/did/v1"], "id": SERVER_DID, "service": [_service(base)]},
    )


def handle_proof(state: State, request: Request) -> Response:
    """Answer as the web host of a handle, told by the name the client called us."""
    account = state.account(request.url.hostname or "")
    if account is None:
        return PlainTextResponse("User not found", 404)
    return PlainTextResponse(account.did)
