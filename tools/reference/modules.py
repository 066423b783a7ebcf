"""Finding what the code declares: every module, every operation, every error."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from typing import Any, TypeVar

from rtp.operations import Operation

PACKAGES = ("rtp", "rtp_server", "rtp_commands")
NOT_IMPORTED = ("rtp.testing", "rtp.db.migrations")
"""The first needs pytest around it; the second is run by alembic only."""

T = TypeVar("T")


def import_all() -> list[str]:
    """Import every module of the three packages and return their names."""
    names: list[str] = []
    for root in PACKAGES:
        package = importlib.import_module(root)
        for module in pkgutil.walk_packages(package.__path__, root + "."):
            if not module.name.startswith(NOT_IMPORTED) and not module.name.endswith("__main__"):
                importlib.import_module(module.name)
                names.append(module.name)
    return names


def subclasses(of: type[T]) -> list[type[T]]:
    """All public subclasses of a class in our packages, itself included."""
    found: list[type[T]] = [of]
    for known in found:
        found.extend(child for child in known.__subclasses__() if child not in found)
    return [one for one in found if one.__module__.split(".")[0] in PACKAGES and not one.__name__.startswith("_")]


def operations() -> list[Operation[Any, Any]]:
    """Every operation that an area's schemas declare, by id."""
    found: dict[str, Operation[Any, Any]] = {}
    for name, module in list(sys.modules.items()):
        if name.startswith("rtp.") and name.endswith("schemas"):
            found |= {value.id: value for value in vars(module).values() if isinstance(value, Operation)}
    return [found[key] for key in sorted(found)]
