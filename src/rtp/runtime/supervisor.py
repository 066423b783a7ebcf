"""The process behind `rtp up`: `python -m rtp.runtime.supervisor HOME` keeps one instance's services running."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import rtp
from rtp.errors import RtpError
from rtp.runtime import adopt, ephemeral, errors, lock, logs, site, stopping, tied
from rtp.runtime.instance import Instance
from rtp.runtime.keeper import Keeper
from rtp.runtime.preloader import Preloader, PreloaderGone
from rtp.runtime.report import Report, Reporter
from rtp.runtime.services import ROWS, STOP_STAGES, Row, available, reap
from rtp.runtime.site import Site
from rtp.runtime.state import WELL, Board, ServiceState, Status, now
from rtp.settings import load

HOUSEKEEPING_SECONDS = 5.0
BEHIND = ("empty", "behind", "dirty")


class Supervisor:
    """One run: from the first start to the last stop."""

    def __init__(self, place: Site, report: Callable[[Report], None]) -> None:
        self.site = place
        self.report = report
        self.preloader = Preloader()
        self.board = Board(place.instance.state_file, _first_status(place))
        self.keepers: dict[str, Keeper] = {}
        self.started = False
        self.problem: RtpError | None = None
        self.stop = asyncio.Event()

    async def run(self) -> None:
        """Start everything, watch it until told to stop, stop everything in order."""
        self.board.listen(lambda row: self.report(Report(service=row)))
        self.board.listen(tell)
        self.board.listen(self._schema_caught_up)
        self.board.add("supervisor", rtp.__version__)
        for row in ROWS:
            self._add(row)
        self.board.set("supervisor", "up", pid=os.getpid())  # after the others: alone it would pass for healthy
        stop_orphans = asyncio.create_task(every(HOUSEKEEPING_SECONDS, self._housekeeping))
        tasks = [asyncio.create_task(keeper.keep()) for keeper in self.keepers.values()]
        tasks += [stop_orphans, asyncio.create_task(self._prepare()), asyncio.create_task(self._announce())]
        for task in tasks:
            task.add_done_callback(self._ended)
        try:
            await self.stop.wait()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._stop_all()
        for task in tasks:
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error

    def _add(self, row: Row) -> None:
        if row.external(self.site):
            self.board.add(row.name)
            self.board.set(row.name, "external")
        elif available(row):
            for service in row.build(self.site, self.preloader):
                self.board.add(service.name, service.version)
                self.keepers[service.name] = Keeper(service, self.board, self._failed)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A task of ours that raised is a defect: stop in order, and say so."""
        if not task.cancelled() and task.exception() is not None:
            self.stop.set()

    def _failed(self, problem: RtpError) -> bool:
        """Before everything was up once, a failure is the end; afterwards it is a reason to try again."""
        if self.started:
            say(problem.message)
            return False
        self.problem = self.problem or problem
        self.stop.set()
        return True

    async def _prepare(self) -> None:
        """Have the database's schema brought in order once it and the preloaded child are there."""
        while not self.preloader.prepared.is_set():
            await self.preloader.loaded.wait()
            if self.board.get("postgres").state not in WELL:
                await asyncio.sleep(0.02)
                continue
            with contextlib.suppress(PreloaderGone):  # its keeper starts another one, which is asked again
                await self.preloader.prepare(create=self.site.postgres is not None)
                if self.preloader.error:
                    kind = errors.DatabaseTooNew if self.preloader.schema == "ahead" else errors.DatabaseNotPrepared
                    self._failed(kind(why=self.preloader.error))
                    return
                self.board.status.schema = self.preloader.schema
                self.preloader.prepared.set()

    def _schema_caught_up(self, row: ServiceState) -> None:
        """A ready API has the schema that it knows: somebody migrated since the start."""
        if row.name.startswith("api") and row.state == "up" and self.board.status.schema in BEHIND:
            self.board.status.schema = "current"
            self.board.write()

    async def _announce(self) -> None:
        """Say when everything is up, or as well as it can be with a schema that only `rtp db migrate` may change."""
        while not self.started:
            rows = self.board.status.services
            behind = self.board.status.schema in BEHIND
            good = (*WELL, "degraded") if behind else WELL
            if all(row.state in good for row in rows):
                self.started = self.board.status.started = True
                self.board.write()
                self.report(Report(ready=True))
            await asyncio.sleep(0.02)

    async def _housekeeping(self) -> None:
        reap_orphans({keeper.pid for keeper in self.keepers.values()})
        for path in self.site.instance.logs.glob("*.log"):
            await asyncio.to_thread(logs.rotate, path)
        if self.board.late:
            self.board.write()

    async def _stop_all(self) -> None:
        for stage in STOP_STAGES:
            kept = [keeper for name, keeper in self.keepers.items() if name.partition("-")[0] in stage]
            await asyncio.gather(*(self._stop(keeper) for keeper in kept))
        self.preloader.close()
        await asyncio.to_thread(stopping.end_leftovers, self.site.instance)
        self.board.set("supervisor", "down")

    async def _stop(self, keeper: Keeper) -> None:
        if keeper.pid is not None:
            await asyncio.to_thread(adopt.end, keeper.pid, keeper.service.stop_steps)
            reap(keeper.pid)
        self.board.set(keeper.service.name, "down")


def _first_status(place: Site) -> Status:
    return Status(
        url=place.url,
        socket=str(place.api_socket),
        environment=place.file.environment,
        home=str(place.instance.home),
        pid=os.getpid(),
    )


def tell(row: ServiceState) -> None:
    """Note in the log what a service has come to."""
    if row.state != "starting":
        say(f"{row.name} {row.state}{': ' + row.detail if row.detail else ''}")


def say(text: str) -> None:
    """Write a line to the supervisor's log."""
    with contextlib.suppress(OSError):  # the disk of the log is full: what runs does not end for a line
        sys.stderr.write(f"{now()} {text}\n")
        sys.stderr.flush()


async def every(seconds: float, work: Callable[[], Awaitable[None]]) -> None:
    """Do something again and again."""
    while True:
        await work()
        await asyncio.sleep(seconds)


def reap_orphans(known: set[int | None]) -> None:
    """Take away zombies of processes that came to us when their own parent was killed."""
    while True:
        try:
            found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if found is None or found.si_pid in known or os.getpgid(found.si_pid) == os.getpgid(0):
            return  # a service's own keeper, or the subprocess module, is waiting for that one
        os.waitpid(found.si_pid, os.WNOHANG)


def main(argv: list[str] | None = None) -> int:
    """Run the supervisor; 0 after an orderly end, the problem's exit code if it could not start."""
    parser = argparse.ArgumentParser(prog="python -m rtp.runtime.supervisor")
    parser.add_argument("home")
    parser.add_argument("--report", type=int, default=-1, help="file descriptor for progress")
    parser.add_argument("--lifeline", type=int, default=-1, help="file descriptor; when it closes, stop")
    parser.add_argument("--throwaway", action="store_true", help="do not wait for the disk while creating")
    options = parser.parse_args(argv)
    os.umask(0o077)
    settings = load(cwd=Path("/"), home=options.home)
    report = Reporter(options.report)
    instance = Instance(settings)
    try:
        instance.prepare(environment=settings.environment)
        with lock.held(instance.lock_file):
            stopping.end_leftovers(instance, keep_databases=True)
            place = site.open_site(instance, settings, durable=not options.throwaway)
            site.bind(place)
            site.share_metrics(place)
            problem = asyncio.run(_serve(Supervisor(place, report.send), options.lifeline))
            stopping.remove_sockets(instance)
            if options.throwaway:
                ephemeral.remove(instance)
    except RtpError as error:
        problem = error
    except OSError as error:
        problem = errors.unwritable(Path(error.filename or instance.home), error)
    if problem is None:
        return 0
    report.send(Report(problem=problem.problem()))
    say(problem.message)
    return int(problem.exit_code)


async def _serve(supervisor: Supervisor, lifeline: int) -> RtpError | None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, supervisor.stop.set)
    if lifeline >= 0:
        loop.add_reader(lifeline, supervisor.stop.set)
    tied.adopt_orphans()
    tied.name_process("rtp-supervisor")
    began = time.monotonic()
    say("started")
    await supervisor.run()
    say(f"stopped after {time.monotonic() - began:.0f} s")
    return supervisor.problem


if __name__ == "__main__":
    sys.exit(main())
