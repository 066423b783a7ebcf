"""Instances of their own for the tests of the runtime."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rtp.testing.servers import place
from tests.runtime.instances import Platform, Way

New = Callable[..., Platform]


@contextmanager
def platforms() -> Iterator[New]:
    """Makes platforms that are not started yet, and removes them at the end."""
    made: list[Platform] = []
    root = Path(tempfile.mkdtemp(prefix="rtp-test-", dir=place()))
    root.chmod(0o755)

    def make(name: str = "instance", way: Way | None = None, **env: str) -> Platform:
        way = way or Way("as we are")
        folder = root / f"of-{way.uid}"
        if not folder.exists():
            folder.mkdir(0o755)
            os.chown(folder, way.uid, -1)
        made.append(Platform(folder / name, way, env))
        return made[-1]

    try:
        yield make
    finally:
        for platform in made:
            platform.remove()
        shutil.rmtree(root)


@pytest.fixture
def new() -> Iterator[New]:
    """Makes platforms of the test's own."""
    with platforms() as make:
        yield make


@pytest.fixture
def platform(new: New) -> Platform:
    """A platform that runs, for one test to break."""
    made = new()
    made.rtp("up")
    return made


@pytest.fixture(scope="module")
def shared() -> Iterator[Platform]:
    """A platform that runs, for the tests of a module that only look at it."""
    with platforms() as make:
        made = make()
        made.rtp("up")
        yield made
