"""The three flag sets: what every command takes, what every list adds, what every write adds."""

from __future__ import annotations

import inspect
from typing import Annotated, Any, Literal

import typer
from msgspec import Struct

from rtp_commands.arguments import instant

Format = Literal["table", "json", "ndjson", "yaml", "csv", "ids"]

EVERY: dict[str, tuple[Any, Any]] = {
    "output": (
        Annotated[Format, typer.Option("--output", "-o", metavar="FORMAT", help="table|json|ndjson|yaml|csv|ids")],
        "table",
    ),
    "fields": (Annotated[str | None, typer.Option("--fields", metavar="A,B", help="Only these fields.")], None),
    "context": (Annotated[str | None, typer.Option("--context", metavar="NAME", help="The server to use.")], None),
    "timeout": (
        Annotated[float, typer.Option("--timeout", metavar="SECONDS", min=0.001, help="Longest wait for an answer.")],
        30.0,
    ),
    "quiet": (Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing on stderr but errors.")], False),
    "verbose": (Annotated[bool, typer.Option("--verbose", "-v", help="Show each request on stderr.")], False),
}
LIST: dict[str, tuple[Any, Any]] = {
    "limit": (Annotated[int, typer.Option("--limit", metavar="N", min=1, max=500, help="Length of a page.")], 50),
    "all": (Annotated[bool, typer.Option("--all", help="Every page, as they come.")], False),
    "cursor": (Annotated[str | None, typer.Option("--cursor", metavar="CURSOR", help="Continue a list.")], None),
    "since": (
        Annotated[
            str | None, typer.Option("--since", metavar="WHEN", parser=instant, help="From: 2026-11-01, 24h, 7d.")
        ],
        None,
    ),
    "until": (
        Annotated[str | None, typer.Option("--until", metavar="WHEN", parser=instant, help="Before: 2026-11-01, 1h.")],
        None,
    ),
    "sort": (Annotated[str | None, typer.Option("--sort", metavar="FIELD", help="Order; -FIELD reverses it.")], None),
}
WRITE: dict[str, tuple[Any, Any]] = {
    "dry_run": (
        Annotated[bool, typer.Option("--dry-run", help="Let the server work it out and change nothing.")],
        False,
    ),
    "plan": (
        Annotated[str | None, typer.Option("--plan", metavar="ID", help="Carry out this plan of a dry run.")],
        None,
    ),
    "yes": (
        Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; severe writes still want --confirm.")],
        False,
    ),
    "reason": (Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why; goes to the audit.")], None),
    "idempotency_key": (
        Annotated[str | None, typer.Option("--idempotency-key", metavar="KEY", help="Your own key for this intent.")],
        None,
    ),
    "wait": (Annotated[bool, typer.Option("--wait/--no-wait", help="Wait up to --timeout for the outcome.")], True),
}
CONFIRM: dict[str, tuple[Any, Any]] = {
    "confirm": (
        Annotated[str | None, typer.Option("--confirm", metavar="VALUE", help="What a terminal would want typed.")],
        None,
    ),
}
SETS = {"every command": EVERY, "every list": LIST, "every write": WRITE}


class Flags(Struct, frozen=True, kw_only=True):
    """The values of the flag sets in one call; sets that a command lacks keep their defaults."""

    output: Format = "table"
    fields: str | None = None
    context: str | None = None
    timeout: float = 30.0
    quiet: bool = False
    verbose: bool = False
    limit: int = 50
    all: bool = False
    cursor: str | None = None
    since: str | None = None
    until: str | None = None
    sort: str | None = None
    dry_run: bool = False
    plan: str | None = None
    yes: bool = False
    reason: str | None = None
    idempotency_key: str | None = None
    wait: bool = True
    confirm: str | None = None


def of_kind(kind: str, *, severe: bool = False) -> dict[str, tuple[Any, Any]]:
    """The flags of a kind of command: read, list, write or local."""
    extra = LIST if kind == "list" else WRITE if kind == "write" else {}
    return EVERY | extra | (CONFIRM if severe else {})


def parameters(flags: dict[str, tuple[Any, Any]]) -> list[inspect.Parameter]:
    """The flags as parameters for a command's signature."""
    return [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=kind, default=default)
        for name, (kind, default) in flags.items()
    ]


def names(flags: dict[str, tuple[Any, Any]]) -> list[str]:
    """The flags as they are typed."""
    return ["/".join(declared(kind)) for kind, _ in flags.values()]


def declared(kind: Any) -> list[str]:
    """How one flag may be typed: its names."""
    option = _option(kind)
    return [option.default, *(option.param_decls or ())]


def describe() -> str:
    """The page `rtp help flags`."""
    lines = []
    for title, flags in SETS.items():
        lines += [title.upper()]
        for kind, _ in flags.values():
            option = _option(kind)
            typed = ", ".join(declared(kind))
            shown = f"{typed} {option.metavar}" if option.metavar else typed
            lines.append(f"  {shown:<28}{option.help}")
        lines.append("")
    return "\n".join(lines).rstrip()


def _option(kind: Any) -> Any:
    return kind.__metadata__[0]
