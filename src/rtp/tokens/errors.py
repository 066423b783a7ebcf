"""What can go wrong with tokens."""

from __future__ import annotations

from rtp.errors import RtpError


class TokenNotFound(RtpError):
    """There is no token {key}."""

    status = 404
    still = "Nothing was changed."
    hint = "rtp tokens list"


class TokenAlreadyRevoked(RtpError):
    """The token {key} is already revoked."""

    status = 422
    still = "Nothing was changed."
    hint = "rtp tokens list"


class TokenStaffDisabled(RtpError):
    """{email} is disabled, so no token can act as them."""

    status = 422
    still = "Nothing was changed."
    hint = "rtp staff list"


class TokenRoleAboveStaff(RtpError):
    """The role {wanted} is above that of {email} ({role}), whom the token would act as."""

    status = 403
    still = "Nothing was changed."


class TokenLifetimeTooLong(RtpError):
    """A token lives at most {limit} days, and {asked} was asked for."""

    status = 400
    still = "Nothing was changed."
