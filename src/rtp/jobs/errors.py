"""What can go wrong with jobs."""

from __future__ import annotations

from rtp.errors import RtpError


class JobNotFound(RtpError):
    """There is no job {key}."""

    status = 404
    still = "Nothing was changed."
    hint = "rtp jobs list"


class JobNotDead(RtpError):
    """The job {key} is {state}; only a dead job is retried by hand."""

    status = 422
    still = "Nothing was changed."
    hint = "rtp jobs show {key}"
