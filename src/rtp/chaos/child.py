"""The process of one run: `python -m rtp.chaos.child run|mend FOLDER PARENT`; or `… validate PATH…`.

Chaos Toolkit is imported here and nowhere else. The first SIGINT or SIGTERM ends the method and lets the rollbacks run;
later ones change nothing. When the parent dies, the kernel sends the first.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
from chaoslib.caching import cache_activities
from chaoslib.configuration import load_configuration
from chaoslib.exceptions import ChaosException
from chaoslib.experiment import ensure_experiment_is_valid, run_experiment
from chaoslib.hypothesis import run_steady_state_hypothesis
from chaoslib.rollback import run_rollbacks
from chaoslib.run import RunEventHandler
from chaoslib.secret import load_secrets
from chaoslib.types import Schedule, Strategy

from rtp.chaos import actions, extension, targets, undo
from rtp.chaos.errors import ExperimentInvalid
from rtp.errors import RtpError
from rtp.runtime import tied

ALWAYS = {"runtime": {"rollbacks": {"strategy": "always"}}}
STRATEGIES = {"default": Strategy.DEFAULT, "continuously": Strategy.CONTINUOUS}
INVALID = 2


class Request(msgspec.Struct, kw_only=True):
    """What is to be run, as the parent wrote it into the folder."""

    path: str
    variables: dict[str, Any] = {}


class Watch(RunEventHandler):  # type: ignore[misc]
    """Keeps the journal on disk as it grows, and turns a signal into the end of the method."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.journal: dict[str, Any] = {}
        self.interrupted = False
        self.ending = False
        self.catch()

    def catch(self) -> None:
        """Take the signals; Chaos Toolkit takes SIGTERM for itself when it begins, so this comes again then."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self.signalled)

    def signalled(self, *_: Any) -> None:
        """End the method once; rollbacks are never ended."""
        first, self.interrupted = not self.interrupted, True
        if first and not self.ending:
            raise KeyboardInterrupt

    def started(self, experiment: dict[str, Any], journal: dict[str, Any]) -> None:
        """The run begins."""
        self.journal = journal
        self.catch()
        self.save()

    def start_activity(self, activity: dict[str, Any]) -> None:
        """Tell of an activity, and keep what is known so far."""
        self.tell(f"{activity.get('type', 'activity')}: {activity.get('name')}")

    def activity_completed(self, activity: dict[str, Any], run: dict[str, Any]) -> None:
        """Keep what is known; an interrupted activity skips the pause that would follow it."""
        self.save()
        if self.interrupted and not self.ending:
            raise KeyboardInterrupt

    def start_rollbacks(self, experiment: dict[str, Any]) -> None:
        """From here on no signal ends anything."""
        self.ending = True
        self.tell("rollbacks")

    def tell(self, what: str) -> None:
        """A line for whoever watches."""
        with (self.folder / "progress.log").open("a", encoding="utf-8") as file:
            file.write(what + "\n")

    def save(self) -> None:
        """Replace the journal on disk."""
        save(self.folder, self.journal)


def save(folder: Path, journal: dict[str, Any]) -> None:
    """Write a journal in one step, whatever its probes answered."""
    fresh = folder / f".journal.{os.getpid()}"
    fresh.write_text(json.dumps(journal, default=str, indent=1), encoding="utf-8")
    fresh.replace(folder / "journal.json")


def run(folder: Path) -> int:
    """Run the experiment of a folder to its end, mend what it left, and ask the hypothesis again."""
    watch = Watch(folder)
    request = msgspec.json.decode((folder / "request.json").read_bytes(), type=Request)
    try:
        experiment = _valid(Path(request.path))
        strategy, schedule = _strategy(experiment)
        variables: tuple[dict[str, Any], dict[str, Any]] = (dict(request.variables), {})
        try:
            run_experiment(experiment, ALWAYS, variables, strategy, schedule, event_handlers=[watch])
        except KeyboardInterrupt:
            watch.interrupted = True  # it came in a moment that Chaos Toolkit does not guard; what is open is undone
    except (ChaosException, ExperimentInvalid) as error:
        (folder / "invalid.txt").write_text(_words(error), encoding="utf-8")
        return INVALID
    watch.ending = True
    aftermath(folder, watch.journal, experiment, request.variables, interrupted=watch.interrupted)
    return 0


def aftermath(
    folder: Path, journal: dict[str, Any], experiment: dict[str, Any], variables: dict[str, Any], *, interrupted: bool
) -> None:
    """Run rollbacks that were cut off and inverses that nobody ran, ask the hypothesis again, complete the journal."""
    config = load_configuration(experiment.get("configuration", {}), dict(variables))
    secrets = load_secrets(experiment.get("secrets", {}), config)
    cache_activities(experiment)
    ran = [one.get("status") for one in journal.get("rollbacks", [])]
    if journal.get("run") and (len(ran) < len(experiment.get("rollbacks") or []) or None in ran):
        journal["rollbacks"] = []
        with ThreadPoolExecutor() as pool:
            list(run_rollbacks(experiment, config, secrets, pool, None, None, journal["rollbacks"]))
    undone, failed = [], []
    for promise in undo.open_promises(folder):
        try:
            actions.UNDO[promise.undo](**promise.arguments)
            undone.append(promise.what)
        except (RtpError, OSError) as error:
            failed.append(f"{promise.what}: {error}")
    journal["rtp"] = {
        "interrupted": "a signal" if interrupted else "",
        "undone": undone,
        "undo_failed": failed,
        "verification": verify(experiment, config, secrets) if journal.get("run") else None,
    }
    save(folder, journal)


def verify(experiment: dict[str, Any], config: dict[str, Any], secrets: dict[str, Any]) -> Any:
    """Ask the hypothesis until it holds, at most as long as the experiment says."""
    deadline = time.monotonic() + extension.limits(experiment).settle_seconds
    while True:
        state = run_steady_state_hypothesis(experiment, config, secrets, None, None)
        if (state and state["steady_state_met"]) or time.monotonic() >= deadline:
            return state
        targets.pause(0.25)


def mend(folder: Path) -> int:
    """Do for a run whose process was killed what it could not do any more."""
    Watch(folder).ending = True
    request = msgspec.json.decode((folder / "request.json").read_bytes(), type=Request)
    try:
        journal = json.loads((folder / "journal.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        journal = {"steady_states": {}, "run": [], "rollbacks": []}
    aftermath(folder, journal, extension.load(Path(request.path)), request.variables, interrupted=False)
    return 0


def validate(paths: list[str]) -> int:
    """Print for each file what is wrong with it, as a JSON object of lists."""
    found: dict[str, list[str]] = {}
    for path in paths:
        try:
            _valid(Path(path))
            found[path] = []
        except (ChaosException, ExperimentInvalid) as error:
            found[path] = [_words(error)]
    json.dump(found, sys.stdout)
    return 0


def _valid(path: Path) -> dict[str, Any]:
    experiment = extension.load(path)
    if wrong := extension.problems(experiment):
        raise ExperimentInvalid(path=path, why="; ".join(wrong))
    ensure_experiment_is_valid(experiment)
    _strategy(experiment)
    return experiment


def _words(error: Exception) -> str:
    return str(error.params["why"] if isinstance(error, ExperimentInvalid) else error)


def _strategy(experiment: dict[str, Any]) -> tuple[Strategy, Schedule]:
    """The strategy of the hypothesis as the experiment declares it under `runtime`."""
    declared = (experiment.get("runtime") or {}).get("hypothesis") or {}
    strategy = STRATEGIES.get(declared.get("strategy", "default"))
    if strategy is None:
        why = f"runtime.hypothesis.strategy is none of {', '.join(STRATEGIES)}: others cannot be judged"
        raise ExperimentInvalid(path=experiment["title"], why=why)
    return strategy, Schedule(continuous_hypothesis_frequency=float(declared.get("frequency", 1.0)))


def main(words: list[str]) -> int:
    """Run one mode."""
    mode, *rest = words
    if mode == "validate":
        logging.getLogger("chaostoolkit").addHandler(logging.NullHandler())
        return validate(rest)
    folder, parent = Path(rest[0]), int(rest[1])
    tied.end_with_parent(parent, signal.SIGINT)
    words_of_a_line = "%(asctime)s %(levelname)s %(message)s"
    logging.basicConfig(filename=folder / "chaos.log", level=logging.INFO, format=words_of_a_line)
    return run(folder) if mode == "run" else mend(folder)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
