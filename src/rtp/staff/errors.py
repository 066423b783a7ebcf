"""What can go wrong with staff."""

from __future__ import annotations

from rtp.errors import RtpError


class StaffNotFound(RtpError):
    """There is no staff member {key}."""

    status = 404
    still = "Nothing was changed."
    hint = "rtp staff list"


class StaffExists(RtpError):
    """{email} is already a staff member."""

    status = 409
    still = "Nothing was changed."
    hint = "rtp staff list"


class RoleAboveOwn(RtpError):
    """The role {wanted} is above your own ({own}), and nobody gives more than they have."""

    status = 403
    still = "Nothing was changed."


class StaffAlreadyDisabled(RtpError):
    """{email} is already disabled."""

    status = 422
    still = "Nothing was changed."
    hint = "rtp staff list"
