import base64
from datetime import timedelta
from pathlib import Path

import pytest

from socialcore.settings import VARIABLES, Bucket, Settings, SettingsError

KEY = base64.b64encode(bytes(range(32))).decode()
OIDC = {
    "OIDC_ISSUER": "https://id.example",
    "OIDC_CLIENT_ID": "composer",
    "OIDC_CLIENT_SECRET": "client-secret",
    "OIDC_REDIRECT_URI": "https://composer.example/oauth2callback",
    "OIDC_COOKIE_SECRET": "c" * 32,
}
PRODUCTION = {
    "DATABASE_URL": "postgresql://composer_app:hunter2@db/composer",
    "WORKER_DATABASE_URL": "postgres://composer_worker:hunter2@db/composer",
    "OWNER_DATABASE_URL": "postgresql+psycopg://composer_owner:hunter2@db/composer",
    "COMPOSER_CONTEXT_KEY": KEY,
    "COMPOSER_SEALING_KEYS": f"1:{KEY}",
    **OIDC,
}


def read(**environ):
    return Settings.from_environment({name: value for name, value in environ.items() if value is not None})


class TestAnEmptyEnvironment:
    def test_is_our_own_database_in_development(self):
        settings = read()
        assert (settings.embedded, settings.environment, settings.oidc) == (True, "development", None)

    def test_is_the_same_as_no_settings_at_all(self):
        assert read() == Settings()

    def test_counts_empty_values_as_none(self):
        settings = read(DATABASE_URL="", COMPOSER_CONTEXT_KEY="", COMPOSER_SEALING_KEYS="", OIDC_ISSUER="")
        assert settings == Settings()


class TestProduction:
    def test_is_where_a_database_is_named(self):
        settings = read(**PRODUCTION)

        assert (settings.embedded, settings.environment) == (False, "production")
        assert settings.database_url == "postgresql+psycopg://composer_app:hunter2@db/composer"
        assert settings.worker_database_url == "postgresql+psycopg://composer_worker:hunter2@db/composer"
        assert settings.owner_database_url == "postgresql+psycopg://composer_owner:hunter2@db/composer"
        assert settings.context_key == bytes(range(32))
        assert settings.sealing_keys == {1: bytes(range(32))}
        assert settings.oidc is not None
        settings.require(*VARIABLES)

    def test_can_be_called_something_else(self):
        assert read(**PRODUCTION, COMPOSER_ENVIRONMENT="staging").environment == "staging"

    def test_says_everything_that_is_missing_at_once(self):
        settings = read(DATABASE_URL="postgresql://db/composer")
        with pytest.raises(SettingsError) as error:
            settings.require(*VARIABLES)
        for name in {*PRODUCTION} - {"DATABASE_URL"}:
            assert name in str(error.value)
        assert "DATABASE_URL," not in str(error.value).split("WORKER", maxsplit=1)[0]

    def test_shows_no_secret_of_its_own(self):
        shown = repr(read(**PRODUCTION))
        for secret in ("hunter2", KEY, "client-secret", "c" * 32, repr(bytes(range(32)))):
            assert secret not in shown


class TestValues:
    def test_are_read(self, tmp_path):
        settings = read(
            COMPOSER_DATA=str(tmp_path),
            COMPOSER_PG_BIN="/usr/lib/postgresql/15/bin",
            COMPOSER_PORT="80",
            COMPOSER_SANDBOX_PORT="81",
            COMPOSER_CONCURRENCY="3",
            COMPOSER_UNDO_SECONDS="0",
            COMPOSER_SEALING_KEYS=f" 2:{KEY}, 10:{KEY},",
        )

        assert (settings.port, settings.sandbox_port, settings.concurrency) == (80, 81, 3)
        assert settings.undo == timedelta(0)
        assert settings.data_folder == tmp_path
        assert settings.pg_bin == Path("/usr/lib/postgresql/15/bin")
        assert set(settings.sealing_keys) == {2, 10}

    @pytest.mark.parametrize(
        ("name", "value", "says"),
        [
            ("COMPOSER_ENVIRONMENT", "prod", "one of development, staging, production"),
            ("DATABASE_URL", "mysql://db", "starts with postgresql://"),
            ("DATABASE_URL", "db.example", "starts with postgresql://"),
            ("WORKER_DATABASE_URL", "sqlite:///x", "starts with postgresql://"),
            ("COMPOSER_PORT", "http", "COMPOSER_PORT is a whole number"),
            ("COMPOSER_PORT", "-1", "COMPOSER_PORT is a whole number"),
            ("COMPOSER_UNDO_SECONDS", "1.5", "COMPOSER_UNDO_SECONDS is a whole number"),
            ("COMPOSER_CONTEXT_KEY", "short", "COMPOSER_CONTEXT_KEY holds keys of 32 bytes"),
            ("COMPOSER_CONTEXT_KEY", base64.b64encode(b"x" * 31).decode(), "32 bytes"),
            ("COMPOSER_CONTEXT_KEY", base64.b64encode(b"x" * 33).decode(), "32 bytes"),
            ("COMPOSER_SEALING_KEYS", KEY, "looks like 1:"),
            ("COMPOSER_SEALING_KEYS", f"one:{KEY}", "looks like 1:"),
            ("COMPOSER_SEALING_KEYS", "1:short", "COMPOSER_SEALING_KEYS holds keys of 32 bytes"),
            ("OIDC_ISSUER", "https://id.example", "OIDC_CLIENT_ID, OIDC_CLIENT_SECRET"),
        ],
    )
    def test_that_cannot_be_used_are_refused_in_words(self, name, value, says):
        with pytest.raises(SettingsError) as error:
            read(**{name: value})
        assert says in str(error.value)
        if "KEY" in name:
            assert value not in str(error.value).replace("1:<base64>", "")

    def test_of_a_cookie_secret_are_long_enough(self):
        with pytest.raises(SettingsError, match="32 characters"):
            read(**{**OIDC, "OIDC_COOKIE_SECRET": "c" * 31})


class TestMedia:
    def test_lie_in_the_database_unless_a_bucket_is_named(self):
        assert read().media_bucket is None
        assert read(COMPOSER_MEDIA_S3_BUCKET="media").media_bucket == Bucket(name="media")
        assert read(
            COMPOSER_MEDIA_S3_BUCKET="media",
            COMPOSER_MEDIA_S3_REGION="eu-central-1",
            COMPOSER_MEDIA_S3_ENDPOINT="http://127.0.0.1:9000",
        ).media_bucket == Bucket(name="media", region="eu-central-1", endpoint="http://127.0.0.1:9000")

    @pytest.mark.parametrize(
        "environ",
        [
            {"COMPOSER_MEDIA_S3_REGION": "eu-central-1"},
            {"COMPOSER_MEDIA_S3_BUCKET": "media", "COMPOSER_MEDIA_S3_ENDPOINT": "s3.example.com"},
        ],
    )
    def test_half_a_bucket_is_refused(self, environ):
        with pytest.raises(SettingsError, match="COMPOSER_MEDIA_S3_"):
            read(**environ)

    @pytest.mark.parametrize("url", ["https://composer.example", "https://composer.example/", "http://localhost:8501"])
    def test_are_public_where_somebody_says_so(self, url):
        assert read().public_media_url is None
        assert read(PUBLIC_MEDIA_URL=url).public_media_url == url.rstrip("/")

    @pytest.mark.parametrize(
        "url",
        [
            *(
                "http://composer.example",
                "composer.example",
                "ftp://composer.example",
                "https://",
                "https://us:x@here.example",
            ),
            *("https://composer.example/?a=b", "https://composer.example/#x"),
        ],
    )
    def test_are_not_public_at_an_address_that_platforms_cannot_use(self, url):
        with pytest.raises(SettingsError, match="PUBLIC_MEDIA_URL"):
            read(PUBLIC_MEDIA_URL=url)

    def test_are_public_in_production_by_https_only(self):
        with pytest.raises(SettingsError, match="https"):
            read(**PRODUCTION, PUBLIC_MEDIA_URL="http://localhost:8501")


class TestSealingKeysFile:
    def test_holds_the_ring_one_a_line(self, tmp_path: Path):
        ring = tmp_path / "keys"
        ring.write_text(f"1:{KEY}\n2:{KEY}\n")

        found = Settings.from_environment({"COMPOSER_SEALING_KEYS_FILE": str(ring)})

        assert sorted(found.sealing_keys) == [1, 2]

    def test_gives_way_to_the_variable_itself(self, tmp_path: Path):
        environ = {"COMPOSER_SEALING_KEYS_FILE": str(tmp_path / "none"), "COMPOSER_SEALING_KEYS": f"7:{KEY}"}
        assert list(Settings.from_environment(environ).sealing_keys) == [7]

    def test_that_cannot_be_read_is_named(self, tmp_path: Path):
        with pytest.raises(SettingsError, match=r"COMPOSER_SEALING_KEYS_FILE names .*none, which cannot be read"):
            Settings.from_environment({"COMPOSER_SEALING_KEYS_FILE": str(tmp_path / "none")})


class TestPublicUrl:
    def test_is_this_machine_unless_it_is_said(self):
        assert Settings.from_environment({"COMPOSER_PORT": "9000"}).public_url == "http://localhost:9000"
        assert Settings.from_environment({"PUBLIC_URL": "https://c.example/"}).public_url == "https://c.example"

    @pytest.mark.parametrize("url", ["composer.example", "ftp://c.example", "https://c.example/path", "https://?x"])
    def test_is_an_address_without_a_path(self, url: str):
        with pytest.raises(SettingsError, match=r"PUBLIC_URL looks like https://composer\.example"):
            Settings.from_environment({"PUBLIC_URL": url})


def test_checks_come_as_often_as_it_is_said():
    assert Settings.from_environment({}).check_every == timedelta(hours=6)
    assert Settings.from_environment({"COMPOSER_CHECK_HOURS": "1"}).check_every == timedelta(hours=1)
