"""What keeps a load test from running."""

from __future__ import annotations

from rtp.errors import Conflict, ExitCode, InvalidInput, NotAllowed, NotFound, RtpError


class LoadTestNotFound(NotFound):
    """There is no load test {key}. Known are: {known}."""

    hint = "rtp load list"
    still = "Nothing was run."


class LoadRunNotFound(NotFound):
    """There is no load test run {key}."""

    hint = "rtp load history"


class LoadRunFinished(Conflict):
    """The load test run {key} has ended already."""


class ProfileNotValid(InvalidInput):
    """{path}: {what}."""

    still = "Nothing was run."


class LoadRefusedOnProd(NotAllowed):
    """Load tests are refused on prod, and {where} is one."""

    still = "Nothing was run."
    hint = "name a server of class dev or staging: --context NAME, of rtp context list"


class TargetNotLoopback(InvalidInput):
    """{url} is not on this machine, and load is sent elsewhere only when it is meant."""

    hint = "the same command with --allow-remote"
    still = "Nothing was run."


class LoadGeneratorFailed(RtpError):
    """locust ended with {code} and left no figures: {why}."""

    exit_code = ExitCode.UNEXPECTED
    hint = "{log} holds what it said"
