"""What an experiment tells rtp beyond the Chaos Toolkit format, under `extensions` with the name `rtp`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import yaml

from rtp.chaos.errors import ExperimentInvalid

SUFFIXES = (".json", ".yaml", ".yml")


class Limits(msgspec.Struct, kw_only=True):
    """`seconds` is the longest the method may take, `settle_seconds` how long the steady state may take to return."""

    seconds: float = 300.0
    settle_seconds: float = 15.0
    rollback_seconds: float = 120.0


def load(path: Path) -> dict[str, Any]:
    """An experiment file as it stands.

    Raises: ExperimentInvalid, with the place.
    """
    try:
        text = path.read_text(encoding="utf-8")
        found = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ExperimentInvalid(path=path, why=" ".join(str(error).split())) from error
    if not isinstance(found, dict):
        raise ExperimentInvalid(path=path, why="it is no object with a title, a hypothesis and a method")
    return found


def limits(experiment: dict[str, Any]) -> Limits:
    """The experiment's limits.

    Raises: ExperimentInvalid.
    """
    extensions = experiment.get("extensions") or []
    rows = [one for one in extensions if isinstance(one, dict) and one.get("name") == "rtp"]
    try:
        return msgspec.convert(rows[0] if rows else {}, Limits)
    except msgspec.ValidationError as error:
        raise ExperimentInvalid(path=experiment.get("title", ""), why=f"extensions: {error}") from error


def problems(experiment: dict[str, Any]) -> list[str]:
    """What keeps an experiment from being judged, beside the rules of the format."""
    found = []
    hypothesis = experiment.get("steady-state-hypothesis") or {}
    if not (isinstance(hypothesis, dict) and hypothesis.get("probes")):
        found.append("it has no steady-state hypothesis with a probe, so nothing can be judged")
    for activity in activities(experiment, "method"):
        provider = activity.get("provider") or {}
        if not isinstance(provider, dict):
            found.append(f"the provider of {activity.get('name')!r} is no object")
    try:
        limits(experiment)
    except ExperimentInvalid as error:
        found.append(str(error.params["why"]))
    return found


def activities(experiment: dict[str, Any], part: str) -> list[dict[str, Any]]:
    """The activities of `method` or `rollbacks`."""
    rows = experiment.get(part)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def probes(experiment: dict[str, Any]) -> list[dict[str, Any]]:
    """The probes of the hypothesis."""
    hypothesis = experiment.get("steady-state-hypothesis")
    return activities(hypothesis, "probes") if isinstance(hypothesis, dict) else []
