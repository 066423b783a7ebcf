"""What can go wrong with steering the sandbox provider."""

from __future__ import annotations

from rtp.errors import ExitCode, RtpError


class SandboxNotOnProd(RtpError):
    """The sandbox takes no real money, so it is not the provider of an instance of class prod."""

    status = 403
    exit_code = ExitCode.NOT_ALLOWED
    still = "Nothing was changed."
    hint = "set RTP_PROVIDER_URL to a real provider, or work on an instance of class dev or staging"


class DisputeNotOpened(RtpError):
    """The sandbox opens no dispute about the payment {key}: {why}"""

    status = 422
    still = "Nothing was changed."
    hint = "rtp payments show {key}"


class PaymentNotCharged(RtpError):
    """The sandbox has no charge for the payment {key}."""

    status = 404
    still = "No dispute was opened."
    hint = "rtp payments show {key}"
