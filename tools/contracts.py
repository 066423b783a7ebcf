"""Import contracts of our own, run by import-linter: what may be imported directly, by pattern."""

from __future__ import annotations

import re
from collections.abc import Iterable

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output

Broken = list[tuple[str, str, int | None]]


class OnlyContract(Contract):
    """Of the packages `within`, the modules of `source` may directly import nothing but `allowed`.

    A pattern is a module with all below it, `*` one part of a name, and `=` in front means that module alone.
    """

    source = fields.StringField()
    within = fields.ListField(subfield=fields.StringField())
    allowed = fields.ListField(subfield=fields.StringField())
    except_for = fields.ListField(subfield=fields.StringField(), required=False, default=[])

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Compare every direct import out of the source with the allowed patterns."""
        return _judge(
            (importer, imported, line)
            for importer, imported, line in _imports(graph)
            if _below(importer, [str(self.source)])
            and _below(imported, _texts(self.within))
            and not _below(imported, _texts(self.allowed))
            and not _below(importer, _texts(self.except_for))
        )

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Name each import that is not allowed."""
        _render(check, f"may import only {', '.join(_texts(self.allowed)) or 'nothing of ours'}")


class AreasContract(Contract):
    """An area of `root` uses another area only through the modules in `doors`.

    `also` names modules that are doors as well: use cases that were split off a service, and ports.
    """

    root = fields.StringField()
    doors = fields.ListField(subfield=fields.StringField())
    not_areas = fields.ListField(subfield=fields.StringField())
    also = fields.ListField(subfield=fields.StringField(), required=False, default=[])

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Compare every import from one area into another with the doors."""
        return _judge(
            (importer, imported, line)
            for importer, imported, line in _imports(graph)
            if self._breaks(importer, imported)
        )

    def _breaks(self, importer: str, imported: str) -> bool:
        here, there = self._area(importer), self._area(imported)
        if here is None or there is None or here == there:
            return False
        parts = imported.split(".")
        return len(parts) > 2 and parts[2] not in _texts(self.doors) and not _below(imported, _texts(self.also))

    def _area(self, module: str) -> str | None:
        parts = module.split(".")
        inside = parts[0] == str(self.root) and len(parts) > 2
        return parts[1] if inside and parts[1] not in _texts(self.not_areas) else None

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Name each import that goes past a door."""
        _render(check, f"reaches into another area past its {', '.join(_texts(self.doors))}")


def _imports(graph: ImportGraph) -> Iterable[tuple[str, str, int | None]]:
    for importer in sorted(graph.modules):
        for imported in sorted(graph.find_modules_directly_imported_by(importer)):
            details = graph.get_import_details(importer=importer, imported=imported)
            yield importer, imported, details[0]["line_number"] if details else None


def _judge(found: Iterable[tuple[str, str, int | None]]) -> ContractCheck:
    broken: Broken = list(found)
    return ContractCheck(kept=not broken, metadata={"broken": broken})


def _render(check: ContractCheck, rule: str) -> None:
    for importer, imported, line in check.metadata["broken"]:
        output.print_error(f"{importer} (l.{line}) imports {imported}, but {rule}")


def _texts(values: object) -> list[str]:
    return [str(value) for value in values] if isinstance(values, Iterable) else []


def _below(module: str, patterns: Iterable[str]) -> bool:
    return any(re.match(_expression(pattern), module) for pattern in patterns)


def _expression(pattern: str) -> str:
    if pattern.startswith("="):
        return re.escape(pattern[1:]) + "$"
    return re.escape(pattern).replace(r"\*", r"[^.]+") + r"(\.|$)"
