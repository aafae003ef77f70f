"""Nobody gets further through the API than their token: not to other accounts, not to other things, not later.

Every operation of the document is tried, so one that is added is tried too, or the tables here fail.
"""

import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest

from api import v1
from api.opened import Opened
from socialcore import flags, operators
from socialcore.operators import Capability
from socialcore.settings import Settings
from tests.api_client import ALL, Api, picture, token_for
from tests.conftest import Business

# What a token has to include for each operation; None: any good token will do.
NEEDS: dict[str, Capability | None] = {
    "listConnections": Capability.SEE,
    "getConnection": Capability.SEE,
    "connect": Capability.CONNECT,
    "checkConnection": Capability.CONNECT,
    "disconnect": Capability.CONNECT,
    "validatePost": Capability.PUBLISH,
    "createPost": Capability.PUBLISH,
    "listPosts": Capability.SEE,
    "getPost": Capability.SEE,
    "cancelPost": Capability.PUBLISH,
    "listDeliveries": Capability.SEE,
    "getDelivery": Capability.SEE,
    "addMedia": Capability.PUBLISH,
    "getMedia": Capability.SEE,
    "listFlags": Capability.SEE,
    "getToken": None,
    "getHealth": None,
}
FOR_STRANGERS = {"getProblem"}
PICTURE = picture()
DOCUMENT = v1.app_of(Opened(Settings())).openapi()
OPERATIONS = {
    operation["operationId"]: (method.upper(), path)
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
}
OF_AN_ACCOUNT = [name for name, (_, path) in OPERATIONS.items() if "{account_id}" in path]


@dataclass
class Shop:
    """A business with something of each kind that the API knows."""

    business: Business
    ids: dict[str, UUID | str]

    @property
    def account_id(self) -> UUID:
        return self.business.account_id


def shop(business: Business, superuser: psycopg.Connection) -> Shop:
    connection = business.connect(f"{uuid4().hex[:8]}.test")
    media_id = hashlib.sha256(connection.id.bytes).hexdigest()
    ids = {"connection_id": connection.id, "post_id": uuid4(), "delivery_id": uuid4(), "media_id": media_id}
    hashed = hashlib.sha256(b"x").digest()
    superuser.execute(
        "insert into posts (account_id, id, submit_token, author_id, content, content_hash)"
        ' values (%s, %s, %s, %s, \'{"text": "ours"}\', %s)',
        (business.account_id, ids["post_id"], uuid4(), business.operator_id, hashed),
    )
    superuser.execute(
        "insert into deliveries (account_id, id, post_id, connection_id, priority, due_at, expires_at, next_at,"
        " rendered, text_hash) values (%s, %s, %s, %s, 0, now() + interval '1 day', now() + interval '2 days',"
        " now() + interval '1 day', '{\"text\": \"ours\"}', %s)",
        (business.account_id, ids["delivery_id"], ids["post_id"], connection.id, hashed),
    )
    superuser.execute(
        "insert into media (account_id, id, media_type, size, width, height, stored_by)"
        " values (%s, %s, 'image/png', 1, 1, 1, %s)",
        (business.account_id, media_id, business.operator_id),
    )
    return Shop(business, ids)


@pytest.fixture
def mine(bakery: Business, superuser: psycopg.Connection) -> Shop:
    return shop(bakery, superuser)


@pytest.fixture
def other(florist: Business, superuser: psycopg.Connection) -> Shop:
    return shop(florist, superuser)


def ask(
    client: httpx.Client, token: str | None, operation: str, account_id: UUID, ids: Mapping[str, object], **headers: str
) -> httpx.Response:
    """Ask as it should be asked, were it allowed."""
    method, path = OPERATIONS[operation]
    post = {"text": "Sourdough", "connection_ids": [str(ids["connection_id"])], "due_at": "2027-11-01T09:00:00Z"}
    nobody = {"identifier": "a.test", "app_password": "secret-pass-word", "service": "http://127.0.0.1:9"}
    bodies = {"createPost": post, "validatePost": post, "connect": {"platform": "bluesky", **nobody}}
    given = {"Authorization": f"Bearer {token}"} if token is not None else {}
    if operation == "addMedia":
        body = {"content": PICTURE}
        given["Content-Type"] = "image/png"
    else:
        body = {"json": bodies.get(operation)}
    return client.request(
        method,
        f"/api/v1{path}".format(account_id=account_id, name="not-found", **ids),
        headers={**given, "Idempotency-Key": uuid4().hex, **headers},
        **body,
    )


def traces(superuser: psycopg.Connection, account_id: UUID) -> dict[str, str]:
    """A hash of each table's rows of an account, which changes with every write to them."""
    tables = superuser.execute(
        "select relname from pg_class c join pg_attribute a on attrelid = c.oid and attname = 'account_id'"
        " where relnamespace = 'composer'::regnamespace and relkind = 'r' and not attisdropped"
    ).fetchall()
    return {
        table: superuser.execute(
            f"select md5(coalesce(string_agg(t.xmin::text || t::text, '' order by t::text), '')) from {table} t"
            " where account_id = %s",
            (account_id,),
        ).fetchall()[0][0]
        for (table,) in tables
    }


def is_problem(answer: httpx.Response, status: int, name: str) -> bool:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.json()["type"] == f"/api/v1/problems/{name}"


def test_every_operation_is_known_here():
    assert set(OPERATIONS) == set(NEEDS) | FOR_STRANGERS


class TestAnotherAccount:
    @pytest.mark.parametrize("operation", OF_AN_ACCOUNT)
    def test_is_nowhere(
        self, operation: str, mine: Shop, other: Shop, client: httpx.Client, superuser: psycopg.Connection
    ):
        before = traces(superuser, other.account_id)

        answer = ask(client, token_for(mine.business), operation, other.account_id, other.ids)
        nowhere = ask(client, token_for(mine.business), operation, uuid4(), other.ids)

        assert is_problem(answer, 404, "not-found")
        assert answer.json() == nowhere.json()
        assert traces(superuser, other.account_id) == before

    @pytest.mark.parametrize(
        "operation",
        [each for each in OF_AN_ACCOUNT if "_id}" in OPERATIONS[each][1].partition("{account_id}")[2]]
        + ["createPost", "validatePost"],
    )
    def test_lends_nothing_to_mine(
        self, operation: str, mine: Shop, other: Shop, client: httpx.Client, superuser: psycopg.Connection
    ):
        before = traces(superuser, other.account_id), traces(superuser, mine.account_id)

        answer = ask(client, token_for(mine.business), operation, mine.account_id, other.ids)

        in_body = operation in ("createPost", "validatePost")
        assert is_problem(answer, *((409, "no-such-connection") if in_body else (404, "not-found")))
        assert (traces(superuser, other.account_id), traces(superuser, mine.account_id)) == before

    @pytest.mark.parametrize("operation", OF_AN_ACCOUNT)
    def test_is_nowhere_for_a_token_that_was_not_made_for_it(
        self, operation: str, mine: Shop, other: Shop, client: httpx.Client, superuser: psycopg.Connection
    ):
        """Its operator acts for every account, and the token for one."""
        superuser.execute("update operators set every_account = true where id = %s", (mine.business.operator_id,))
        before = traces(superuser, other.account_id)

        answer = ask(client, token_for(mine.business), operation, other.account_id, other.ids)

        assert is_problem(answer, 404, "not-found")
        assert traces(superuser, other.account_id) == before

    def test_is_not_in_any_list(self, mine: Shop, other: Shop, calling: Callable[..., Api]):
        api = calling(mine.business)
        told = "".join(api.get(path).text for path in ("/connections", "/posts", "/deliveries", "/api/v1/token"))

        assert str(mine.account_id) in told
        for secret in (other.account_id, *other.ids.values()):
            assert str(secret) not in told


class TestCapabilities:
    @pytest.mark.parametrize("capability", ALL)
    @pytest.mark.parametrize("operation", OF_AN_ACCOUNT)
    def test_are_asked_for(
        self,
        operation: str,
        capability: Capability,
        mine: Shop,
        client: httpx.Client,
        superuser: psycopg.Connection,
    ):
        before = traces(superuser, mine.account_id)

        answer = ask(client, token_for(mine.business, capabilities=[capability]), operation, mine.account_id, mine.ids)

        if NEEDS[operation] is capability:
            assert answer.status_code not in (401, 403, 404, 422), answer.text
        else:
            assert is_problem(answer, 403, "not-allowed")
            assert str(NEEDS[operation]) in answer.json()["detail"]
            assert traces(superuser, mine.account_id) == before

    def test_end_with_the_operators_own(self, mine: Shop, api: Api, superuser: psycopg.Connection):
        assert api.post(f"/posts/{mine.ids['post_id']}/cancel").status_code == 200

        superuser.execute("update operators set roles = '{product_owner}' where id = %s", (mine.business.operator_id,))

        refused = api.post(f"/posts/{mine.ids['post_id']}/cancel")
        assert is_problem(refused, 403, "not-allowed")
        assert api.get("/posts").status_code == 200
        assert api.get("/api/v1/token").json()["capabilities"] == ["see"]


class TestBadTokens:
    @pytest.fixture
    def expired(self, mine: Shop, superuser: psycopg.Connection) -> str:
        made = token_for(mine.business)
        superuser.execute(
            "update api_tokens set created_at = now() - interval '2 days', expires_at = now() - interval '1 second'"
            " where operator_id = %s",
            (mine.business.operator_id,),
        )
        return made

    @pytest.fixture
    def revoked(self, mine: Shop, superuser: psycopg.Connection) -> str:
        made = token_for(mine.business)
        superuser.execute(
            "update api_tokens set revoked_at = now() where operator_id = %s", (mine.business.operator_id,)
        )
        return made

    @pytest.fixture
    def of_somebody_gone(self, other: Shop, superuser: psycopg.Connection) -> str:
        made = token_for(other.business)
        superuser.execute("update operators set active = false where id = %s", (other.business.operator_id,))
        return made

    @pytest.mark.parametrize("operation", NEEDS)
    def test_are_refused_alike(
        self,
        operation: str,
        mine: Shop,
        client: httpx.Client,
        expired: str,
        revoked: str,
        of_somebody_gone: str,
        superuser: psycopg.Connection,
    ):
        good = token_for(mine.business)
        bad = (expired, revoked, of_somebody_gone, f"sc_{'x' * 43}", "x", f"{good}x", good[:-1], good.upper())
        before = traces(superuser, mine.account_id)

        answers = [ask(client, each, operation, mine.account_id, mine.ids) for each in bad]

        assert all(is_problem(each, 401, "no-token") for each in answers)
        assert len({each.text for each in answers}) == 1
        assert {each.headers["www-authenticate"] for each in answers} == {
            'Bearer realm="Social Composer", error="invalid_token"'
        }
        assert traces(superuser, mine.account_id) == before

    @pytest.mark.parametrize("operation", NEEDS)
    def test_none_is_none(self, operation: str, mine: Shop, client: httpx.Client):
        good = token_for(mine.business)
        for headers in ({}, {"Authorization": f"Basic {good}"}, {"Authorization": good}, {"X-Api-Key": good}):
            answer = ask(client, None, operation, mine.account_id, mine.ids, **headers)
            assert is_problem(answer, 401, "no-token")
            assert answer.headers["www-authenticate"] == 'Bearer realm="Social Composer"'

    def test_two_are_none(self, mine: Shop, client: httpx.Client):
        good = f"Bearer {token_for(mine.business)}"
        answer = client.get("/api/v1/token", headers=[("Authorization", good), ("Authorization", good)])
        assert is_problem(answer, 401, "no-token")

    def test_a_cookie_is_none(self, mine: Shop, client: httpx.Client, app: Any):
        """So no page elsewhere can have a visitor's browser call it."""
        token = uuid4().hex
        subject = operators_subject(mine.business)
        assert operators.start_sign_in(app, token, issuer="tests", subject=subject, verified_email=None)

        cookie = f"composer_sign_in={token}; _streamlit_user={token}"
        answer = client.get("/api/v1/token", headers={"Cookie": cookie, "Origin": "https://elsewhere.example"})

        assert is_problem(answer, 401, "no-token")
        assert not [name for name in answer.headers if name.startswith("access-control")]

    def test_a_lost_membership_counts_at_once(
        self, mine: Shop, other: Shop, client: httpx.Client, superuser: psycopg.Connection
    ):
        superuser.execute(
            "insert into memberships (operator_id, account_id) values (%s, %s)",
            (mine.business.operator_id, other.account_id),
        )
        token = token_for(mine.business, accounts=[mine.account_id, other.account_id])
        assert ask(client, token, "listPosts", other.account_id, other.ids).status_code == 200

        superuser.execute(
            "delete from memberships where operator_id = %s and account_id = %s",
            (mine.business.operator_id, other.account_id),
        )

        before = traces(superuser, other.account_id)
        for operation in OF_AN_ACCOUNT:
            assert is_problem(ask(client, token, operation, other.account_id, other.ids), 404, "not-found")
        assert traces(superuser, other.account_id) == before
        assert ask(client, token, "listPosts", mine.account_id, mine.ids).status_code == 200
        named = client.get("/api/v1/token", headers={"Authorization": f"Bearer {token}"}).json()["accounts"]
        assert [each["id"] for each in named] == [str(mine.account_id)]


def operators_subject(business: Business) -> str:
    with business.installation.administration() as scope:
        return scope.run("select subject from operators where id = :id", {"id": business.operator_id}).scalar_one()


class TestSecrets:
    @pytest.fixture
    def heard(self, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Callable[[], str]:
        """Everything that was logged or printed."""
        caplog.set_level(logging.DEBUG)

        def everything() -> str:
            out, err = capfd.readouterr()
            return f"{caplog.text}\n{out}\n{err}"

        return everything

    def test_are_in_no_log_and_no_answer(
        self,
        mine: Shop,
        client: httpx.Client,
        heard: Callable[[], str],
        monkeypatch: pytest.MonkeyPatch,
    ):
        token, bad = token_for(mine.business), f"sc_{'b' * 43}"
        secret = "correct-horse-battery"
        path = f"/api/v1/accounts/{mine.account_id}"
        sign_in = {"platform": "bluesky", "identifier": "a.test", "service": "http://127.0.0.1:9"}
        with_token = {"Authorization": f"Bearer {token}"}
        monkeypatch.setattr(flags, "of_account", fail_with("the oven is cold"))

        answers = [
            client.get(f"{path}/flags", headers=with_token),
            client.get(f"{path}/posts", headers={"Authorization": f"Bearer {bad}"}),
            client.get(f"{path}/posts?cursor=nonsense", headers=with_token),
            client.post(f"{path}/connections", headers=with_token, json={**sign_in, "app_password": secret}),
            client.post(f"{path}/connections", headers=with_token, json={**sign_in, "app_password": [secret]}),
            client.post(f"{path}/connections", headers=with_token, json={**sign_in, "app_password": secret * 99}),
            client.post(f"{path}/connections", headers=with_token, content=f'{{"app_password": "{secret}"'),
        ]

        assert [each.status_code for each in answers] == [500, 401, 422, 503, 422, 422, 422]
        told = "".join(f"{each.text}{each.headers}" for each in answers)
        log = heard()
        for hidden in (token, bad, secret, hashlib.sha256(token.encode()).hexdigest()):
            assert hidden not in told
            assert hidden not in log
        assert "the oven is cold" not in told
        assert "the oven is cold" in log
        assert answers[0].json()["instance"] in log


def fail_with(words: str) -> Callable[..., Any]:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError(words)

    return fail
