"""Importing a package without an optional part of it that would cost more than the rest."""

from __future__ import annotations

import sys
from importlib import import_module


def import_without(name: str, *unwanted: str) -> None:
    """Import a package as if these modules, which it can do without, were not installed.

    Once it is there they can be imported as ever.
    """
    if name in sys.modules:
        return
    hidden = [module for module in unwanted if module not in sys.modules]
    for module in hidden:
        sys.modules[module] = None  # type: ignore[assignment]
    try:
        import_module(name)
    finally:
        for module in hidden:
            if sys.modules.get(module, module) is None:
                del sys.modules[module]
