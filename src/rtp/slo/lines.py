"""YAML that remembers its lines and keeps numbers exact: a target of 0.999 is not the nearest binary fraction."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

import yaml

NESTED = 40
_TRUE = {"true", "yes", "on"}


class Unreadable(ValueError):
    """The text is not YAML as we read it; says at which line."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


class Document:
    """One document: its value, and the line of each path such as `$.spec.objectives[0].target`."""

    def __init__(self, node: yaml.Node) -> None:
        self.lines: dict[str, int] = {}
        self.value = self._value(node, "$", 0)

    def line(self, path: str) -> int:
        """The line of a path, or of the nearest thing around it."""
        while path not in self.lines and path:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self.lines.get(path, self.lines["$"])

    def _value(self, node: yaml.Node, path: str, depth: int) -> Any:
        self.lines.setdefault(path, node.start_mark.line + 1)
        if depth > NESTED:
            raise Unreadable(node.start_mark.line + 1, "it is nested too deeply")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, depth)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(item, f"{path}[{place}]", depth + 1) for place, item in enumerate(node.value)]
        return _scalar(node)

    def _mapping(self, node: yaml.MappingNode, path: str, depth: int) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key, item in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise Unreadable(line, "a key is text")
            if key.value in result:
                raise Unreadable(line, f"{key.value!r} stands twice")
            self.lines[f"{path}.{key.value}"] = line
            result[key.value] = self._value(item, f"{path}.{key.value}", depth + 1)
        return result


def documents(text: str) -> list[Document]:
    """Every document of a text.

    Raises: Unreadable.
    """
    try:
        # Aliases are refused: a small file could otherwise unfold into a very large one.
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, yaml.SafeLoader)):
            raise Unreadable(1, "aliases are not read")
        return [Document(node) for node in yaml.compose_all(text, yaml.SafeLoader) if not _empty(node)]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise Unreadable(mark.line + 1 if mark else 1, error.problem or "not YAML") from error
    except yaml.YAMLError as error:
        raise Unreadable(1, str(error).partition("\n")[0]) from error
    except RecursionError as error:
        raise Unreadable(1, "it is nested too deeply") from error


def _empty(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag.endswith(":null")


def _scalar(node: Any) -> Any:
    kind = node.tag.rpartition(":")[2]
    if kind == "null":
        return None
    if kind == "bool":
        return node.value.lower() in _TRUE
    if kind in ("int", "float"):
        try:
            number = Decimal(node.value.replace("_", ""))
        except InvalidOperation:
            raise Unreadable(node.start_mark.line + 1, f"{node.value!r} is not a plain decimal number") from None
        return int(number) if kind == "int" else number
    return node.value
