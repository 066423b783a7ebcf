"""Asking before a write: only on a terminal; elsewhere the same answer comes by a flag."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING

from rtp_commands.errors import ConfirmationNeeded, ConfirmationWrong, NotConfirmed, Terminated
from rtp_commands.leaf import Severity

if TYPE_CHECKING:
    from rtp_commands.call import Call

ASKS = {
    Severity.MILD: frozenset({"prod"}),
    Severity.MODERATE: frozenset({"prod", "staging"}),
    Severity.SEVERE: frozenset({"prod", "staging"}),
}


def wanted(severity: Severity, environment: str) -> bool:
    """Whether a write of this severity asks in this class of environment."""
    return environment in ASKS[severity]


def confirm(call: Call, environment: str, value: str) -> None:
    """Get the confirmation; `value` is what a severe write wants typed.

    Raises: ConfirmationNeeded, ConfirmationWrong, NotConfirmed.
    """
    if call.leaf.severity is Severity.SEVERE:
        _typed(call, environment, value)
    elif not call.flags.yes:
        _agreed(call, environment)


def _typed(call: Call, environment: str, value: str) -> None:
    given = call.flags.confirm
    if given is None and not interactive():
        command = f"{command_line()} --confirm {shlex.quote(value)}"
        raise ConfirmationNeeded(
            environment=environment, where=call.target.where, wanted=f"--confirm {value}", command=command
        )
    if given is None:
        given = _ask(f"This changes {environment}. Type {value} to go on: ")
    given = given.strip()
    if given != value:
        raise ConfirmationWrong(given=repr(given), wanted=repr(value))


def _agreed(call: Call, environment: str) -> None:
    if not interactive():
        raise ConfirmationNeeded(
            environment=environment, where=call.target.where, wanted="--yes", command=f"{command_line()} --yes"
        )
    if _ask(f"This changes {environment} ({call.target.where}). Go on? [y/N] ").strip().lower() not in ("y", "yes"):
        raise NotConfirmed()


def interactive() -> bool:
    """Whether a person can be asked: both ends are a terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def command_line() -> str:
    """The command as it was typed."""
    return shlex.join(["rtp", *sys.argv[1:]])


def _ask(question: str) -> str:
    sys.stderr.write(question)
    sys.stderr.flush()
    try:
        line = sys.stdin.readline()
    except (KeyboardInterrupt, Terminated):
        sys.stderr.write("\nNothing was changed.\n")
        raise
    if not line:
        sys.stderr.write("\n")
        raise NotConfirmed()
    return line
