"""The instance that the cases share: durable, started when the first case needs it, ended and removed at the end."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import psycopg

from bench.frame import NotMeasured
from rtp.runtime.instance import Instance
from rtp.runtime.site import open_site
from rtp.settings import Settings
from rtp.testing.instance import RTP, RunningInstance, clean_environment

_ends = ExitStack()
PATIENCE = "180"


@cache
def shared() -> RunningInstance:
    """The instance; not an ephemeral one, which would not write as durably as a real one does."""
    folder = Path(_ends.enter_context(tempfile.TemporaryDirectory(prefix="rtp-bench-")))
    instance = RunningInstance(folder / "instance", "", "", folder)
    _ends.callback(down, instance)
    up(instance)
    return instance


def close() -> None:
    """End it and remove everything of it."""
    _ends.close()


def up(instance: RunningInstance) -> None:
    """`rtp up`."""
    _run(instance, "up", "--timeout", PATIENCE)


def down(instance: RunningInstance) -> None:
    """`rtp down`."""
    _run(instance, "down")


def _run(instance: RunningInstance, *words: str) -> None:
    environment = clean_environment(instance.folder) | {"RTP_HOME": str(instance.home)}
    done = subprocess.run([RTP, *words], env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NotMeasured(f"rtp {words[0]} ended with {done.returncode}: {done.stderr.strip()}")


def status(instance: RunningInstance) -> Any:
    """`rtp status -o json`."""
    return instance.json("status")


def pid(instance: RunningInstance, service: str) -> int:
    """The process of a service."""
    return int(next(row["pid"] for row in status(instance)["services"] if row["name"] == service))


@contextmanager
def client(instance: RunningInstance) -> Iterator[httpx.Client]:
    """The API over the instance's socket, as its local owner."""
    transport = httpx.HTTPTransport(uds=status(instance)["socket"], verify=False, trust_env=False)
    with httpx.Client(transport=transport, base_url="http://rtp/v1", timeout=60, trust_env=False) as opened:
        yield opened


@contextmanager
def database(instance: RunningInstance) -> Iterator[psycopg.Connection]:
    """The instance's database in autocommit, as the owning role."""
    settings = Settings(home=str(instance.home))
    url = open_site(Instance(settings), settings).environment()["RTP_DATABASE_OWNER_URL"]
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection
