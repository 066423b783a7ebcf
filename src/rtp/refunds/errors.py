"""What can go wrong with refunds."""

from __future__ import annotations

from rtp.errors import RtpError


class RefundNotFound(RtpError):
    """There is no refund {key}."""

    status = 404
    hint = "rtp refunds list --user USER"


class RefundExceedsCaptured(RtpError):
    """The refund of {asked} is more than what is left of {payment}: {left}."""

    status = 422
    still = "Nothing was refunded."
    hint = "rtp refunds preview {payment}"


class NothingToRefund(RtpError):
    """The payment {payment} is {state}, so there is nothing to refund."""

    status = 422
    still = "Nothing was refunded."
    hint = "rtp payments show {payment}"


class RefundCurrencyDiffers(RtpError):
    """The payment {payment} is in {currency}, and {asked} was asked for."""

    status = 422
    still = "Nothing was refunded."


class RefundRepeated(RtpError):
    """An equal refund of {amount} on {payment} was issued {seconds} seconds ago: {first}."""

    status = 409
    still = "That refund stands; no second one was made."
    hint = (
        "rtp refunds show {first}; to repeat the same intent: rtp retry OP (see rtp history); "
        "to refund again on purpose: --again"
    )


class IllegalRefundMove(RtpError):
    """The refund {key} is {state}, so {event} is not possible."""

    status = 422
    still = "Nothing was changed."
