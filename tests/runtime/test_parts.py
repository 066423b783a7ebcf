"""The parts of the runtime, each alone."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtp.runtime import adopt, control, errors, lock, logs, probe, state
from rtp.runtime.control import Event
from rtp.runtime.instance import Instance, private_folder, socket_folder, write_private
from rtp.runtime.keeper import STABLE_SECONDS, Backoff
from rtp.runtime.preloader import Preloader
from rtp.runtime.site import exported
from rtp.runtime.state import Board, ServiceState, Status
from rtp.runtime.tails import tail
from rtp.settings import Settings
from rtp.testing.waiting import eventually


@given(st.lists(st.floats(0, STABLE_SECONDS - 1), min_size=1, max_size=60))
def test_waits_between_restarts_grow_but_stay_bounded(lives: list[float]) -> None:
    backoff = Backoff(first=0.1, longest=30.0)
    waits = [backoff.next(lasted) for lasted in lives]
    assert all(0.05 <= wait <= 45.0 for wait in waits)
    assert all(wait >= 15.0 for wait in waits[9:])


def test_a_stable_life_makes_the_next_restart_quick_again() -> None:
    backoff = Backoff(first=0.1, longest=30.0)
    for _ in range(20):
        backoff.next(0.0)
    assert backoff.next(STABLE_SECONDS) <= 0.15


@given(
    st.lists(st.text(st.characters(codec="ascii", min_codepoint=32, max_codepoint=126)), max_size=50),
    st.integers(0, 60),
)
def test_the_end_of_a_file_is_its_last_lines(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], n: int
) -> None:
    path = tmp_path_factory.mktemp("logs") / "a.log"
    path.write_text("".join(f"{line}\n" for line in lines))
    assert tail(path, n) == (lines[-n:] if n else [])


def test_the_end_of_a_large_file_is_found_across_chunks(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("".join(f"line {number}\n" for number in range(50_000)))
    assert tail(path, 20_000)[0] == "line 30000"


def test_what_is_written_after_a_place_is_not_part_of_the_end_there(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("one\ntwo\n")
    place = logs.ends([path])[path]
    path.write_text("one\ntwo\nthree\n")
    assert tail(path, 1, place) == ["two"]


def test_a_log_that_grew_large_is_kept_once_and_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    with path.open("ab", buffering=0) as writer:
        writer.write(b"old\n" * 10)
        logs.rotate(path, largest=39)
        writer.write(b"new\n")
    assert path.read_bytes() == b"new\n"
    assert (tmp_path / "a.log.1").read_bytes() == b"old\n" * 10


def test_a_large_log_grows_on_where_the_disk_has_no_room_for_the_part_to_keep(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"old\n" * 10)
    (tmp_path / "a.log.1").symlink_to("/dev/full")
    logs.rotate(path, largest=39)
    assert path.read_bytes() == b"old\n" * 10
    logs.rotate(path, largest=39)
    assert (tmp_path / "a.log.1").read_bytes() == b"old\n" * 10


def test_following_gives_whole_lines_also_after_a_rotation(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("before\n")
    seen: list[str] = []
    following = logs.follow(logs.ends([path]))

    def read() -> None:
        for _, line in following:
            seen.append(line)
            if line == "end":
                return

    reader = threading.Thread(target=read)
    reader.start()
    with path.open("a") as writer:
        writer.write("half")
        writer.flush()
        writer.write(" and half\n")
    eventually("the line is seen", lambda: seen == ["half and half"])
    path.write_text("end\n")
    reader.join(timeout=60)
    assert seen == ["half and half", "end"]


def test_a_folder_open_to_others_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir(0o755)
    with pytest.raises(errors.FolderNotPrivate):
        private_folder(folder)


def test_a_link_is_never_taken_for_a_private_folder(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.mkdir(0o700)
    link.symlink_to(real)
    with pytest.raises(errors.FolderNotPrivate):
        private_folder(link)


def test_the_users_runtime_folder_is_used_only_where_it_is_private(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = tmp_path / "runtime"
    runtime.mkdir(0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    short = len(str(runtime)) < 60
    assert (socket_folder(tmp_path).parent == runtime) == short
    runtime.chmod(0o755)
    assert socket_folder(tmp_path).parent == Path("/tmp")


def test_a_private_file_is_replaced_whole_and_leaves_no_other(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_private(path, b"one")
    write_private(path, b"two")
    assert path.read_bytes() == b"two"
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_an_instance_of_an_unknown_format_is_refused(tmp_path: Path) -> None:
    instance = Instance(Settings(home=str(tmp_path / "home")))
    instance.prepare()
    instance.file.write_bytes(instance.file.read_bytes().replace(b'"format": 1', b'"format": 2'))
    with pytest.raises(errors.InstanceDamaged, match="format is 2"):
        instance.read()


def test_children_get_exactly_these_settings_and_no_libpq_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "PGHOST": "elsewhere",
        "RTP_URL": "https://prod",
        "RTP_PLUGIN_KEY": "kept",
        "LANG": "C",
    }.items():
        monkeypatch.setenv(name, value)
    env = exported(Settings(home="/somewhere"))
    assert "PGHOST" not in env
    assert "RTP_URL" not in env
    assert (env["RTP_HOME"], env["RTP_PLUGIN_KEY"], env["LANG"]) == ("/somewhere", "kept", "C")


def test_relative_folders_mean_the_same_to_children_that_stand_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    env = exported(Settings(home="here", pg_bin="bin"))
    assert (env["RTP_HOME"], env["RTP_PG_BIN"]) == (str(tmp_path / "here"), str(tmp_path / "bin"))


def test_only_one_holds_the_lock_and_its_pid_is_known(tmp_path: Path) -> None:
    path = tmp_path / "run" / "lock"
    path.parent.mkdir()
    assert lock.holder(path) is None
    with lock.held(path):
        assert lock.holder(path) == os.getpid()
        with pytest.raises(errors.InstanceRunning), lock.held(path):
            pass
    assert lock.holder(path) is None


def test_a_process_is_known_by_its_words_and_not_by_its_number() -> None:
    with subprocess.Popen(["sleep", "600"]) as process:
        try:
            # right after its start the kernel has not noted the words yet
            eventually("its words are known", lambda: adopt.is_server(process.pid, ("sleep", "600")))
            assert not adopt.is_server(process.pid, ("sleep", "60"))
            assert adopt.open_pid(process.pid, ("postgres",)) is None
        finally:
            process.kill()
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
            assert not adopt.alive(process.pid)


def test_a_paused_process_is_woken_to_end_in_order() -> None:
    with subprocess.Popen(["sleep", "600"]) as paused:
        try:
            os.kill(paused.pid, signal.SIGSTOP)
            os.waitid(os.P_PID, paused.pid, os.WSTOPPED)
            assert adopt.end(paused.pid, ((signal.SIGTERM, 20.0),))
        finally:
            paused.kill()
    assert paused.returncode == -signal.SIGTERM


def test_a_server_that_is_not_there_is_not_ready(tmp_path: Path) -> None:
    assert not probe.postgres(tmp_path)
    assert not probe.valkey(tmp_path / "valkey.sock")
    assert probe.http_status(tmp_path / "api.sock", "/") == 0


def test_a_server_that_talks_nonsense_is_not_ready(tmp_path: Path) -> None:
    path = tmp_path / ".s.PGSQL.5432"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()

        def answer() -> None:
            for _ in range(3):
                peer, _ = listener.accept()
                with peer:
                    peer.recv(1024)
                    peer.sendall(b"E nonsense\r\n\r\n")

        server = threading.Thread(target=answer)
        server.start()
        assert not probe.postgres(tmp_path)
        assert not probe.valkey(path)
        assert probe.http_status(path, "/") == 0
        server.join()


@pytest.mark.parametrize(
    "states,health",
    [
        (["up", "external"], "healthy"),
        (["up", "backoff"], "degraded"),
        (["up", "down"], "degraded"),
        (["starting", "up"], "degraded"),
        (["down", "down"], "down"),
        ([], "down"),
    ],
)
def test_health_is_the_worst_of_the_services(states: list[state.State], health: str) -> None:
    assert state.health([ServiceState(name="a", state=one) for one in states]) == health


def test_the_board_writes_each_change_and_tells_it_once(tmp_path: Path) -> None:
    board = Board(tmp_path / "state.json", Status(home="/somewhere"))
    told: list[str] = []
    board.listen(lambda row: told.append(row.state))
    board.add("api", "1.0")
    board.set("api", "up", pid=7)
    board.set("api", "up", pid=7)
    board.set("api", "backoff", detail="killed by signal 9")
    board.set("api", "starting", restarted=True)
    assert told == ["up", "backoff", "starting"]
    written = state.read(tmp_path / "state.json")
    assert written
    assert (written.services[0].restarts, written.services[0].pid, written.state) == (1, None, "degraded")


def test_a_full_disk_makes_the_board_late_and_ends_nothing(tmp_path: Path) -> None:
    path, new = tmp_path / "state.json", tmp_path / ".state.json.new"
    board = Board(path, Status(home="/somewhere"))
    board.add("api", "1.0")
    board.set("api", "up", pid=7)
    new.symlink_to("/dev/full")
    board.set("api", "backoff", detail="killed by signal 9")
    kept = state.read(path)
    assert kept
    assert (board.late, kept.services[0].state) == (True, "up")
    new.unlink()
    board.write()
    kept = state.read(path)
    assert kept
    assert (board.late, kept.services[0].state) == (False, "backoff")


def test_a_full_disk_is_not_told_as_a_folder_of_somebody_elses(tmp_path: Path) -> None:
    path = tmp_path / "made" / "later"
    assert isinstance(errors.unwritable(path, OSError(errno.ENOSPC, "No space left on device")), errors.DiskFull)
    refused = errors.unwritable(path, PermissionError(errno.EACCES, "Permission denied"))
    assert (type(refused), refused.params["why"]) == (errors.HomeNotWritable, "Permission denied")


def test_the_runtime_imports_neither_server_nor_database_nor_terminal_libraries() -> None:
    script = (
        "import sys, rtp.runtime.supervisor, rtp.runtime.doctor, rtp.runtime.ephemeral; print('\\n'.join(sys.modules))"
    )
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    heavy = {"sqlalchemy", "psycopg", "litestar", "typer", "rich", "httpx", "uvicorn", "redis", "procrastinate"}
    assert heavy & set(loaded) == set()


def joined(preloader: Preloader) -> socket.socket:
    """A preloaded child's end of a new control pair."""
    with preloader.connect() as theirs:
        return theirs.dup()


async def test_who_waits_for_the_preloaded_child_is_woken_by_the_one_that_replaces_it() -> None:
    preloader = Preloader()
    with joined(preloader) as first:
        control.send(first, Event(event="loaded"))
        await asyncio.wait_for(preloader.loaded.wait(), 10)
    while preloader.loaded.is_set():  # noqa: ASYNC110 - until it is seen that the first one is gone
        await asyncio.sleep(0)
    waiting = asyncio.create_task(preloader.loaded.wait())  # as the worker, which ended with its parent
    await asyncio.sleep(0)
    with joined(preloader) as second:
        assert not waiting.done()
        control.send(second, Event(event="loaded"))
        await asyncio.wait_for(waiting, 10)
    preloader.close()
