"""What the command line itself refuses, before or beside a server."""

from __future__ import annotations

from rtp.errors import Conflict, ExitCode, InvalidInput, NotFound, RtpError


class Usage(InvalidInput):
    """{what}"""

    still = "Nothing was sent."


class FileNotWritten(InvalidInput):
    """{file} cannot be written: {why}."""

    still = "What was there before is still there."


class FileBroken(Usage):
    """{what}"""

    still = "Nothing was refunded: a file that is broken anywhere becomes no plan."


class ResultsNotWritten(RtpError):
    """The results of {bulk} cannot be written to {file}: {why}."""

    still = "What was done stands; the server keeps the result of each row."
    hint = "rtp refunds bulk export {bulk} --all -o csv"


class UnknownField(InvalidInput):
    """There is no field {field}. There are: {known}."""

    still = "Nothing was sent."


class NoIds(InvalidInput):
    """These things have no id to print. Their fields are: {known}."""

    hint = "use another --output"


class NoContext(NotFound):
    """There is no context {key}. Known are: {known}."""

    hint = "rtp context list"
    still = "Nothing was sent."


class InstanceMissing(RtpError):
    """No server is known: no context is in use, RTP_URL is not set, and no instance runs on this machine."""

    status = 503
    exit_code = ExitCode.UNREACHABLE
    hint = "rtp up"
    still = "Nothing was sent."


class ConfirmationNeeded(InvalidInput):
    """This changes {environment} ({where}) and wants to be confirmed: {wanted}."""

    hint = "{command}"
    still = "Nothing was sent."


class ConfirmationWrong(InvalidInput):
    """The confirmation {given} is not {wanted}."""

    still = "Nothing was changed."


class NotConfirmed(RtpError):
    """It was not confirmed."""

    status = 400
    exit_code = ExitCode.USAGE
    still = "Nothing was changed."


class PlanOfOtherCommand(Conflict):
    """The plan {plan} is one of {operation}, not of this command."""

    hint = "rtp plans show {plan}"
    still = "Nothing was changed."


class StillPending(RtpError):
    """{what} is still {state} after {seconds} s."""

    status = 504
    exit_code = ExitCode.TIMED_OUT
    still = "It was accepted and goes on; only the waiting ended."


class EndedUnknown(RtpError):
    """{what} is {state}: whether the other side did it is not known yet."""

    status = 504
    exit_code = ExitCode.UNKNOWN_OUTCOME
    still = "Do not send it again by hand; it is being reconciled."


class EndedFailed(RtpError):
    """{what} ended {state}{why}."""

    status = 422
    exit_code = ExitCode.REFUSED
    still = "{holds}"


class Terminated(BaseException):
    """The process was asked to end."""
