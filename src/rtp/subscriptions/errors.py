"""What can go wrong with subscriptions."""

from __future__ import annotations

from rtp.errors import RtpError


class SubscriptionNotFound(RtpError):
    """There is no subscription {key}."""

    status = 404
    still = "Nothing was changed."
    hint = "rtp subscriptions list --user USER"


class SubscriptionStateRefused(RtpError):
    """The subscription {subscription} is {status}, so {event} is not possible."""

    status = 422
    still = "Nothing was changed."
    hint = "rtp subscriptions show {subscription}"


class AlreadySubscribed(RtpError):
    """The user {user} already has a live subscription to {product}."""

    status = 409
    still = "Nothing was changed."
    hint = "rtp subscriptions list --user {user}"


class CardRequired(RtpError):
    """There is no card to charge for {price}."""

    status = 422
    still = "Nothing was changed."
    hint = "the same command with --card CARD"


class PaymentUnderWay(RtpError):
    """A payment of the subscription {subscription} is under way, so {event} has to wait for its result."""

    status = 409
    retryable = True
    still = "Nothing was changed."
    hint = "rtp subscriptions show {subscription}"


class SubscriptionImportTooLarge(RtpError):
    """A batch holds {rows} rows, and {limit} are allowed."""

    status = 413
    still = "Nothing was imported from this batch."
