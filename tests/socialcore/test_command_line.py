"""`python -m socialcore` as an administrator types it."""

import base64
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from socialcore.installation import Installation
from tests.conftest import Business

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def name() -> str:
    return f"Harbor Bakery {uuid4().hex[:8]}"


class TestAccounts:
    def test_one_that_was_added_is_listed(self, run: Run, name: str):
        added = run("accounts", "add", name, "--time-zone", "Europe/Berlin", "--plan", "premium")
        assert added.returncode == 0, added.stderr

        listed = run("accounts", "list").stdout
        assert f"{added.stdout.split()[0]}  {name}  (Europe/Berlin, premium)" in listed.splitlines()

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            (["--time-zone", "Europe/Nowhere"], "time zone"),
            ([], "--time-zone"),
            (["--time-zone", "UTC", "--plan", "gold"], "there are basic, premium"),
        ],
    )
    def test_one_that_cannot_be_is_refused_in_words(self, run: Run, name: str, arguments: list[str], says: str):
        refused = run("accounts", "add", name, *arguments)

        assert refused.returncode == 2
        assert says in refused.stderr
        assert "Traceback" not in refused.stderr
        assert name not in run("accounts", "list").stdout


class TestOperators:
    def test_one_who_was_invited_is_listed(self, run: Run, name: str):
        email = f"{uuid4().hex[:8]}@composer.example"
        run("accounts", "add", name, "--time-zone", "UTC")

        invited = run("operators", "add", "Press office", "--email", email, "--role", "publisher", "--account", name)

        assert invited.returncode == 0, invited.stderr
        listed = run("operators", "list").stdout
        assert f"{invited.stdout.split()[0]}  Press office <{email}>  publisher; chosen accounts" in listed.splitlines()

    def test_one_for_an_account_that_is_not_there_is_refused(self, run: Run, name: str):
        email = f"{uuid4().hex[:8]}@composer.example"

        refused = run("operators", "add", "Press office", "--email", email, "--role", "publisher", "--account", name)

        assert (refused.returncode, refused.stderr) == (2, f"No such account: {name}.\n")
        assert email not in run("operators", "list").stdout


class TestTheRest:
    def test_migrating_what_is_up_to_date_does_nothing(self, run: Run):
        assert run("migrate").stdout == "nothing to do\n"

    def test_check_names_what_is_missing(self, run: Run):
        checked = run("check")

        lines = checked.stdout.splitlines()
        assert "ok    the database answers" in lines
        assert any(line.startswith("FAIL") for line in lines) == (checked.returncode == 1)
        assert "Traceback" not in checked.stderr

    @pytest.mark.parametrize("command", [["accounts", "list"], ["operators", "list"], ["migrate"]])
    def test_a_database_that_is_away_is_said_in_words_without_the_password(self, run: Run, command: list[str]):
        away = run(*command, OWNER_DATABASE_URL="postgresql://composer_owner:sekret@127.0.0.1:1/composer")

        assert away.returncode == 2
        assert away.stderr.startswith("The database is away: ")
        assert "sekret" not in away.stderr

    def test_a_sandbox_without_a_folder_says_so(self, run: Run, tmp_path: Path):
        (tmp_path / "file").touch()

        refused = run("sandbox", COMPOSER_DATA=str(tmp_path / "file"))

        assert refused.returncode == 2
        assert refused.stderr.startswith("The sandbox cannot keep its posts in ")


class TestKeys:
    def test_are_listed_with_what_they_seal(self, run: Run, bakery: Business):
        bakery.connect()

        listed = run("keys", "list")

        assert listed.returncode == 0, listed.stderr
        assert re.search(r"^key 1: [1-9]\d* sealed values; seals what is new$", listed.stdout, re.MULTILINE)

    def test_a_new_one_is_shown_with_where_it_belongs_and_stored_nowhere(self, run: Run):
        first, second = run("keys", "add"), run("keys", "add")

        entries = [re.search(r"^2:(\S+)$", each.stdout, re.MULTILINE) for each in (first, second)]
        assert entries[0]
        assert entries[1]
        assert entries[0][1] != entries[1][1]
        assert len(base64.b64decode(entries[0][1])) == 32
        assert "COMPOSER_SEALING_KEYS" in first.stdout
        assert "key 2" not in run("keys", "list").stdout

    def test_rotating_when_all_is_under_the_newest_changes_nothing(self, run: Run, superuser: psycopg.Connection):
        # Whatever other tests have left in this database is under the newest key, as far as its header says.
        for table in ("grants", "departures"):
            superuser.execute(f"update {table} set sealed = '\\x0100000001'::bytea || substr(sealed, 6)")

        done = run("keys", "rotate")

        assert (done.returncode, done.stdout) == (0, ""), done.stderr

    @pytest.mark.parametrize(("number", "says"), [("1", "Key 1 seals what is new"), ("7", "There is no key 7")])
    def test_one_that_is_needed_is_not_retired(self, run: Run, number: str, says: str):
        refused = run("keys", "retire", number)

        assert refused.returncode == 2
        assert says in refused.stderr
        assert "Traceback" not in refused.stderr

    def test_none_is_shown_where_it_need_not_be(self, run: Run, migrated: Installation):
        key = base64.b64encode(migrated.sealing_keys[1]).decode()
        for command in (["list"], ["add"], ["rotate"], ["retire", "1"]):
            answer = run("keys", *command)
            assert key not in answer.stdout + answer.stderr
