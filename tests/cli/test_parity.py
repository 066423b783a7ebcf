"""Nothing is operable only through the API: each operation has a command whose arguments reach all that it needs."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import re
from collections import defaultdict
from typing import Any

import msgspec
import pytest

import rtp
from rtp.operations import Operation
from rtp_commands import tree


def operations() -> list[Operation[Any, Any]]:
    """Every operation that an area declares."""
    found = []
    for module in pkgutil.iter_modules(rtp.__path__):
        name = f"rtp.{module.name}.schemas"
        if module.ispkg and importlib.util.find_spec(name):
            values = vars(importlib.import_module(name)).values()
            found += [value for value in values if isinstance(value, Operation)]
    return found


COMMANDS = list(tree.describe())
REACHED: dict[str, list[tree.Described]] = defaultdict(list)
for _command in COMMANDS:
    for _id in _command.operations:
        REACHED[_id].append(_command)


@pytest.mark.parametrize("operation", operations(), ids=lambda operation: operation.id)
def test_each_operation_has_a_command_that_reaches_what_it_requires(operation: Operation[Any, Any]) -> None:
    commands = REACHED[operation.id]
    assert commands, f"no command declares {operation.id}"
    names = {flag.name for command in commands for flag in command.flags}
    wanted = set(re.findall(r"\{(\w+)\}", operation.path))
    if operation.body is not None and operation.media == "json" and "file" not in names:
        wanted |= {field.name for field in msgspec.structs.fields(operation.body) if field.required}
    assert {name for name in wanted if not {name, f"{name}_id", name.removesuffix("_id")} & names} == set()


def test_each_operation_that_a_command_names_is_declared_by_an_area() -> None:
    assert REACHED.keys() <= {operation.id for operation in operations()}


def test_the_status_of_a_plan_is_that_of_no_answer() -> None:
    assert [operation.id for operation in operations() if operation.status == 202] == []
