"""Profiles of load tests: a YAML file beside its locustfile says who, how many, how long, and what must hold."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Annotated, Any

import msgspec
import yaml

from rtp.kit import data_files
from rtp.kit.data_files import DataFile
from rtp.loadtests import policy
from rtp.loadtests.errors import LoadTestNotFound, ProfileNotValid
from rtp.loadtests.policy import Threshold
from rtp.loadtests.schemas import MAX_SECONDS, LoadTest, RunRole, Users

SUFFIXES = (".yaml", ".yml")
MAX_BYTES = 100_000
_DURATION = re.compile(r"^(\d{1,4})\s*(s|m)$")


class File(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The file as it is written; thresholds by name, `total` for all requests."""

    duration: str
    users: Users
    spawn_rate: Annotated[float, msgspec.Meta(gt=0, le=500)]
    thresholds: dict[str, list[str]]
    description: str = ""
    role: RunRole = "viewer"
    locustfile: str = ""


class Profile(msgspec.Struct, kw_only=True):
    """A load test as it is to be run."""

    name: str
    description: str
    path: Path
    locustfile: Path
    role: RunRole
    users: int
    spawn_rate: float
    seconds: int
    thresholds: list[Threshold]


def find(name: str, home: Path) -> Profile:
    """The profile of a name or path.

    Raises: LoadTestNotFound, ProfileNotValid.
    """
    try:
        return read(data_files.find("loadtests", name, home, SUFFIXES))
    except data_files.NoSuchFile as error:
        known = ", ".join(error.known) or "none"
        raise LoadTestNotFound(noun="load test", key=repr(name), known=known) from error


def listed(home: Path, *sources: data_files.Source) -> list[LoadTest]:
    """Every load test there is, also those that could not be run; of these sources only, if any are named."""
    return [_described(file) for file in data_files.listed("loadtests", home, SUFFIXES, sources=sources)]


def read(file: DataFile) -> Profile:
    """Read a profile.

    Raises: ProfileNotValid, which names what is wrong.
    """
    content = _load(file.path)
    locustfile = file.path.parent / (content.locustfile or f"{file.path.stem}.py")
    if not locustfile.is_file():
        raise ProfileNotValid(path=file.path, what=f"there is no locustfile {locustfile.name} beside it")
    return Profile(
        name=file.name,
        description=content.description,
        path=file.path,
        locustfile=locustfile.absolute(),
        role=content.role,
        users=content.users,
        spawn_rate=content.spawn_rate,
        seconds=seconds_of(content.duration, file.path),
        thresholds=_thresholds(file.path, content),
    )


def seconds_of(text: str, path: Path | str) -> int:
    """A duration such as 20s or 5m, at most ten minutes.

    Raises: ProfileNotValid.
    """
    match = _DURATION.match(text)
    seconds = int(match[1]) * (60 if match[2] == "m" else 1) if match else 0
    if not 0 < seconds <= MAX_SECONDS:
        raise ProfileNotValid(path=path, what=f"duration {text!r} is not between 1s and {MAX_SECONDS // 60}m")
    return seconds


def shown_target(url: str) -> str:
    """A URL for records, without what a person may have put into it."""
    return re.sub(r"//[^/@]*@", "//", url)[:500]


def ramp_seconds(users: int, spawn_rate: float) -> int:
    """How long it takes until all users are there."""
    return math.ceil(users / spawn_rate)


def _load(path: Path) -> File:
    try:
        content = path.read_bytes()
        if len(content) > MAX_BYTES:
            raise ProfileNotValid(path=path, what=f"it is larger than {MAX_BYTES:,} bytes")
        loaded: Any = yaml.safe_load(content.decode())
        return msgspec.convert(loaded, File)
    except OSError as error:
        raise ProfileNotValid(path=path, what=error.strerror or error) from error
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise ProfileNotValid(path=path, what=f"{line}{error.problem}") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, msgspec.ValidationError) as error:
        raise ProfileNotValid(path=path, what=str(error).partition("\n")[0] or "not YAML") from error


def _thresholds(path: Path, content: File) -> list[Threshold]:
    try:
        found = [policy.parse(name, text) for name, texts in content.thresholds.items() for text in texts]
    except ValueError as error:
        raise ProfileNotValid(path=path, what=error) from error
    if not found:
        raise ProfileNotValid(path=path, what="it has no thresholds, so nothing could be judged")
    return found


def _described(file: DataFile) -> LoadTest:
    known = {"name": file.name, "source": file.source, "path": str(file.path)}
    try:
        profile = read(file)
    except ProfileNotValid as error:
        return LoadTest(
            **known, description="", role="", users=0, seconds=0, thresholds=0, problem=str(error.params["what"])
        )
    return LoadTest(
        **known,
        description=profile.description,
        role=profile.role,
        users=profile.users,
        seconds=profile.seconds,
        thresholds=len(profile.thresholds),
    )
