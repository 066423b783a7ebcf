"""What can go wrong with experiments, apart from their verdict."""

from __future__ import annotations

from rtp.errors import Conflict, ExitCode, InvalidInput, NotAllowed, NotFound, RtpError, Unavailable


class ExperimentNotFound(NotFound):
    """There is no experiment {key}. There are: {known}."""

    hint = "rtp chaos list"
    still = "Nothing was run."


class ExperimentInvalid(InvalidInput):
    """The experiment {path} is not valid: {why}"""

    hint = "rtp chaos validate {path}"
    still = "Nothing was run."


class ChaosForbidden(NotAllowed):
    """Experiments are not run on {environment}: this server breaks nothing on purpose."""

    still = "Nothing was run."
    hint = "run it on the machine of an instance of class dev or staging"


class ChaosElsewhere(InvalidInput):
    """Experiments reach only the processes of this machine's instance, and {where} is another one."""

    hint = "run it where the instance runs, or leave out --context"
    still = "Nothing was run."


class ChaosNotAllowed(NotAllowed):
    """The role {role} may not run experiments: it takes operator."""

    still = "Nothing was run."


class ExperimentRunning(Conflict):
    """An experiment is running on this instance already (process {pid})."""

    hint = "rtp chaos halt, or wait for its end"
    still = "Nothing was run."


class NoExperimentRunning(NotFound):
    """No experiment is running on this instance, and none was cut off."""

    hint = "rtp chaos history"
    still = "Nothing was changed."


class RunNotFound(NotFound):
    """There is no run {key}."""

    hint = "rtp chaos history"


class TargetMissing(RtpError):
    """The instance has no running process of {service}: {why}."""

    status = 409
    hint = "rtp status"


class DidNotComeBack(Unavailable):
    """{what} was not {wanted} within {seconds} s; it is {found}."""

    hint = "rtp status; rtp logs"


class RefundsNotSettled(RtpError):
    """After {seconds} s {count} of {all} refunds are not settled: {states}."""

    status = 504
    exit_code = ExitCode.TIMED_OUT
    hint = "rtp refunds list --user {user}"


class NothingForSale(RtpError):
    """There is no price that is charged at once and whose refunds the policy lets go out, so no refund can be tried."""

    status = 422
    hint = "rtp catalog apply FILE"


class ChildFailed(RtpError):
    """The process of the run could not begin: {why}"""

    still = "Nothing was broken."
