"""What can go wrong with disputes."""

from __future__ import annotations

from rtp.errors import RtpError


class DisputeNotFound(RtpError):
    """There is no dispute {key}."""

    status = 404
    hint = "rtp disputes list"


class DisputeTooEarly(RtpError):
    """The provider tells of a dispute {ref} about {payment}, which is {state} here."""

    status = 422
    still = "Nothing was changed; it is taken in once the payment is settled."
    hint = "rtp payments show {payment}"


class DisputeCurrencyDiffers(RtpError):
    """The provider tells of a dispute {ref} of {amount} about {payment}, which was paid in {currency}."""

    status = 422
    still = "Nothing was changed."
    hint = "rtp payments show {payment}"


class IllegalDisputeMove(RtpError):
    """The dispute {key} is {state}, so {event} is not possible."""

    status = 422
    still = "Nothing was changed."
    hint = "rtp disputes show {key}"


class DisputeAnswered(RtpError):
    """The dispute {key} was answered already: {answer}, {state}."""

    status = 422
    still = "Nothing was sent; a provider takes one answer."
    hint = "rtp disputes show {key}"


class AnswerStalled(RtpError):
    """The answer to the dispute {key}, {answer}, gave up on its way, and the provider may have it."""

    status = 422
    still = "Nothing was sent; only the same answer can be sent again."
    hint = "rtp disputes show {key}"


class DisputeOverdue(RtpError):
    """The dispute {key} was to be answered until {due_by}."""

    status = 422
    still = "Nothing was sent."
    hint = "rtp disputes show {key}"


class EvidenceTooLong(RtpError):
    """The evidence has {length} characters; a provider takes {limit}."""

    status = 422
    still = "Nothing was sent."
    hint = "Shorten the file, or replace a part of the pack by one of the same name."
