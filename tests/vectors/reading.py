"""Reading the vectors: JSON lists of {id, source, given, expect}."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


def vectors(name: str) -> list[dict[str, Any]]:
    """The cases of one file, such as `refunds/refunds.json`."""
    found: list[dict[str, Any]] = json.loads((FOLDER / name).read_text())
    return found


def files() -> list[str]:
    """Every file of cases."""
    return sorted(str(path.relative_to(FOLDER)) for path in FOLDER.glob("refunds/*.json"))
