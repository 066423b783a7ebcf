"""One call of a command: its flags, its client, its output; and how a declared function becomes a command."""

from __future__ import annotations

import inspect
import os
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar, get_type_hints

from msgspec import Struct

from rtp.errors import ExitCode
from rtp.operations import Operation
from rtp_commands.errors import Usage
from rtp_commands.leaf import Begins, Leaf, Severity, Waiting, declaration, listing, local, read, write
from rtp_commands.words import printable_input

if TYPE_CHECKING:
    from rtp.client import Client, Target
    from rtp.plans.schemas import Asked
    from rtp.settings import Settings
    from rtp_commands.flags import Flags
    from rtp_commands.output import Output

__all__ = ["Begins", "Call", "Listing", "Result", "Severity", "Waiting", "listing", "local", "read", "write"]

B = TypeVar("B")
R = TypeVar("R")
SHARED = frozenset({"reason"})
"""Flags that a command may take as its own, required parameter."""


class Result(Struct, frozen=True):
    """What a command gives back when its exit code is not 0, or when it has something to say with it."""

    value: Any
    exit_code: ExitCode = ExitCode.OK
    said: str = ""


class Listing(Struct, Generic[R]):
    """A list as it comes: pages, the cursor of what follows, and the filters that made it."""

    pages: Iterator[Sequence[R]]
    filters: dict[str, Any]
    next: str | None = None


class Call:
    """What a command's function is given: the three moves are `read`, `list` and `write`."""

    def __init__(self, leaf: Leaf, flags: Flags, given: dict[str, Any]) -> None:
        self.leaf = leaf
        self.flags = flags
        self.given = given
        from rtp_commands.output import Output

        self.output: Output = Output(flags.output, fields=flags.fields, quiet=flags.quiet, columns=leaf.columns)

    @cached_property
    def settings(self) -> Settings:
        """The settings of this machine."""
        from rtp.settings import load

        return load()

    @cached_property
    def target(self) -> Target:
        """The server this call talks to."""
        from rtp_commands.context_store import resolve

        return resolve(self.settings, os.environ, self.flags.context)

    @cached_property
    def client(self) -> Client:
        """The client, opened when it is first used."""
        from rtp.client import Client

        return Client(self.target, timeout=self.flags.timeout, watch=self._watch if self.flags.verbose else None)

    @cached_property
    def environment(self) -> str:
        """The class of the environment, as the server says; asked once, and only when it is needed."""
        from rtp.meta.schemas import WHOAMI

        return self.client.read(WHOAMI).environment

    def read(self, op: Operation[B, R], body: B | None = None, **params: Any) -> R:
        """Read one thing."""
        return self.client.read(op, body, **params)

    def list(self, op: Operation[None, R], **filters: Any) -> Listing[R]:
        """List things, with the flags of every list; `--all` goes on page by page."""
        flags = self.flags
        span = {"since": flags.since, "until": flags.until, "sort": flags.sort}
        wanted = filters | span | {"limit": flags.limit, "cursor": flags.cursor}
        result: Listing[R] = Listing(iter(()), {name: value for name, value in (filters | span).items() if value})

        def pages() -> Iterator[Sequence[R]]:
            for page in self.client.pages(op, **wanted):
                result.next = page.next
                yield page.items
                if not flags.all:
                    return

        result.pages = pages()
        return result

    def write(self, op: Operation[B, R], body: B | None = None, **params: Any) -> R:
        """Change something: asked for, journalled, sent once, waited for; ends the call when it is only a dry run."""
        from rtp_commands.writing import send

        return send(self, op, body, params)

    def say(self, text: str) -> None:
        """Tell the person something, on stderr."""
        self.output.say(text)

    def close(self) -> None:
        """Close the client, if one was opened."""
        if "client" in self.__dict__:
            self.client.close()

    def _watch(self, method: str, path: str, status: int, millis: int, request_id: str) -> None:
        self.say(f"{method} {path} → {status} in {millis} ms ({request_id or 'no request id'}) at {self.target.where}")


class Planned(Exception):
    """Ends a call whose dry run gave a plan."""

    def __init__(self, plan: Any, asked: Asked | None = None) -> None:
        super().__init__(plan.id)
        self.plan, self.asked = plan, asked


def bound(function: Callable[..., Any]) -> Callable[..., int]:
    """The function as Typer sees it: its own parameters, then the flags of its kind."""
    from rtp_commands import flags as flag_sets

    leaf = declaration(function)
    hints = get_type_hints(function, include_extras=True)
    own = [
        parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY)
        for name, parameter in inspect.signature(function).parameters.items()
        if hints[name] is not Call
    ]
    names = {parameter.name for parameter in own}
    added = flag_sets.of_kind(leaf.kind, severe=leaf.severity is Severity.SEVERE)
    if clash := names & (added.keys() - SHARED):
        raise TypeError(f"{function.__name__} has parameters of the common flags' names: {', '.join(sorted(clash))}")
    extra = flag_sets.parameters({name: flag for name, flag in added.items() if name not in names})

    def command(**values: Any) -> int:
        given = {name: values[name] for name in names}
        common = {name: values[name] for name in flag_sets.Flags.__struct_fields__ if name in values}
        return run(function, Call(leaf, flag_sets.Flags(**common), given), own)

    signature = inspect.Signature([*own, *extra])
    command.__signature__ = signature  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in signature.parameters.values()}
    command.__doc__ = function.__doc__
    return command


def run(function: Callable[..., Any], call: Call, own: Sequence[inspect.Parameter]) -> int:
    """Run a command's function and hand on what it returns; the value is the exit code."""
    _check_texts(call.given)
    for op in call.leaf.operations[:1]:
        call.output.check_fields(op.returns)
    try:
        return _finish(call, _result(function, call, own))
    except Planned as planned:
        from rtp_commands.planned import show_plan

        return show_plan(call, planned.plan, planned.asked)
    finally:
        call.close()


def _result(function: Callable[..., Any], call: Call, own: Sequence[inspect.Parameter]) -> Any:
    if call.flags.plan:
        missing = [one.name for one in own if one.default is one.empty and call.given[one.name] is None]
        if all(value in (None, [], False) or value == _default(own, name) for name, value in call.given.items()):
            from rtp_commands.writing import apply_plan

            return apply_plan(call, call.flags.plan)
        if missing:
            raise Usage(what=f"--plan stands alone, or with the whole command: {', '.join(missing)} is missing")
    wants_call = next(iter(get_type_hints(function).values()), None) is Call
    return function(call, **call.given) if wants_call else function(**call.given)


def _default(own: Sequence[inspect.Parameter], name: str) -> Any:
    return next((one.default for one in own if one.name == name), None)


def _finish(call: Call, result: Any) -> int:
    done = result if isinstance(result, Result) else Result(result)
    if isinstance(done.value, Listing):
        _finish_list(call, done.value)
    elif done.value is not None:
        call.output.one(done.value)
    sys.stdout.flush()
    for said in [done.said] if done.said else _of_held(call, done.value):
        call.say(said)
    return int(done.exit_code)


def _of_held(call: Call, value: Any) -> Sequence[str]:
    """What is to be said of what was accepted and waits for somebody else."""
    waiting = call.leaf.waiting
    if waiting is None or waiting.of_held is None or str(getattr(value, waiting.field, "")) not in waiting.held:
        return []
    return waiting.of_held(call, value)


def _finish_list(call: Call, result: Listing[Any]) -> None:
    count = call.output.many(result.pages)
    sys.stdout.flush()
    made = ", ".join(f"{name} {value}" for name, value in result.filters.items())
    shown = f"{count} shown" + (f" ({made})" if made else "")
    call.say(f"{shown}; more: {_next_page(result.next)}" if result.next else f"{shown}, that is all")


def _next_page(cursor: str) -> str:
    words, skip = [], False
    for word in sys.argv[1:]:
        if skip or word.startswith("--cursor="):
            skip = False
        elif word == "--cursor":
            skip = True
        else:
            words.append(word)
    return shlex.join(["rtp", *words, "--cursor", cursor])


def _check_texts(given: dict[str, Any]) -> None:
    for name, value in given.items():
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str):
                try:
                    printable_input(text)
                except ValueError as error:
                    raise Usage(what=f"{name}: {error}") from error
