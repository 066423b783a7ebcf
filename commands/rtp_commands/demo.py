"""`rtp demo`: an operator's day on real input, on an instance of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from msgspec import Struct, structs

from rtp.errors import ExitCode, RtpError
from rtp.kit.data_files import shipped_root
from rtp.runtime import stopping
from rtp.runtime.instance import Instance
from rtp.settings import Settings
from rtp_commands.call import Call, Result, local
from rtp_commands.demo_day import Day, StepFailed
from rtp_commands.demo_steps import STEPS, stamp

app = typer.Typer()
SEED = 1
Seed = Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Which members: the same seed, the same day.")]


class DemoRefused(RtpError):
    """The demo does not run on {home}: {why}."""

    status = 403
    still = "Nothing was touched."
    hint = "RTP_HOME=/tmp/rtp-demo rtp demo"


class DemoDay(Struct, kw_only=True):
    """How the day went, and where everything that was measured stands."""

    as_announced: bool
    steps: int
    seconds: float
    day: str
    home: str
    failures: list[str]


@app.command()
@local(side_effects="runs a whole day on an instance of its own; a former demo there is removed", exit_codes=(4, 10))
def demo(call: Call, seed: Seed = SEED) -> Result:
    """Run an operator's day on real input: members, money, failures, load, service levels.

    It runs on RTP_HOME only if that is empty or a former demo's, otherwise on an instance named demo.

    Examples:
        rtp demo
        rtp demo --seed 7
    """
    begun = time.monotonic()
    home = prepared(call.settings)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RTP_")}
    environment |= {"RTP_HOME": str(home), "RTP_CONFIG_HOME": str(home / "operator"), "COLUMNS": "96"}
    day = Day(home, environment, call.say)
    call.say(f"An operator's day, on a fresh instance in {home}")
    try:
        data = inputs(home, seed)
        for title, step in STEPS:
            day.begin(title)
            try:
                step(day, data)
            except StepFailed as failed:
                day.must(str(failed), holds=False)
                break
    finally:
        seconds = round(time.monotonic() - begun, 1)
        path = home / "reports" / "day.json"
        if path.parent.is_dir():
            day.write(path, seed=seed, seconds=seconds, ended_at=stamp())
        _leave(call, home)
    failures = day.failures
    done = DemoDay(
        as_announced=not failures and len(day.steps) == len(STEPS),
        steps=len(day.steps),
        seconds=seconds,
        day=str(path),
        home=str(home),
        failures=failures,
    )
    return Result(done, ExitCode.OK if done.as_announced else ExitCode.CHECK_FAILED)


def prepared(settings: Settings) -> Path:
    """A fresh folder for the demo: RTP_HOME if it is empty or a former demo's, else the instance named demo.

    Raises: DemoRefused on an instance of class prod.
    """
    if settings.environment == "prod":
        raise DemoRefused(home=settings.home_folder(), why="it is of class prod")
    home = settings.home_folder()
    if not os.environ.get("RTP_HOME") or not _usable(settings):
        home = home.parent / "demo"
    ours = structs.replace(settings, home=str(home))
    instance = Instance(ours)
    if not _usable(ours):
        raise DemoRefused(home=home, why="there is something that no demo made")
    if instance.exists:
        if instance.read().environment == "prod":
            raise DemoRefused(home=home, why="it is of class prod")
        stopping.stop(instance)
        shutil.rmtree(home)
    instance.prepare(demo=True)
    return home


def inputs(home: Path, seed: int) -> Path:
    """The folder with the catalog and the members of this seed."""
    shipped = shipped_root() / "examples"
    folder = home / "inputs"
    folder.mkdir(mode=0o700, exist_ok=True)
    words = [sys.executable, str(shipped / "make_members.py"), "--seed", str(seed), "--folder", str(folder)]
    subprocess.run(words, check=True)
    shutil.copy(shipped / "catalog.yaml", folder)
    return folder


def _usable(settings: Settings) -> bool:
    home = settings.home_folder()
    if not home.exists() or not any(home.iterdir()):
        return True
    instance = Instance(settings)
    return instance.exists and instance.read().demo


def _leave(call: Call, home: Path) -> None:
    if call.output.terminal:
        call.say(
            f"\nThe platform still runs. Look around:  RTP_HOME={home} rtp today\nStop it:  RTP_HOME={home} rtp down"
        )
        return
    stopping.stop(Instance(structs.replace(call.settings, home=str(home))))
