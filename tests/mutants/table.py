"""The mutants: one guard removed each, and the named test that must turn red without it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """`old` stands exactly once in `file`; replaced by `new`, `test` must fail."""

    name: str
    file: str
    old: str
    new: str
    test: str


MUTANTS: list[Mutant] = []
