"""Run one named command: load its module, and turn whatever it raises into a message and an exit code."""

from __future__ import annotations

import gc
import signal
import sys
from typing import Any, NoReturn

import typer
from typer._click.exceptions import BadParameter, MissingParameter, NoSuchOption, UsageError
from typer.exceptions import TyperException

from rtp.errors import ExitCode, Problem, RtpError
from rtp_commands import lazy
from rtp_commands.errors import Terminated
from rtp_commands.failures import tell, tell_problem
from rtp_commands.main import Row, closed_pipe
from rtp_commands.words import closest


def run(row: Row, arguments: list[str], *, debug: bool = False) -> int:
    """Run a row's command with the rest of the command line; the value is the exit code."""
    signal.signal(signal.SIGTERM, _terminate)
    _prepare_streams()
    try:
        return _run(row, arguments)
    except typer.Exit as finished:
        return finished.exit_code
    except (typer.Abort, KeyboardInterrupt):
        print("Interrupted.", file=sys.stderr)
        return ExitCode.INTERRUPTED
    except Terminated:
        return ExitCode.TERMINATED
    except RtpError as error:
        if debug:
            raise
        return tell(error, arguments)
    except TyperException as error:
        return tell_problem(_usage(error, row), arguments)
    except BrokenPipeError:
        return closed_pipe()
    except Exception as error:  # the last line of defence: told as unexpected, never carried on from
        if debug:
            raise
        return tell_problem(_unexpected(error), arguments)


def _run(row: Row, arguments: list[str]) -> int:
    command = lazy.load(row)
    gc.enable()
    with command.make_context(f"rtp {row.name}", list(arguments)) as context:
        code = command.invoke(context)
    sys.stdout.flush()
    return code if isinstance(code, int) else 0


def _terminate(*_: Any) -> NoReturn:
    raise Terminated


def _prepare_streams() -> None:
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]


def _usage(error: TyperException, row: Row) -> Problem:
    message = " ".join(error.format_message().split())
    path = f"rtp {row.name}"
    if isinstance(error, UsageError) and error.ctx is not None:
        path = error.ctx.command_path
        if isinstance(error, NoSuchOption):
            message = _no_such_option(error)
    fields = {}
    if isinstance(error, BadParameter) and not isinstance(error, MissingParameter) and error.param is not None:
        fields = {str(error.param.name): error.message}
    return Problem(
        status=400,
        code="usage",
        detail=message,
        still="Nothing was sent.",
        hint=f"{path} --help",
        exit_code=int(ExitCode.USAGE),
        params={"fields": fields} if fields else {},
    )


def _no_such_option(error: NoSuchOption) -> str:
    known = [name for param in error.ctx.command.params for name in param.opts] if error.ctx else []
    near = closest(error.option_name, [name for name in known if name.startswith("--")])
    guess = f" Did you mean {' or '.join(near)}?" if near else ""
    return f"There is no flag {error.option_name}.{guess}"


def _unexpected(error: Exception) -> Problem:
    command = " ".join(["rtp --debug", *sys.argv[1:3], "…"])
    return Problem(
        code="unexpected",
        detail=f"Something unexpected went wrong: {type(error).__name__}: {error}",
        hint=f"see where: {command}",
        exit_code=int(ExitCode.UNEXPECTED),
    )
