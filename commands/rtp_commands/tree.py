"""`rtp commands`: the whole tree, with what each command does to the world."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
import typer

from rtp_commands import lazy, pages
from rtp_commands.call import Call, Listing, local
from rtp_commands.leaf import Leaf, declaration
from rtp_commands.main import ALIASES, Row, rows

app = typer.Typer()


class Flag(msgspec.Struct, kw_only=True):
    """A flag or an argument as it is typed."""

    name: str
    names: list[str]
    kind: str
    required: bool
    metavar: str
    help: str
    choices: list[str]
    shared: bool


class Described(msgspec.Struct, kw_only=True):
    """One command; `reversible` is the command that undoes it, null with `final` true when nothing does."""

    path: str
    help: str
    text: str
    kind: str
    panel: str
    aliases: list[str]
    usage: str
    examples: list[str]
    operations: list[str]
    side_effects: str
    severity: str
    confirm: str | None
    reversible: str | None
    final: bool
    exit_codes: list[int]
    columns: list[str]
    flags: list[Flag]


@app.command("commands")
@local(columns=("path", "help"))
def commands(
    call: Call,
    noun: Annotated[str | None, typer.Argument(metavar="NOUN", help="Only this group.")] = None,
) -> Listing[Described]:
    """Print every command: path, help, examples, operations, side effects, way back, exit codes, flags.

    Examples:
        rtp commands
        rtp commands -o json --fields path,operations,reversible
    """
    wanted = ALIASES.get(noun or "", noun)
    return Listing(iter([list(describe(wanted))]), {"noun": noun} if noun else {})


def describe(noun: str | None = None) -> Iterator[Described]:
    """All commands, or those of one group, in the order of the table."""
    for row in rows():
        if row.hidden or noun not in (None, row.name):
            continue
        for verb, info in _verbs(row).items():
            if not info.hidden:
                yield _described(row, verb, info)


def leaf_of(operation: str) -> Leaf | None:
    """The declaration of the command whose write this operation is."""
    for row in rows():
        for info in _verbs(row).values():
            leaf = declaration(info.callback)
            if leaf.kind == "write" and operation in [op.id for op in leaf.operations]:
                return leaf
    return None


def _verbs(row: Row) -> dict[str, Any]:
    verbs = {lazy.name_of(info): info for info in lazy.module_of(row).app.registered_commands}
    return {row.name: verbs[row.name]} if row.leaf else verbs


def _described(row: Row, verb: str, info: Any) -> Described:
    leaf = declaration(info.callback)
    command: Any = lazy.build(verb, info)
    path = f"rtp {row.name}" if row.leaf else f"rtp {row.name} {verb}"
    text, examples = pages.split(info.callback.__doc__)
    own = pages.own_params(command, leaf)
    return Described(
        path=path,
        help=text.splitlines()[0],
        text=text,
        kind=leaf.kind,
        panel=row.panel,
        aliases=[] if row.leaf else [f"rtp {alias} {verb}" for alias, name in ALIASES.items() if name == row.name],
        usage=pages.usage(command, path, own),
        examples=examples,
        operations=[op.id for op in leaf.operations],
        side_effects=_side_effects(leaf),
        severity=leaf.severity.value if leaf.kind == "write" else "",
        confirm=leaf.confirm,
        reversible=leaf.reversible,
        final=leaf.kind == "write" and leaf.reversible is None,
        exit_codes=leaf.codes(),
        columns=list(leaf.columns),
        flags=[_flag(param, param not in own) for param in command.params],
    )


def _side_effects(leaf: Leaf) -> str:
    if leaf.kind == "write":
        return leaf.side_effects or "writes " + ", ".join(op.id for op in leaf.operations)
    return leaf.side_effects


def _flag(param: Any, shared: bool) -> Flag:
    return Flag(
        name=param.name,
        names=[*param.opts, *param.secondary_opts] if param.param_type_name == "option" else [],
        kind="switch" if getattr(param, "is_flag", False) else param.param_type_name,
        required=param.required,
        metavar=param.metavar or "",
        help=param.help or "",
        choices=[str(choice) for choice in getattr(param.type, "choices", None) or []],
        shared=shared,
    )
