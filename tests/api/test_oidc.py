"""A configured dashboard, where people sign in at a provider: what it insists on, whom it lets in, and for how long."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import psycopg
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from socialcore import accounts, operators
from socialcore.installation import Installation
from tests import oidc_provider
from tests.browser.browsing import launch, settled
from tests.dashboard import Dashboard, free_port, prepared
from tests.oidc_provider import CLIENT, CLIENT_SECRET, Provider

NAMES = ("OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET", "OIDC_REDIRECT_URI", "OIDC_COOKIE_SECRET")


def environment(migrated: Installation) -> dict[str, str]:
    keys = {no: base64.b64encode(key).decode() for no, key in migrated.sealing_keys.items()}
    return {
        "COMPOSER_ENVIRONMENT": "development",  # so that the cookie travels over plain http
        "DATABASE_URL": migrated.app_url,
        "COMPOSER_CONTEXT_KEY": base64.b64encode(migrated.context_key).decode(),
        "COMPOSER_SEALING_KEYS": ",".join(f"{no}:{key}" for no, key in keys.items()),
    }


def oidc(issuer: str, port: int) -> dict[str, str]:
    redirect = f"http://localhost:{port}/oauth2callback"
    return dict(zip(NAMES, (issuer, CLIENT, CLIENT_SECRET, redirect, "c" * 40), strict=True))


class TestWillNotServe:
    """A dashboard that anybody could open is worse than none."""

    def refuses(self, extra: dict[str, str], *says: str) -> None:
        with prepared(**extra) as configured:
            configured.start()
            assert configured.wait() == 1
            assert "Social Composer does not start" in configured.log
            assert "Traceback" not in configured.log
            for each in says:
                assert each in configured.log
            for secret in (extra["DATABASE_URL"], "c" * 31, *extra["COMPOSER_SEALING_KEYS"].split(":")[1:]):
                assert secret not in configured.log

    def test_without_a_provider(self, migrated: Installation):
        self.refuses(environment(migrated), *NAMES)

    @pytest.mark.parametrize("missing", NAMES)
    def test_with_half_of_one(self, migrated: Installation, missing: str):
        given = oidc("http://127.0.0.1:9", 1)
        self.refuses(environment(migrated) | {**given, missing: ""}, f"Signing in also needs {missing}")

    def test_with_a_short_secret(self, migrated: Installation):
        given = oidc("http://127.0.0.1:9", 1) | {"OIDC_COOKIE_SECRET": "c" * 31}
        self.refuses(environment(migrated) | given, "OIDC_COOKIE_SECRET needs at least 32 characters")

    @pytest.mark.parametrize("missing", ["COMPOSER_CONTEXT_KEY", "COMPOSER_SEALING_KEYS"])
    def test_without_a_key(self, migrated: Installation, missing: str):
        given = environment(migrated) | oidc("http://127.0.0.1:9", 1)
        with prepared(**{**given, missing: ""}) as configured:
            configured.start()
            assert configured.wait() == 1
            assert f"Set {missing}" in configured.log


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with oidc_provider.running() as running:
        yield running


@pytest.fixture(scope="module")
def configured(migrated: Installation, provider: Provider) -> Iterator[Dashboard]:
    port = free_port()
    with prepared(**environment(migrated), **oidc(provider.address, port)) as dashboard:
        dashboard.port = port
        dashboard.start()
        dashboard.answers("/healthz")
        yield dashboard


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture
def invited(migrated: Installation) -> str:
    """The address of somebody who was invited and has never been here."""
    email = f"{uuid4().hex[:8]}@composer.example"
    with migrated.administration() as scope:
        account = accounts.add(scope, f"Business of {email}", time_zone="UTC")
        operators.add(scope, "Invited", email, ["publisher"], accounts=[account.id])
    return email


@contextmanager
def window(browser: Browser, configured: Dashboard, cookies: list[dict] | None = None) -> Iterator[Page]:
    expect.set_options(timeout=20_000)
    context = browser.new_context()
    if cookies:
        context.add_cookies(cookies)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(configured.address)
    settled(page)
    yield page
    context.close()


def sign_in(page: Page) -> None:
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    settled(page)


def sees_nothing(page: Page) -> None:
    expect(page.get_by_role("heading", name="Social Composer")).to_be_visible()
    settled(page)
    expect(page.get_by_role("heading")).to_have_count(1)
    expect(page.get_by_role("link", name="Compose", exact=True)).to_have_count(0)


@pytest.mark.browser
class TestSigningIn:
    def test_binds_the_invited_by_their_verified_address(
        self, browser: Browser, configured: Dashboard, provider: Provider, invited: str, superuser: psycopg.Connection
    ):
        subject = uuid4().hex
        provider.next_is(subject, invited.upper())
        with window(browser, configured) as page:
            sees_nothing(page)
            sign_in(page)
            expect(page.get_by_role("heading", name="Overview")).to_be_visible()
            page.reload()
            expect(page.get_by_role("heading", name="Overview")).to_be_visible()

        bound = superuser.execute("select issuer, subject from operators where email = %s", (invited,)).fetchone()
        assert bound == (provider.address, subject)

    def test_knows_them_afterwards_whatever_their_address_becomes(
        self, browser: Browser, configured: Dashboard, provider: Provider, invited: str
    ):
        subject = uuid4().hex
        for email in (invited, "another@composer.example"):
            provider.next_is(subject, email)
            with window(browser, configured) as page:
                sign_in(page)
                expect(page.get_by_role("heading", name="Overview")).to_be_visible()

    def test_tells_the_unknown_so_and_shows_nothing_else(
        self, browser: Browser, configured: Dashboard, provider: Provider
    ):
        provider.next_is(uuid4().hex, "stranger@elsewhere.example")
        with window(browser, configured) as page:
            sign_in(page)
            sees_nothing(page)
            expect(page.get_by_text("ask an admin to invite stranger@elsewhere.example")).to_be_visible()
            page.goto(f"{configured.address}/compose")
            sees_nothing(page)

    def test_binds_nobody_by_an_address_that_nobody_verified(
        self, browser: Browser, configured: Dashboard, provider: Provider, invited: str, superuser: psycopg.Connection
    ):
        provider.next_is(uuid4().hex, invited, verified=False)
        with window(browser, configured) as page:
            sign_in(page)
            sees_nothing(page)

        assert superuser.execute("select issuer from operators where email = %s", (invited,)).fetchone() == (None,)

    def test_never_gives_one_persons_place_to_another_with_their_address(
        self, browser: Browser, configured: Dashboard, provider: Provider, invited: str
    ):
        for subject, is_them in ((uuid4().hex, True), (uuid4().hex, False)):
            provider.next_is(subject, invited)
            with window(browser, configured) as page:
                sign_in(page)
                if is_them:
                    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
                else:
                    sees_nothing(page)

    def test_ends_with_signing_out_for_every_copy_of_the_cookie(
        self, browser: Browser, configured: Dashboard, provider: Provider, invited: str
    ):
        provider.next_is(uuid4().hex, invited)
        with window(browser, configured) as page:
            sign_in(page)
            copied = page.context.cookies()
            with window(browser, configured, copied) as copy:
                expect(copy.get_by_role("heading", name="Overview")).to_be_visible()
            before = provider.sign_outs

            page.get_by_role("button", name="Sign out").click()

            expect(page.get_by_role("button", name="Sign in")).to_be_visible()
            sees_nothing(page)
            assert provider.sign_outs == before + 1
        with window(browser, configured, copied) as copy:
            sees_nothing(copy)

    def test_ends_when_our_record_of_it_ends(
        self, browser: Browser, configured: Dashboard, provider: Provider, invited: str, superuser: psycopg.Connection
    ):
        provider.next_is(uuid4().hex, invited)
        with window(browser, configured) as page:
            sign_in(page)
            expect(page.get_by_role("heading", name="Overview")).to_be_visible()
            superuser.execute(
                "update sign_ins set ended_at = now() from operators o where o.id = operator_id and o.email = %s",
                (invited,),
            )
            page.reload()
            sees_nothing(page)
            expect(page.get_by_text("Your sign-in has ended")).to_be_visible()

            page.get_by_role("button", name="Sign out").click()
            expect(page.get_by_role("button", name="Sign in")).to_be_visible()
            sign_in(page)
            expect(page.get_by_role("heading", name="Overview")).to_be_visible()
