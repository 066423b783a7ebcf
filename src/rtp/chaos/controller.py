"""A run seen from outside: one at a time for each instance, in a process of its own, judged when that has ended."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec

from rtp.chaos import extension, policy, store, targets, undo
from rtp.chaos.errors import ChildFailed, ExperimentInvalid, ExperimentRunning, NoExperimentRunning
from rtp.chaos.policy import Journal
from rtp.chaos.schemas import ChaosRun, RecordRun
from rtp.kit import ids
from rtp.runtime import adopt, lock, site
from rtp.runtime.instance import Instance
from rtp.settings import Settings

CHILD = "rtp.chaos.child"
POLL_SECONDS = 0.05
HALT_SECONDS = 180.0
INVALID = 2
INTERRUPTED = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM", signal.SIGHUP: "the end of the terminal"}
Say = Callable[[str], None]


@contextlib.contextmanager
def alone(instance: Instance) -> Iterator[int]:
    """Hold the instance's one place for an experiment; the descriptor that holds it, for the child to hold as well.

    Raises: ExperimentRunning.
    """
    path = lock_file(instance)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ExperimentRunning(noun="experiment", key="", pid=lock.holder(path) or "unknown") from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield handle
    finally:
        os.close(handle)


def lock_file(instance: Instance) -> Path:
    """Who holds it runs an experiment."""
    return instance.run / "chaos.lock"


class Stop:
    """Takes the signals that would end us and hands the first on to the child, so that its rollbacks run."""

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self.pid: int | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Stop:
        self._before = {number: signal.signal(number, self._take) for number in INTERRUPTED}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _take(self, number: int, _: FrameType | None) -> None:
        if self.received is None:
            self.received = signal.Signals(number)
            self.hand_on()

    def hand_on(self) -> None:
        """Ask the child to end its method."""
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGINT)


def run(settings: Settings, name: str, path: Path, variables: dict[str, Any], say: Say) -> tuple[RecordRun, Journal]:
    """Run an experiment to its end, whatever ends it, and judge it.

    Raises: ExperimentRunning, ExperimentInvalid, ChildFailed.
    """
    instance = Instance(settings)
    limits = extension.limits(extension.load(path))
    with alone(instance) as held, Stop() as stop:
        run_id = ids.show("run", ids.IdSource().uuid())
        folder = store.begin(instance, run_id)
        request = {"name": name, "path": str(path.absolute()), "variables": variables}
        (folder / "request.json").write_bytes(msgspec.json.encode(request))
        started, too_long = datetime.now(UTC), False
        child = spawn(settings, "run", folder, held)
        stop.pid = child.pid
        if stop.received:
            stop.hand_on()
        code, too_long = watch(child, folder, limits, stop, say)
        stop.pid = None
        if code == INVALID:
            why = (folder / "invalid.txt").read_text(encoding="utf-8")
            store.discard(folder)
            raise ExperimentInvalid(path=path, why=why)
        if not (folder / "journal.json").exists() and not stop.received:
            raise ChildFailed(why=store.last_words(folder) or f"it ended with {code}")
        if code != 0:
            say(f"The process of the run ended with {code}; what it left is mended.")
            watch(spawn(settings, "mend", folder, held), folder, limits, stop, say)
        interrupted = INTERRUPTED[stop.received] if stop.received else ""
        return finish(folder, name, started, interrupted=interrupted, too_long=limits.seconds if too_long else 0.0)


def spawn(settings: Settings, mode: str, folder: Path, held: int) -> subprocess.Popen[bytes]:
    """Start the child in a session of its own, so that a terminal's Ctrl-C reaches only us; it holds the lock, too."""
    words = site.python(CHILD, mode, str(folder), str(os.getpid()))
    environment = site.exported(settings) | {undo.RUN_VARIABLE: str(folder), "RTP_HOME": str(settings.home_folder())}
    for name in site.NOT_FOR_CHILDREN:
        environment.pop(name, None)
    with (folder / "output.log").open("ab") as output:
        return subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment | {"PYTHONPATH": os.pathsep.join(python_path())},
            start_new_session=True,
            pass_fds=(held,),
        )


def python_path() -> list[str]:
    """Where experiments of the working folder find their own functions."""
    given = os.environ.get("PYTHONPATH", "")
    return [str(Path.cwd()), *given.split(os.pathsep)] if given else [str(Path.cwd())]


def watch(
    child: subprocess.Popen[bytes], folder: Path, limits: extension.Limits, stop: Stop, say: Say
) -> tuple[int, bool]:
    """Wait for the child and repeat what it tells; its exit code, and whether its time was up before it ended.

    After `seconds` its method is ended, as by a signal; rollbacks that then take too long are cut off.
    """
    begun = time.monotonic()
    ends, last, told = begun + limits.seconds, 0.0, 0
    while (code := child.poll()) is None:
        told = _tell(folder, told, say)
        now = time.monotonic()
        if last and now > last:
            child.kill()
        elif not last and (stop.received or now > ends):
            last = now + limits.rollback_seconds + limits.settle_seconds
            if not stop.received:
                os.kill(child.pid, signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(POLL_SECONDS)
    _tell(folder, told, say)
    return code, bool(last) and stop.received is None


def _tell(folder: Path, told: int, say: Say) -> int:
    path = folder / "progress.log"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    for line in lines[told:]:
        say(line)
    return len(lines)


def finish(
    folder: Path, name: str, started: datetime, *, interrupted: str = "", too_long: float = 0.0
) -> tuple[RecordRun, Journal]:
    """Judge a run from its journal and keep the verdict beside it."""
    journal = store.journal(folder)
    journal.rtp.too_long = too_long
    journal.rtp.interrupted = interrupted
    found = policy.judge(journal)
    content = (folder / "journal.json").read_bytes() if (folder / "journal.json").exists() else b""
    record = RecordRun(
        name=name[:200],
        id=folder.name,
        verdict=found.verdict,
        rollbacks=found.rollbacks,
        reasons=[reason[:2000] for reason in found.reasons[:50]],
        journal=hashlib.sha256(content).hexdigest() if content else "",
        started_at=started,
        ended_at=datetime.now(UTC),
    )
    store.keep(folder, record)
    return record, journal


def pause(seconds: float) -> None:
    """Wait a moment."""
    targets.pause(seconds)


def validate(settings: Settings, paths: Sequence[str | Path]) -> dict[str, list[str]]:
    """What is wrong with each file, by its path.

    Raises: ChildFailed.
    """
    if not paths:
        return {}
    words = site.python(CHILD, "validate", *map(str, paths))
    environment = site.exported(settings) | {"PYTHONPATH": os.pathsep.join(python_path())}
    done = subprocess.run(words, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise ChildFailed(why=done.stderr.strip().splitlines()[-1] if done.stderr.strip() else str(done.returncode))
    return msgspec.json.decode(done.stdout, type=dict[str, list[str]])


def halt(settings: Settings, say: Say) -> ChaosRun:
    """End the running experiment and wait for its rollbacks, or mend what one that was cut off has left.

    Raises: NoExperimentRunning, ExperimentRunning when it does not end in time.
    """
    instance = Instance(settings)
    path = lock_file(instance)
    pid = lock.holder(path)
    if pid is None:
        return _mend_left(settings, instance, say)
    handle = adopt.open_pid(pid, ("chaos",)) if pid else None
    if handle is not None:
        signal.pidfd_send_signal(handle, signal.SIGTERM)
        os.close(handle)
    deadline = time.monotonic() + HALT_SECONDS
    while lock.holder(path) is not None:
        if time.monotonic() > deadline:
            raise ExperimentRunning(noun="experiment", key="", pid=pid)
        targets.pause(POLL_SECONDS)
    folder = store.latest(instance)
    if folder is None:
        raise NoExperimentRunning(noun="experiment", key="")
    return store.show(folder) if store.judged(folder) else _mend_left(settings, instance, say)


def _mend_left(settings: Settings, instance: Instance, say: Say) -> ChaosRun:
    """The latest run without a verdict: its processes were killed."""
    folder = store.latest(instance)
    if folder is None or store.judged(folder):
        raise NoExperimentRunning(noun="experiment", key="")
    with alone(instance) as held, Stop() as stop:
        started = datetime.fromtimestamp(folder.stat().st_ctime, UTC)
        journal = store.journal(folder)
        if undo.open_promises(folder) or journal.rtp.verification is None:
            watch(spawn(settings, "mend", folder, held), folder, extension.Limits(), stop, say)
        finish(folder, store.request(folder).name, started, interrupted="the end of its process")
    return store.show(folder)
