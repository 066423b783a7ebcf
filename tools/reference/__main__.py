"""Write the generated pages and remove those that no longer have a source."""

from __future__ import annotations

import sys
from pathlib import Path

from tools.reference.pages import generated, stale

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference"


def main() -> int:
    """Write what differs and say what was written."""
    for name, text in generated().items():
        path = REFERENCE / name
        if not path.exists() or path.read_text() != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            print(f"wrote docs/reference/{name}")
    for path in stale(REFERENCE):
        path.unlink()
        print(f"removed docs/reference/{path.relative_to(REFERENCE)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
