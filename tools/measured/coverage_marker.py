"""Puts the marks of `coverage_marks` into a module's tree, and knows what each one stands for."""

from __future__ import annotations

import ast
from typing import Any, NamedTuple

NAME = "_coverage_marks_"
Decision = ast.If | ast.For | ast.AsyncFor | ast.While


class Line(NamedTuple):
    """A statement that begins."""

    line: int


class Branch(NamedTuple):
    """A decision on `line` that went into the lines from `first` to `last`, or did not."""

    line: int
    first: int
    last: int
    taken: bool


Point = Line | Branch


def marked(source: bytes, path: str, marks: str) -> tuple[ast.Module, list[Point]]:
    """A module's tree with its marks, which are in the file `marks`, and what each mark stands for."""
    marker = _Marker()
    tree = ast.parse(source, path)
    body = marker.block(tree.body)
    start = f"{NAME} = __import__('coverage_marks').opened({marks!r}, {max(1, len(marker.points))})"
    at = _after_heading(body)
    tree.body = [*body[:at], *ast.parse(start).body, *body[at:]]
    return ast.fix_missing_locations(tree), marker.points


class _Marker:
    """Marks one tree; the index of a mark is its place in `points`."""

    def __init__(self) -> None:
        self.points: list[Point] = []

    def block(self, body: list[ast.stmt], *before: ast.stmt) -> list[ast.stmt]:
        """A block with a mark before each statement; a docstring and what must stand first stay first."""
        at = _after_heading(body)
        done = [*body[:at], *before, *(self.mark(Line(node.lineno), node) for node in body[:at] if not _is_text(node))]
        for node in body[at:]:
            done += [self.mark(Line(line), node) for line in _lines(node)]
            self.inside(node)
            done.append(node)
        return done

    def inside(self, node: ast.stmt) -> None:
        """Mark the blocks of a statement."""
        match node:
            case ast.If() | ast.For() | ast.AsyncFor() | ast.While():
                taken, passed = self.outcomes(_line(node), node.body, node)
                node.body = self.block(node.body, taken)
                node.orelse = self.block(node.orelse, passed)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() | ast.With() | ast.AsyncWith():
                node.body = self.block(node.body)
            case ast.Try() | ast.TryStar():
                node.body, node.orelse = self.block(node.body), self.block(node.orelse)
                node.finalbody = self.block(node.finalbody)
                for handler in node.handlers:
                    self.handler(handler)
            case ast.Match():
                self.cases(node)

    def handler(self, node: ast.ExceptHandler) -> None:
        """The line of an `except` ran when its class was looked at, whether or not it fitted."""
        mark = self.mark(Line(node.lineno), node)
        if node.type is None:
            node.body = self.block(node.body, mark)
            return
        stored = mark.targets[0]
        assert isinstance(stored, ast.Subscript)
        call = ast.Call(ast.Attribute(stored.value, "__setitem__", ast.Load()), [stored.slice, mark.value], [])
        looked = ast.BoolOp(ast.Or(), [call, node.type])  # storing gives None, so the class remains
        _place(looked, node.type)
        node.type = looked
        node.body = self.block(node.body)

    def cases(self, node: ast.Match) -> None:
        """A case was looked at when it or a later one is entered; where all may be passed by, we add a last one."""
        looked: list[ast.stmt] = []
        for case in node.cases:
            line = case.pattern.lineno
            taken, passed = self.outcomes(line, case.body, node)
            looked.append(self.mark(Line(line), node))
            case.body = self.block(case.body, *looked, taken)
            looked.append(passed)
        if not _always(node.cases[-1]):
            node.cases.append(ast.match_case(ast.MatchAs(), None, looked))

    def outcomes(self, line: int, body: list[ast.stmt], near: ast.stmt) -> tuple[ast.stmt, ast.stmt]:
        """The marks of a decision: it went into the body, it passed it by."""
        first, last = _lines(body[0])[0], body[-1].end_lineno or body[-1].lineno
        return self.mark(Branch(line, first, last, True), near), self.mark(Branch(line, first, last, False), near)

    def mark(self, point: Point, near: ast.stmt | ast.ExceptHandler) -> ast.Assign:
        """The statement that notes the point."""
        index = ast.Constant(len(self.points))
        self.points.append(point)
        mark = ast.Assign([ast.Subscript(ast.Name(NAME, ast.Load()), index, ast.Store())], ast.Constant(1))
        _place(mark, near)
        return mark


def _place(node: ast.AST, near: Any) -> None:
    """Put new nodes on the line of an old one, so that a traceback names no line that the source has not."""
    for part in ast.walk(node):
        if isinstance(part, (ast.stmt, ast.expr)) and not hasattr(part, "lineno"):
            ast.copy_location(part, near)


def _after_heading(body: list[ast.stmt]) -> int:
    """How many statements must stay in front: the docstring and imports from __future__."""
    at = 1 if body and _is_text(body[0]) else 0
    while at < len(body) and isinstance(node := body[at], ast.ImportFrom) and node.module == "__future__":
        at += 1
    return at


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _lines(node: ast.stmt) -> list[int]:
    """The lines on which a statement begins: a decorated one on each decorator and on its own."""
    return [*(one.lineno for one in getattr(node, "decorator_list", [])), node.lineno]


def _line(node: Decision) -> int:
    return node.iter.lineno if isinstance(node, (ast.For, ast.AsyncFor)) else node.test.lineno


def _always(case: ast.match_case) -> bool:
    """Whether nothing can pass this case by."""
    pattern = case.pattern
    while isinstance(pattern, ast.MatchOr):
        pattern = pattern.patterns[-1]
    while isinstance(pattern, ast.MatchAs) and pattern.pattern is not None:
        pattern = pattern.pattern
    return case.guard is None and isinstance(pattern, ast.MatchAs) and pattern.pattern is None
