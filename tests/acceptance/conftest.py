"""One filled platform for all tests of a process that ask for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rtp.testing import filled as filling
from rtp.testing.filled import Filled

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    """A platform with something of everything."""
    with filling.filled(tmp_path_factory.mktemp("filled"), EXAMPLES) as made:
        yield made
