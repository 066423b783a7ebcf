"""Small experiments for tests: what they break is the sandbox provider, which nobody else looks at meanwhile."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rtp.testing.instance import RTP, RunningInstance

SECONDS = 60.0


def probe(func: str, tolerance: Any = True, **arguments: Any) -> dict[str, Any]:
    provider = {"type": "python", "module": "rtp.chaos.probes", "func": func, "arguments": arguments}
    return {"type": "probe", "name": func, "tolerance": tolerance, "provider": provider}


def action(func: str, **arguments: Any) -> dict[str, Any]:
    provider = {"type": "python", "module": "rtp.chaos.actions", "func": func, "arguments": arguments}
    return {"type": "action", "name": func, "provider": provider}


SLOW = action("set_provider", latency_ms=5, ttl_seconds=300)
RESET = action("reset_provider")
ASKS_NOBODY = probe("service_state", service="nobody")
RAISES = action("kill_service", service="nobody")


def experiment(
    folder: Path, *, asks: list[dict[str, Any]] | None = None, method: list[dict[str, Any]] | None = None,
    rollbacks: list[dict[str, Any]] | None = None, **limits: float,
) -> str:  # fmt: skip
    """Write an experiment; by default it makes the provider slow and then behave again."""
    content = {
        "title": "A test",
        "description": "A test",
        "steady-state-hypothesis": {"title": "Well", "probes": asks or [probe("api_ready")]},
        "method": [SLOW] if method is None else method,
        "rollbacks": [RESET] if rollbacks is None else rollbacks,
        "extensions": [{"name": "rtp", "seconds": 60.0, "settle_seconds": 1.0, **limits}],
    }
    path = folder / "trial.json"
    path.write_text(json.dumps(content))
    return str(path)


def control(instance: RunningInstance) -> bool:
    """Whether the provider behaves, asked by the probe itself in a process of its own."""
    words = ["-c", "from rtp.chaos import probes; print(probes.provider_behaves())"]
    python = str(Path(RTP).with_name("python"))
    done = subprocess.run([python, *words], env=instance.environment(), capture_output=True, text=True, check=True)
    return done.stdout.strip() == "True"


def begin(instance: RunningInstance, *words: str) -> subprocess.Popen[str]:
    """Start `rtp chaos run` and return when its method holds still."""
    before = runs(instance)
    process = subprocess.Popen(
        [RTP, "chaos", "run", *words, "-o", "json"],
        env=instance.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until(lambda: any(holds(one) for one in runs(instance) - before) or process.poll() is not None)
    assert process.poll() is None, process.communicate()
    return process


def runs(instance: RunningInstance) -> set[Path]:
    """The folders of all runs."""
    return set((instance.home / "reports" / "chaos").glob("run_*"))


def folder(instance: RunningInstance) -> Path:
    """The folder of the latest run."""
    return max(runs(instance))


def holds(run: Path) -> bool:
    log = run / "progress.log"
    return log.exists() and "action: hold" in log.read_text()


def child_of(instance: RunningInstance) -> int:
    """The process that carries the latest run out."""
    name = folder(instance).name
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and entry.name != str(os.getpid()):
            try:
                words = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if b"rtp.chaos.child" in words and name.encode() in words:
                return int(entry.name)
    raise AssertionError(f"nobody carries out {name}")


def until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)
