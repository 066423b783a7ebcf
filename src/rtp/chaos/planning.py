"""What an experiment would touch, found without touching it; and which experiments there are."""

from __future__ import annotations

from pathlib import Path
from string import Template
from typing import Any

from rtp.chaos import extension, targets
from rtp.chaos.errors import ExperimentInvalid, ExperimentNotFound, TargetMissing
from rtp.chaos.schemas import Experiment, RunPlan, Target
from rtp.kit import data_files
from rtp.kit.data_files import DataFile, NoSuchFile
from rtp.settings import Settings

KIND = "experiments"
ON_PROVIDER = frozenset({"set_provider", "reset_provider"})
OURS = ("rtp.chaos.actions", "rtp.chaos.probes", "rtp.chaos.refunding")


def find(settings: Settings, name: str) -> DataFile:
    """The file of an experiment: its name, or a path.

    Raises: ExperimentNotFound, which lists the known ones.
    """
    try:
        return data_files.find(KIND, name, settings.home_folder(), extension.SUFFIXES)
    except NoSuchFile as error:
        raise ExperimentNotFound(noun="experiment", key=name, known=", ".join(error.known) or "none") from error


def listed(settings: Settings, cwd: Path | None = None) -> list[Experiment]:
    """Every experiment, with what is wrong with its file at first sight."""
    files = data_files.listed(KIND, settings.home_folder(), extension.SUFFIXES, cwd)
    return [described(file) for file in files]


def described(file: DataFile, problems: list[str] | None = None) -> Experiment:
    """An experiment for a list; a broken file is listed with its problem."""
    try:
        content = extension.load(file.path)
        found = extension.problems(content) if problems is None else problems
        seconds = extension.limits(content).seconds
    except ExperimentInvalid as error:
        content, found, seconds = {}, [str(error.params["why"])], 0.0
    tags = content.get("tags")
    return Experiment(
        name=file.name,
        title=str(content.get("title") or ""),
        source=file.source,
        path=str(file.path),
        seconds=seconds,
        tags=[str(tag) for tag in tags] if isinstance(tags, list) else [],
        problems=found,
    )


def plan(file: DataFile, variables: dict[str, Any], environment: str) -> RunPlan:
    """What a run would touch: services with their pids, the longest duration, the rollbacks.

    Raises: ExperimentInvalid, TargetMissing.
    """
    content = extension.load(file.path)
    if wrong := extension.problems(content):
        raise ExperimentInvalid(path=file.path, why="; ".join(wrong))
    limits = extension.limits(content)
    values = _values(content, variables)
    return RunPlan(
        name=file.name,
        title=str(content.get("title", "")),
        path=str(file.path),
        environment=environment,
        seconds=limits.seconds + limits.rollback_seconds + limits.settle_seconds,
        hypothesis=[str(probe.get("name", probe.get("ref", ""))) for probe in extension.probes(content)],
        targets=[
            _target(activity, values)
            for activity in extension.activities(content, "method")
            if activity.get("type") == "action"
        ],
        rollbacks=[str(activity.get("name", "")) for activity in extension.activities(content, "rollbacks")],
    )


def _values(content: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
    declared = content.get("configuration")
    plain = {name: value for name, value in (declared or {}).items() if not isinstance(value, dict)}
    return plain | variables


def _target(activity: dict[str, Any], values: dict[str, Any]) -> Target:
    provider = activity.get("provider") or {}
    arguments = {name: _filled(value, values) for name, value in (provider.get("arguments") or {}).items()} if (
        isinstance(provider.get("arguments") or {}, dict)
    ) else {}  # fmt: skip
    func = str(provider.get("func") or provider.get("type") or "")
    what, pid = _touched(provider, func, arguments)
    text = ", ".join(f"{name}={value}" for name, value in arguments.items())
    return Target(activity=str(activity.get("name", "")), action=func, target=what, pid=pid, arguments=text)


def _touched(provider: dict[str, Any], func: str, arguments: dict[str, Any]) -> tuple[str, int | None]:
    if provider.get("type") == "http":
        return str(provider.get("url", "")), None
    if provider.get("type") == "process":
        return str(provider.get("path", "")), None
    if provider.get("module") not in OURS:
        return str(provider.get("module", "")), None
    service = "provider" if func in ON_PROVIDER else arguments.get("service")
    if service is None:
        return "the API", None
    try:
        return str(service), targets.service(str(service)).pid
    except TargetMissing:
        if service == "provider":  # an external one has no process here
            return "provider", None
        raise


def _filled(value: Any, values: dict[str, Any]) -> Any:
    if not isinstance(value, str):
        return value
    name = value.removeprefix("${").removesuffix("}")
    return values[name] if value == f"${{{name}}}" and name in values else Template(value).safe_substitute(values)
