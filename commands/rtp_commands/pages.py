"""Help pages: what it does, real examples first, arguments, the shared flags in short, effects and exit codes."""

from __future__ import annotations

import inspect
import os
import sys
from typing import TYPE_CHECKING, Any

from rtp_commands.leaf import Leaf, Severity, fields_of

if TYPE_CHECKING:
    from rtp_commands.main import Row

WIDE = 80


def split(doc: str | None) -> tuple[str, list[str]]:
    """A docstring as its text and its examples (the indented lines after `Examples:`)."""
    text, _, examples = inspect.cleandoc(doc or "").partition("Examples:\n")
    return text.strip(), [line.strip() for line in examples.splitlines() if line.strip()]


def of_noun(row: Row, verbs: dict[str, Any], part: str = "") -> str:
    """The page of a group, or of one part of it: its verbs, each with one line."""
    path = f"rtp {row.name} {part}".rstrip()
    lines = [row.help + ".", "", _head("USAGE"), f"  {path} <verb> [ARG] [--flags]", "", _head("VERBS")]
    verbs = {name.removeprefix(f"{part} "): info for name, info in verbs.items()} if part else verbs
    left = max((len(name) for name in verbs), default=0) + 2
    for name, info in verbs.items():
        if not info.hidden:
            first, *rest = _wrap(split(info.callback.__doc__)[0].splitlines()[0], 0, WIDE - 2 - left)
            lines += [f"  {name:<{left}}{first}", *(" " * (left + 2) + more for more in rest)]
    example = next((example for info in verbs.values() for example in split(info.callback.__doc__)[1]), None)
    if example:
        lines += ["", _head("EXAMPLE"), f"  {example}"]
    return "\n".join([*lines, "", _head("READ ON"), f"  {path} <verb> --help"])


def of_verb(command: Any, path: str) -> str:
    """The page of one command."""
    leaf: Leaf = command.leaf
    text, examples = split(command.help)
    own = own_params(command, leaf)
    lines = [*_paragraphs(text), "", _head("EXAMPLES"), *(f"  {example}" for example in examples), ""]
    lines += [_head("USAGE"), "  " + usage(command, path, own), ""]
    arguments = [param for param in own if param.param_type_name == "argument"]
    options = [param for param in own if param.param_type_name == "option"]
    for title, params in (("ARGUMENTS", arguments), ("FLAGS", options)):
        if params:
            lines += [_head(title), *_described(params), ""]
    lines += _shared(leaf)
    lines += [_head("EFFECT"), *(part for line in effects(leaf) for part in _wrap(line, 2)), ""]
    if known := _fields(leaf):
        lines += [_head("FIELDS"), *_wrap(", ".join(known), 2), ""]
    codes = ", ".join(str(code) for code in leaf.codes())
    return "\n".join([*lines, f"{_head('EXIT CODES')} (rtp help exit-codes)", f"  {codes}"])


def _paragraphs(text: str) -> list[str]:
    lines: list[str] = []
    for paragraph in text.split("\n\n"):
        lines += [*([""] if lines else []), *_wrap(" ".join(paragraph.split()), 0)]
    return lines


def own_params(command: Any, leaf: Leaf) -> list[Any]:
    """The parameters that are not one of the shared flags."""
    from rtp_commands import flags as flag_sets

    shared = flag_sets.of_kind(leaf.kind).keys()
    return [param for param in command.params if param.name not in shared or param.required]


def usage(command: Any, path: str, own: list[Any]) -> str:
    """The line that shows how it is typed."""
    words = [path]
    for param in own:
        if param.param_type_name == "argument":
            name = param.metavar or param.name.upper()
            words.append(name if param.required or name.startswith("[") else f"[{name}]")
        elif param.required:
            words.append(f"{param.opts[0]} {param.metavar or param.name.upper()}")
    return " ".join([*words, "[--flags]"])


def effects(leaf: Leaf) -> list[str]:
    """What a command changes and whether it can be undone."""
    if leaf.kind in ("read", "list"):
        return ["changes nothing"]
    if leaf.kind == "local":
        return [leaf.side_effects or "changes nothing"]
    asks = {
        Severity.MILD: "asks on prod",
        Severity.MODERATE: "asks on prod and staging",
        Severity.SEVERE: f"wants {(leaf.confirm or '').upper()} typed (or --confirm) on prod and staging",
    }[leaf.severity]
    way_back = f"reversible by: {leaf.reversible}" if leaf.reversible else "final: it cannot be undone"
    names = ", ".join(op.id for op in leaf.operations)
    return [f"{leaf.side_effects or 'writes'} ({names}); {asks}", way_back]


def _described(params: list[Any]) -> list[str]:
    shown = [(_declared(param), _help(param)) for param in params]
    left = min(30, max(len(name) for name, _ in shown) + 2)
    lines = []
    for name, help in shown:
        first, *rest = _wrap(help, 0, WIDE - 2 - left) or [""]
        lines += [f"  {name:<{left}}{first}" if len(name) < left else f"  {name}\n{'':<{left + 2}}{first}"]
        lines += [" " * (left + 2) + more for more in rest]
    return lines


def _declared(param: Any) -> str:
    if param.param_type_name == "argument":
        return str(param.metavar or param.name.upper())
    names = ", ".join([*param.opts, *param.secondary_opts])
    return names if param.is_flag else f"{names} {param.metavar or param.name.upper()}"


def _help(param: Any) -> str:
    choices = getattr(param.type, "choices", None)
    text = param.help or ""
    if choices and len(choices) <= 6:
        text += f" One of {', '.join(choices)}."
    if param.default not in (None, False, "", ...) and not callable(param.default):
        text += f" Default {param.default}."
    return text.strip() + (" (required)" if param.required and param.param_type_name == "option" else "")


def _shared(leaf: Leaf) -> list[str]:
    from rtp_commands import flags as flag_sets

    lines = [_head("EVERY COMMAND"), *_wrap("  ".join(flag_sets.names(flag_sets.EVERY)), 2)]
    if leaf.kind == "list":
        lines += [_head("EVERY LIST"), *_wrap("  ".join(flag_sets.names(flag_sets.LIST)), 2)]
    if leaf.kind == "write":
        lines += [_head("EVERY WRITE"), *_wrap("  ".join(flag_sets.names(flag_sets.WRITE)), 2)]
    return [*lines, "  described by: rtp help flags", ""]


def _fields(leaf: Leaf) -> list[str]:
    return fields_of(leaf.operations[0].returns) if leaf.operations else []


def _wrap(text: str, indent: int, wide: int = WIDE) -> list[str]:
    import textwrap

    space = " " * indent
    return textwrap.wrap(
        text, wide, initial_indent=space, subsequent_indent=space, break_on_hyphens=False, break_long_words=False
    )


def _head(text: str) -> str:
    plain = "NO_COLOR" in os.environ or not sys.stdout.isatty() or os.environ.get("TERM") == "dumb"
    return text if plain else f"\x1b[1m{text}\x1b[0m"
