"""Values of a report as text, the same in every format."""

from __future__ import annotations

import re
from typing import Any

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
"""What XML 1.0 §2.2 does not allow, and DEL."""


def text(value: Any) -> str:
    """A value for people; what no format can carry is replaced by U+FFFD."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, (list, tuple)):
        return ", ".join(text(item) for item in value) or "–"
    if isinstance(value, dict):
        return ", ".join(f"{name} {text(item)}" for name, item in value.items()) or "–"
    return _UNPRINTABLE.sub("\ufffd", str(value))
