"""What a command declares about itself: its operations, what it may ask, whether it can be undone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from msgspec import Struct, structs

from rtp.operations import Operation

if TYPE_CHECKING:
    from rtp_commands.table import Line

F = TypeVar("F", bound=Callable[..., Any])
Kind = Literal["read", "list", "write", "local"]
AnyOperation = Operation[Any, Any]


class Severity(Enum):
    """How carefully a write asks: mild on prod, moderate also on staging, severe wants a value typed on both."""

    MILD = "mild"
    MODERATE = "moderate"
    SEVERE = "severe"


class Waiting(Struct, frozen=True, kw_only=True):
    """How a write whose work goes on is waited for: an operation to look again, and what its state means.

    `param` is the name in the operation's path; the resource's `id` fills it; `why` names the field that
    holds the reason of a failure, `look` the command that shows it where that is not `rtp AREA show`, `tells` says
    of what failed what is true all the same, and which command goes on. Waiting ends in a `held` state too, but
    nothing is done there before somebody else acts; `of_held` says who and how.
    """

    operation: AnyOperation
    param: str
    done: frozenset[str]
    failed: frozenset[str] = frozenset()
    unknown: frozenset[str] = frozenset()
    held: frozenset[str] = frozenset()
    field: str = "state"
    why: str = ""
    look: str = ""
    tells: Callable[[Any], tuple[str, str]] | None = None
    of_held: Callable[[Any, Any], Sequence[str]] | None = None


class Begins(Struct, frozen=True, kw_only=True):
    """The commands that watch and, where that can be, stop what a write only sets going; ID stands for what it made."""

    watch: str
    stop: str = ""


class Leaf(Struct, frozen=True, kw_only=True):
    """One command's declaration; `reversible` is the command that undoes it, None means final.

    `receipt` makes what a person is shown before being asked out of the call and the request; without one, the plan.
    """

    kind: Kind
    operations: tuple[AnyOperation, ...] = ()
    severity: Severity = Severity.MILD
    confirm: str | None = None
    reversible: str | None = None
    side_effects: str = ""
    columns: tuple[str, ...] = ()
    waiting: Waiting | None = None
    begins: Begins | None = None
    exit_codes: tuple[int, ...] = ()
    receipt: Callable[[Any, Any], Sequence[Line]] | None = None

    def way_back(self, said: str) -> dict[str, bool | str | None]:
        """What a plan in a machine format says of what it would do: whether that is final, else what undoes it."""
        return {"final": self.reversible is None, "undo": said.removeprefix("undo: ") if self.reversible else None}

    def codes(self) -> list[int]:
        """The exit codes that this command may end with."""
        network = {3, 4, 13, 14} if self.operations else set()
        by_kind = {"read": {5}, "list": set(), "write": {5, 6, 7, 9}, "local": set()}[self.kind]
        return sorted({0, 1, 2, 130, 143} | network | by_kind | set(self.exit_codes))


def read(
    *operations: AnyOperation, columns: tuple[str, ...] = (), exit_codes: tuple[int, ...] = ()
) -> Callable[[F], F]:
    """Declare a command that reads one thing."""
    return _declare(Leaf(kind="read", operations=operations, columns=columns, exit_codes=exit_codes))


def listing(
    *operations: AnyOperation, columns: tuple[str, ...] = (), exit_codes: tuple[int, ...] = ()
) -> Callable[[F], F]:
    """Declare a command that lists; `columns` are the fields of its table."""
    return _declare(Leaf(kind="list", operations=operations, columns=columns, exit_codes=exit_codes))


def write(
    *operations: AnyOperation,
    severity: Severity = Severity.MILD,
    confirm: str | None = None,
    reversible: str | None = None,
    side_effects: str = "",
    columns: tuple[str, ...] = (),
    waiting: Waiting | None = None,
    begins: Begins | None = None,
    exit_codes: tuple[int, ...] = (),
    receipt: Callable[[Any, Any], Sequence[Line]] | None = None,
) -> Callable[[F], F]:
    """Declare a command that changes something; `confirm` names the parameter to be typed when it is severe."""
    if (severity is Severity.SEVERE) != (confirm is not None):
        raise TypeError("a severe command names what is to be typed, and only a severe one does")
    waits = {7, 9, 14} if waiting else set()
    codes = tuple({*exit_codes, *waits})
    return _declare(
        Leaf(
            kind="write",
            operations=operations,
            severity=severity,
            confirm=confirm,
            reversible=reversible,
            side_effects=side_effects,
            columns=columns,
            waiting=waiting,
            begins=begins,
            exit_codes=codes,
            receipt=receipt,
        )
    )


def local(
    *operations: AnyOperation,
    side_effects: str = "",
    columns: tuple[str, ...] = (),
    exit_codes: tuple[int, ...] = (),
) -> Callable[[F], F]:
    """Declare a command that is no single request; `side_effects` says what it changes, empty means nothing.

    `operations` are those that it works with while it runs.
    """
    return _declare(
        Leaf(kind="local", operations=operations, side_effects=side_effects, columns=columns, exit_codes=exit_codes)
    )


def declaration(function: Any) -> Leaf:
    """The declaration of a command's function.

    Raises: TypeError for a function without one.
    """
    leaf = getattr(function, "rtp_leaf", None)
    if not isinstance(leaf, Leaf):
        raise TypeError(f"{function.__module__}.{function.__name__} is not declared with read, listing, write or local")
    return leaf


def fields_of(kind: Any) -> list[str]:
    """The names of a struct's fields on the wire; nothing for other types."""
    if isinstance(kind, type) and issubclass(kind, Struct):
        return [field.encode_name for field in structs.fields(kind)]
    return []


def _declare(leaf: Leaf) -> Callable[[F], F]:
    def mark(function: F) -> F:
        function.rtp_leaf = leaf  # type: ignore[attr-defined]
        return function

    return mark
