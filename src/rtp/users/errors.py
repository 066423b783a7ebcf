"""What can go wrong with users."""

from __future__ import annotations

from rtp.errors import RtpError


class UserNotFound(RtpError):
    """There is no user {key}."""

    status = 404
    still = "Nothing was changed."
    hint = "rtp users list --search TEXT"


class EmailTaken(RtpError):
    """Another user already has the e-mail {email} (letter case does not matter)."""

    status = 409
    still = "Nothing was changed."
    hint = "rtp users show {email}"


class UnknownTimezone(RtpError):
    """{timezone} is not an IANA time zone."""

    status = 400
    still = "Nothing was changed."


class UserStateRefused(RtpError):
    """The user {user} is {state}, so {event} is not possible."""

    status = 422
    still = "Nothing was changed."
    hint = "rtp users show {user}"


class ImportTooLarge(RtpError):
    """A batch holds {rows} rows, and {limit} are allowed."""

    status = 413
    still = "Nothing was imported from this batch."
