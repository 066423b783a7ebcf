"""What can go wrong between a client and a server."""

from __future__ import annotations

import re

import msgspec

from rtp import __version__
from rtp.errors import EXIT_BY_STATUS, ExitCode, Problem, RtpError


class ApiError(RtpError):
    """The server refused the request."""

    def __init__(self, problem: Problem | None, *, status: int, where: str) -> None:
        self._problem = problem or Problem(
            status=status,
            code="foreign_answer",
            detail=f"{where} answered {status}, and not in the form of an rtp server.",
            hint="rtp context show",
            exit_code=int(ExitCode.UNREACHABLE if status < 300 else EXIT_BY_STATUS.get(status, ExitCode.UNEXPECTED)),
        )
        super().__init__()

    @property
    def message(self) -> str:
        """What the server said."""
        return self._problem.detail

    def problem(self, request_id: str = "") -> Problem:
        """The problem as the server sent it."""
        return self._problem


class Unreachable(RtpError):
    """No server answers at {where}: {why}"""

    status = 503
    exit_code = ExitCode.UNREACHABLE
    retryable = True
    still = "Nothing was sent that could change anything."
    hint = "rtp status"


class ServerTimedOut(RtpError):
    """The server at {where} did not answer within {seconds} s."""

    status = 504
    exit_code = ExitCode.TIMED_OUT
    retryable = True
    still = "Nothing was changed."
    hint = "repeat it with a longer --timeout"


class OutcomeUnknown(RtpError):
    """The change was sent to {where}, but no answer came back: {why}"""

    status = 504
    exit_code = ExitCode.UNKNOWN_OUTCOME
    still = "It may have been carried out. Do not send it again by hand; the retry repeats it safely."
    hint = "rtp retry {op}"


class VersionsDiffer(RtpError):
    """The server at {where} is rtp {theirs}, this is rtp {ours}, which does not understand its answer: {why}"""

    status = 502
    exit_code = ExitCode.CONFLICT
    still = "Nothing was changed."
    hint = "pip install rtp=={theirs}"


class AnswerOfAnotherVersion(RtpError):
    """The server at {where} is rtp {theirs}, this is rtp {ours}, which does not understand what it answered: {why}"""

    status = 502
    exit_code = ExitCode.UNKNOWN_OUTCOME
    still = "The server carried it out; only its answer cannot be shown. Do not send it again."
    hint = "pip install rtp=={theirs}"


class OperationUnknown(RtpError):
    """The server at {where} does not know {operation}: it is rtp {theirs}, {compared}."""

    status = 502
    exit_code = ExitCode.CONFLICT
    still = "Nothing was changed."
    hint = "rtp whoami"


class InsecureTarget(RtpError):
    """{url} is not https, and only loopback may be spoken to without it."""

    status = 400
    exit_code = ExitCode.USAGE
    still = "Nothing was sent."
    hint = "rtp context add NAME --url https://…"


def problem_of(status: int, content: bytes, content_type: str, request_id: str) -> Problem | None:
    """The problem in an answer, or None when something else than an rtp server gave it."""
    if not content_type.startswith("application/problem+json"):
        return None
    try:
        problem = msgspec.json.decode(content, type=Problem)
    except msgspec.MsgspecError:
        return None
    problem.status = status
    problem.request_id = problem.request_id or request_id
    return problem


def misunderstood(status: int, whoami: bytes, *, where: str, why: str, changed: bool, op: str, here: bool) -> RtpError:
    """What to raise for a good answer that does not fit; `whoami` is what the server says of itself.

    A change that was answered so is done, and must not look as if it were not.
    """
    try:
        theirs = msgspec.json.decode(whoami, type=_Named).version
    except msgspec.MsgspecError:
        if changed:
            return OutcomeUnknown(where=where, op=op, why=f"answer {status} is not in the form of an rtp server")
        return ApiError(None, status=status, where=where)
    kind = AnswerOfAnotherVersion if changed else VersionsDiffer
    mend = "rtp down && rtp up" if here else None  # what runs on this machine is what was installed when it was started
    return kind(where=where, theirs=theirs, ours=__version__, why=why, hint=mend)


def of_unknown_route(problem: Problem | None) -> bool:
    """Whether the server has no such path, or no such method on it: a thing that is missing has a code of its own."""
    if problem is None:
        return False
    return problem.status == 405 or (problem.code == "not_found" and problem.params.get("noun") == "path")


def routable(path: str) -> bool:
    """Whether each value in a filled path is one segment of it; for any other no server has a route, however new."""
    return "%2F" not in path and not {"", ".", ".."} & set(path.split("/")[1:])


def not_known_there(operation: str, whoami: bytes, *, where: str, here: bool) -> OperationUnknown | None:
    """What to raise for an operation that the server does not have; None where it does not say its version."""
    try:
        theirs = msgspec.json.decode(whoami, type=_Named).version
    except msgspec.MsgspecError:
        return None
    if theirs == __version__:
        compared, mend = "as this one is, so it was likely started before that was installed", "restart that server"
    elif _ordered(theirs) < _ordered(__version__):
        compared = f"older than this rtp {__version__}"
        mend = f"upgrade that server to rtp {__version__}, or here: pip install rtp=={theirs}"
    else:
        compared, mend = f"newer than this rtp {__version__}", f"pip install rtp=={theirs}"
    hint = "rtp down && rtp up" if here else mend
    return OperationUnknown(where=where, operation=operation, theirs=theirs, compared=compared, hint=hint)


def _ordered(version: str) -> list[int]:
    """A version to compare: its numbers, in their order."""
    return [int(number) for number in re.findall(r"\d+", version)]


class _Named(msgspec.Struct):
    version: str
