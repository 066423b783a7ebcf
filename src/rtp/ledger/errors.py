"""What can go wrong with the ledger."""

from __future__ import annotations

from rtp.errors import RtpError


class NothingToMirror(RtpError):
    """{source} has posted nothing that {kind} could take back."""

    status = 409
    still = "Nothing was posted."
    hint = "rtp ledger list --source {source}"


class CreditTooLow(RtpError):
    """The member has {credit} in credit, so {taken} cannot be taken from it."""

    status = 422
    still = "Nothing was posted."
