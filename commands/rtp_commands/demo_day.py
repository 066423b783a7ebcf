"""What a demo day is made of: commands as an operator types them, their results, and what was measured."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct, to_builtins

RTP = (sys.executable, "-P", "-c", "import sys; from rtp_commands.main import main; sys.exit(main())")
SHOWN = 14
"""Lines of a result that are printed; the rest is counted."""


class Done(Struct, kw_only=True):
    """A command that ended."""

    words: list[str]
    exit_code: int
    seconds: float
    out: str
    err: str


class Step(Struct, kw_only=True):
    """One step of the day: what was typed, how it ended, how it should have, and the figures it gave."""

    title: str
    commands: list[str] = []
    exits: list[int] = []
    expected: list[list[int]] = []
    seconds: float = 0.0
    figures: dict[str, Any] = {}
    failures: list[str] = []


class StepFailed(Exception):
    """A step that did not end as announced."""


class Day:
    """The day as it goes on: prints, runs, measures, remembers."""

    def __init__(self, home: Path, environment: dict[str, str], say: Callable[[str], None]) -> None:
        self.home = home
        self.environment = environment
        self._say = say
        self.steps: list[Step] = []

    @property
    def step(self) -> Step:
        """The step under way."""
        return self.steps[-1]

    def say(self, text: str) -> None:
        """Say something, line by line."""
        for line in text.split("\n"):
            self._say(line)

    def begin(self, title: str) -> None:
        """Start a step."""
        self.steps.append(Step(title=title, commands=[], exits=[], expected=[], figures={}, failures=[]))
        self.say(f"\n── {len(self.steps)}. {title} " + "─" * max(2, 66 - len(title)))

    def rtp(self, *words: str, expect: Sequence[int] = (0,), show: int = SHOWN) -> Done:
        """Type a command, show its result, and hold its exit code against what was announced."""
        self.say(f"\n$ rtp {shlex.join(words)}")
        done = self.quietly(*words)
        self._show(done, show)
        self._record(done, expect)
        return done

    def json(self, *words: str) -> Any:
        """Ask for figures without showing the answer; a failure ends the step."""
        done = self.quietly(*words, "-o", "json")
        if done.exit_code:
            raise StepFailed(f"rtp {shlex.join(words)} ended with {done.exit_code}: {done.err.strip()}")
        return json.loads(done.out)

    def quietly(self, *words: str) -> Done:
        """Run a command and say nothing."""
        begun = time.monotonic()
        ran = subprocess.run(
            [*RTP, *words], env=self.environment, capture_output=True, text=True, stdin=subprocess.DEVNULL
        )
        seconds = time.monotonic() - begun
        return Done(words=list(words), exit_code=ran.returncode, seconds=seconds, out=ran.stdout, err=ran.stderr)

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Type a command that goes on beside the others."""
        self.say(f"\n$ rtp {shlex.join(words)} &")
        return subprocess.Popen(
            [*RTP, *words],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
        )

    def finish(self, process: subprocess.Popen[str], *words: str, expect: Sequence[int] = (0,)) -> Done:
        """Wait for a command beside the others, and show its result."""
        begun = time.monotonic()
        out, err = process.communicate()
        done = Done(words=list(words), exit_code=process.returncode, seconds=time.monotonic() - begun, out=out, err=err)
        self.say(f"\n$ # rtp {shlex.join(words)} has ended")
        self._show(done, SHOWN)
        self._record(done, expect)
        return done

    def figure(self, name: str, value: Any) -> None:
        """Keep a figure of this step and say it."""
        self.step.figures[name] = value
        self.say(f"   {name.replace('_', ' ')}: {value}")

    def must(self, what: str, holds: bool) -> None:
        """Something that was announced."""
        if not holds:
            self.step.failures.append(what)
            self.say(f"   ✗ not as announced: {what}")

    def until(self, what: str, holds: Callable[[], bool], seconds: float = 90.0) -> float:
        """Wait for something; how long it took."""
        begun = time.monotonic()
        while not holds():
            if time.monotonic() - begun > seconds:
                raise StepFailed(f"waited {seconds:.0f} s for this: {what}")
            threading.Event().wait(0.2)
        return time.monotonic() - begun

    def write(self, path: Path, **about: Any) -> None:
        """Keep the day as JSON."""
        steps = to_builtins(self.steps)
        document = about | {"as_announced": not self.failures, "steps": steps}
        scratch = path.with_suffix(".tmp")
        scratch.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
        os.replace(scratch, path)

    @property
    def failures(self) -> list[str]:
        """Everything that did not end as announced."""
        return [f"{step.title}: {failure}" for step in self.steps for failure in step.failures]

    def _show(self, done: Done, lines: int) -> None:
        text = [line for line in (done.out + ("\n" if done.out and done.err else "") + done.err).splitlines() if line]
        for line in text[:lines]:
            self.say(f"  {line}")
        if len(text) > lines:
            self.say(f"  … and {len(text) - lines} lines more")

    def _record(self, done: Done, expect: Sequence[int]) -> None:
        self.step.commands.append("rtp " + shlex.join(done.words))
        self.step.exits.append(done.exit_code)
        self.step.expected.append(list(expect))
        self.step.seconds = round(self.step.seconds + done.seconds, 3)
        wanted = " or ".join(map(str, expect))
        self.say(f"  → exit {done.exit_code}" + (f" (announced: {wanted})" if expect != (0,) else ""))
        self.must(f"rtp {shlex.join(done.words)} ended with {done.exit_code}, announced was {wanted}",
                  done.exit_code in expect)  # fmt: skip
