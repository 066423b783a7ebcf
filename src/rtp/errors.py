"""The one family of errors: a class is one API code, one HTTP status and one exit code.

The docstring of a subclass is its message; `{name}` in it is filled from the keyword arguments of the raise.
"""

from __future__ import annotations

import re
from enum import IntEnum
from typing import Any, ClassVar

import msgspec


class ExitCode(IntEnum):
    """Exit codes of every `rtp` command, the table of `rtp help exit-codes`."""

    OK = 0
    UNEXPECTED = 1
    USAGE = 2
    NOT_LOGGED_IN = 3
    NOT_ALLOWED = 4
    NOT_FOUND = 5
    CONFLICT = 6
    REFUSED = 7
    PARTLY = 8
    UNKNOWN_OUTCOME = 9
    CHECK_FAILED = 10
    NOT_JUDGED = 11
    ROLLBACK_FAILED = 12
    UNREACHABLE = 13
    TIMED_OUT = 14
    INTERRUPTED = 130
    TERMINATED = 143


EXIT_MEANINGS: dict[ExitCode, str] = {
    ExitCode.OK: "done, or held",
    ExitCode.UNEXPECTED: "unexpected failure",
    ExitCode.USAGE: "usage or invalid input",
    ExitCode.NOT_LOGGED_IN: "not logged in",
    ExitCode.NOT_ALLOWED: "not allowed",
    ExitCode.NOT_FOUND: "not found",
    ExitCode.CONFLICT: "conflict: plan, version or key no longer fits",
    ExitCode.REFUSED: "refused by a business rule, declined",
    ExitCode.PARTLY: "partly done (bulk)",
    ExitCode.UNKNOWN_OUTCOME: "outcome unknown (do not retry by hand)",
    ExitCode.CHECK_FAILED: "a check did not hold: threshold, lint finding, SLO missed, hypothesis deviated",
    ExitCode.NOT_JUDGED: "could not be judged: no data, not in steady state at the start",
    ExitCode.ROLLBACK_FAILED: "rollback failed or could not be verified",
    ExitCode.UNREACHABLE: "server not reachable",
    ExitCode.TIMED_OUT: "timed out waiting",
    ExitCode.INTERRUPTED: "interrupted",
    ExitCode.TERMINATED: "terminated",
}


EXIT_BY_STATUS: dict[int, ExitCode] = {
    400: ExitCode.USAGE,
    401: ExitCode.NOT_LOGGED_IN,
    403: ExitCode.NOT_ALLOWED,
    404: ExitCode.NOT_FOUND,
    405: ExitCode.USAGE,
    409: ExitCode.CONFLICT,
    413: ExitCode.USAGE,
    422: ExitCode.REFUSED,
    503: ExitCode.UNREACHABLE,
}


class Problem(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An error as it crosses the API (RFC 9457), with rtp's own members.

    `still` says what is true after the failure, `hint` is the exact next command, `params` are the values behind the
    message, `fields` maps a path in the input to what is wrong there.
    """

    type: str = "about:blank"
    title: str = ""
    status: int = 500
    code: str = "unexpected"
    detail: str = ""
    hint: str = ""
    still: str = ""
    retryable: bool = False
    request_id: str = ""
    exit_code: int = 1
    params: dict[str, Any] = {}
    fields: dict[str, str] = {}


class RtpError(Exception):
    """Something unexpected went wrong."""

    status: ClassVar[int] = 500
    exit_code: ClassVar[ExitCode] = ExitCode.UNEXPECTED
    retryable: ClassVar[bool] = False
    hint: ClassVar[str] = ""
    still: ClassVar[str] = ""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """An error that names only its status exits with the code that goes with it."""
        super().__init_subclass__(**kwargs)
        if "status" in cls.__dict__ and "exit_code" not in cls.__dict__:
            cls.exit_code = EXIT_BY_STATUS.get(cls.status, ExitCode.UNEXPECTED)

    def __init__(self, *, fields: dict[str, str] | None = None, hint: str | None = None, **params: Any) -> None:
        self.params = params
        self.fields = fields or {}
        self._hint = hint
        super().__init__(self.message)

    @classmethod
    def code(cls) -> str:
        """The API code: the class's name in snake case."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", cls.__name__).lower()

    @property
    def message(self) -> str:
        """The docstring's first paragraph with the parameters filled in."""
        text = " ".join((type(self).__doc__ or "").split("\n\n")[0].split())
        return _fill(text, self.params)

    def problem(self, request_id: str = "") -> Problem:
        """The error as the body of an API answer."""
        return Problem(
            type=f"https://rtp.dev/errors/{self.code()}",
            title=self.code().replace("_", " ").capitalize(),
            status=self.status,
            code=self.code(),
            detail=self.message,
            hint=_fill(self._hint if self._hint is not None else self.hint, self.params),
            still=_fill(self.still, self.params),
            retryable=self.retryable,
            request_id=request_id,
            exit_code=int(self.exit_code),
            params={name: _plain(value) for name, value in self.params.items()},
            fields=self.fields,
        )


def _fill(text: str, params: dict[str, Any]) -> str:
    return re.sub(r"\{(\w+)\}", lambda match: str(params.get(match[1], match[0])), text)


def _plain(value: Any) -> Any:
    return (
        value
        if isinstance(value, (str, int, bool, list, dict, type(None)))
        else msgspec.to_builtins(value, enc_hook=str)
    )


class InvalidInput(RtpError):
    """The input is not valid: {what}"""

    status = 400
    still = "Nothing was changed."


class NotLoggedIn(RtpError):
    """No valid token came with the request."""

    status = 401
    hint = "rtp context add NAME --url URL --token-file FILE, or set RTP_TOKEN"


class NotAllowed(RtpError):
    """The role {role} may not do {permission}."""

    status = 403
    still = "Nothing was changed."
    hint = "rtp whoami; who has a higher role can do it"


class NotFound(RtpError):
    """There is no {noun} {key}."""

    status = 404
    still = "Nothing was changed."


class Conflict(RtpError):
    """The {noun} {key} is no longer what the request assumed."""

    status = 409
    still = "Nothing was changed."


class Refused(RtpError):
    """A business rule refuses this: {what}"""

    status = 422
    still = "Nothing was changed."


class TooLarge(RtpError):
    """The request body is larger than {limit} bytes."""

    status = 413
    still = "Nothing was changed."


class GoingDown(RtpError):
    """The server is going down and ends what was still waited for."""

    status = 503
    retryable = True
    still = "Nothing was changed."
    hint = "rtp status"


class Unavailable(RtpError):
    """{what} cannot be reached."""

    status = 503
    retryable = True
    hint = "rtp status"
