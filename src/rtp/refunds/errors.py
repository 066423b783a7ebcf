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


class NoSuchLine(RtpError):
    """The payment {payment} has no line {position}; it has {count}."""

    status = 422
    still = "Nothing was refunded."
    hint = "rtp payments show {payment}"


class LineExceeded(RtpError):
    """A refund of {asked} is more than what is left of line {position} of {payment}: {left}."""

    status = 422
    still = "Nothing was refunded."
    hint = "rtp refunds preview {payment} --line {position}"


class PiecesWorthNothing(RtpError):
    """{pieces} of line {position} of {payment} are worth less than the smallest unit, so there is nothing to return."""

    status = 422
    still = "Nothing was refunded."
    hint = "Refund more pieces at once."


class NothingToRefund(RtpError):
    """The payment {payment} is {state}, so there is nothing to refund."""

    status = 422
    still = "Nothing was refunded."
    hint = "rtp payments show {payment}"


class PaymentDisputed(RtpError):
    """The member disputes {payment} at their bank, which already holds the money: a refund would return it twice."""

    status = 422
    still = "Nothing was refunded; the dispute decides."
    hint = "rtp payments show {payment}"


class RefundCurrencyDiffers(RtpError):
    """The payment {payment} is in {currency}, and {asked} was asked for."""

    status = 422
    still = "Nothing was refunded."
    hint = "rtp refunds preview {payment}"


class RefundRepeated(RtpError):
    """An equal refund of {amount} on {payment} was issued {seconds} seconds ago: {first}."""

    status = 409
    still = "That refund stands; no second one was made."
    hint = (
        "rtp refunds show {first}; to repeat the same intent: rtp retry OP (see rtp history); "
        "to refund again on purpose: --again"
    )


class RefundUnsettled(RtpError):
    """What became of an equal refund of {amount} on {payment} is not known yet: {first}."""

    status = 409
    still = "It may have been paid; a new one under another key could pay twice."
    hint = "rtp refunds retry {first} asks the provider now; to refund again on purpose: --again"


class IllegalRefundMove(RtpError):
    """The refund {key} is {state}, so {event} is not possible."""

    status = 422
    still = "Nothing was changed."
    hint = "rtp refunds show {key}"


class RefundSent(RtpError):
    """The refund {key} is {state}: it was sent to the provider, or may have been, so nobody can call it off."""

    status = 409
    still = "It goes on as before."
    hint = "rtp refunds show {key}"


class RefundRetried(RtpError):
    """The failed refund {key} was already issued anew: {second}."""

    status = 409
    still = "That refund stands; no further one was made."
    hint = "rtp refunds show {second}"


class RefundRetryDiffers(RtpError):
    """The failed refund {key} was of {amount}, and its pieces are worth {now} today, as others were returned since."""

    status = 422
    still = "Nothing was refunded."
    hint = "Issue a refund of its own: rtp refunds preview {payment}"


class OwnAccount(RtpError):
    """{email} is your own address, and nobody decides about refunds to themselves."""

    status = 403
    still = "Nothing was refunded."
    hint = "Let a colleague do it."


class ProductNotRefundable(RtpError):
    """The refund policy (version {version}) returns nothing for {product}."""

    status = 422
    still = "Nothing was refunded."
    hint = "rtp refunds policy show"


class RefundWindowClosed(RtpError):
    """The refund policy (version {version}) returns {product} for {days} days, and the payment is {age} days old."""

    status = 422
    still = "Nothing was refunded."
    hint = "rtp refunds policy show"


class RefundOverLimit(RtpError):
    """{amount} is more than {whose} limit {span}, {limit}: {used} of it is used, {left} is left."""

    status = 422
    still = "Nothing was refunded."
    hint = "rtp refunds policy show"


class RefundRoleNotListed(RtpError):
    """The refund policy (version {version}) has no {currency} limit for {whose}, so it allows nothing."""

    status = 422
    still = "Nothing was refunded."
    hint = "rtp refunds policy show"


class RefundTicketMissing(RtpError):
    """The refund policy (version {version}) asks for a ticket {when}, and none is named."""

    status = 422
    still = "Nothing was refunded."
    hint = "Name the support case: rtp refunds issue … --ticket ID; in a file of refunds, in the column ticket"


class ApprovedByIssuer(RtpError):
    """The refund {key} was issued by you, and a second person must approve it."""

    status = 403
    still = "It still waits; nothing was paid."
    hint = "Let a colleague run: rtp refunds approve {key}; or take it back: rtp refunds reject {key}"


class ApproverNotAPerson(RtpError):
    """The token {name} belongs to no staff member, and only a person approves refunds."""

    status = 403
    still = "It still waits; nothing was paid."
    hint = "rtp tokens create --staff EMAIL"


class LocalOwnerDecides(RtpError):
    """The local owner is whoever sits at the machine, perhaps the one who asked, and decides nothing here.

    So it is on staging and prod, and where the refund policy says `local_approves: false`.
    """

    status = 403
    still = "It still waits; nothing was paid."
    hint = "A staff member who did not ask for it approves by a token of their own: rtp context use NAME"


class ApproverNotApart(RtpError):
    """You count as the person who asked for {key}: {why}."""

    status = 403
    still = "It still waits; nothing was paid."
    hint = "Let a colleague approve whose account and token were made by somebody else, or end it and ask anew"


class ApproverRoleTooLow(RtpError):
    """The refund policy lets the role {wanted} or above approve, and yours is {own}."""

    status = 403
    still = "It still waits; nothing was paid."


class RefundLostToDispute(RtpError):
    """Lost disputes have left {left} of {payment} for the refund {key} of {asked}."""

    status = 422
    still = "Nothing was paid; the refund still waits."
    hint = "rtp refunds reject {key}"


class ApprovalExpired(RtpError):
    """The refund {key} could be approved until {until}."""

    status = 422
    still = "Nothing was paid."
    hint = "rtp refunds preview {payment}"


class NothingToCancel(RtpError):
    """The payment {payment} was not made for a subscription, so none can be cancelled with its refund."""

    status = 422
    still = "Nothing was refunded."
    hint = "Leave --cancel-subscription and --revoke-access out."


class NothingToRevoke(RtpError):
    """The subscription {subscription} opens nothing now, so there is no access to revoke."""

    status = 422
    still = "Nothing was refunded."
    hint = "Leave --revoke-access out."


class NothingToRestock(RtpError):
    """What {payment} paid for is a service ({what}): it has no stock that something could go back to."""

    status = 422
    still = "Nothing was refunded."
    hint = "Leave --restock out."


class RefundPolicyInvalid(RtpError):
    """The refund policy is not valid: {what}"""

    status = 400
    still = "The policy that holds was not changed."
