"""What can go wrong with payments and at their provider."""

from __future__ import annotations

from typing import ClassVar

from rtp.errors import ExitCode, InvalidInput, RtpError


class ProviderNotKnown(InvalidInput):
    """RTP_PROVIDER names {provider}, which is none of {known}."""

    hint = "rtp plugins list"
    still = "No provider was asked."


class ProviderDeclined(RtpError):
    """The card was declined: {reason}"""

    status = 402
    exit_code = ExitCode.REFUSED
    still = "Nothing was charged."

    @classmethod
    def code(cls) -> str:
        """What callers branch on: `payment_declined`; the provider's own word is the parameter `decline_code`."""
        return "payment_declined"


class ProviderUnavailable(RtpError):
    """The payment provider cannot be reached: {why}"""

    status = 503
    retryable = True
    still = "The provider did not take the request: nothing was charged or refunded."
    hint = "rtp status"
    spends_attempt: ClassVar[bool] = True
    """Whether it counts among the attempts of a job; not while the breaker holds calls back, however long that is."""

    @property
    def retry_after(self) -> float | None:
        """Seconds after which it is worth asking again, where the provider or the breaker says so."""
        return self.params.get("retry_after")


class ProviderResting(ProviderUnavailable):
    """The payment provider {provider} failed too often; it is asked again in {retry_after} s."""

    still = "The provider was not asked: nothing was charged or refunded."
    hint = "rtp breakers show {breaker}"
    spends_attempt = False


class ProviderStillAway(ProviderUnavailable):
    """The payment provider {provider} failed too often, was asked once more, and still cannot be reached: {why}"""

    hint = "rtp breakers show {breaker}"
    spends_attempt = False


class ProviderOther(ProviderUnavailable):
    """{key} was paid through {theirs}, and the payment provider of this instance is {ours}."""

    still = "No provider was asked: nothing was charged or refunded."
    hint = "RTP_PROVIDER={theirs} rtp up"


class ProviderBusy(ProviderUnavailable):
    """As many calls of the payment provider {provider} are under way as may be at the same time."""

    still = "The provider was not asked: nothing was charged or refunded."
    hint = "rtp breakers list"
    spends_attempt = False


class ProviderOutcomeUnknown(RtpError):
    """The payment provider took the request {key}, and its answer did not arrive: {why}"""

    status = 504
    exit_code = ExitCode.UNKNOWN_OUTCOME
    still = "It may have been carried out; it is settled by asking the provider for this key, never under a new one."


class ProviderKeyReused(RtpError):
    """The payment provider knows the key {key} from a different request."""

    status = 409
    still = "The provider kept the first request and did nothing for this one."


class ProviderRefused(RtpError):
    """The payment provider does not accept the request: {why}"""

    status = 502
    still = "Nothing was charged or refunded."


class WebhookForged(RtpError):
    """The message does not bear a signature of {provider}: {why}"""

    status = 401
    exit_code = ExitCode.NOT_ALLOWED
    still = "Nothing of it was kept."


class WebhookStale(RtpError):
    """The message of {provider} was signed too long ago, or ahead of our time."""

    status = 401
    exit_code = ExitCode.NOT_ALLOWED
    still = "Nothing of it was kept; the provider sends it again with a new signature."
    hint = "check the clocks of both machines"


class WebhookUnknown(RtpError):
    """{provider} signed a message that rtp has no use for: {why}"""

    status = 422
    still = "Nothing was changed. Whoever receives it takes it, so that the provider does not repeat it for days."


class CardNotKnown(RtpError):
    """{card} is not a card that the provider knows; its test cards are {known}."""

    status = 400
    still = "No card was stored."


class PaymentNotFound(RtpError):
    """There is no payment {key}."""

    status = 404
    still = "Nothing was changed."
    hint = "rtp payments list --user USER"


class MethodNotFound(RtpError):
    """There is no payment method {key}."""

    status = 404
    still = "Nothing was changed."
    hint = "rtp payment-methods list USER"


class MethodNotUsable(RtpError):
    """The payment method {key} is {state}."""

    status = 422
    still = "Nothing was charged."
    hint = "rtp payment-methods show {key}"


class IllegalPaymentMove(RtpError):
    """The payment {key} is {state}, so {event} is not possible."""

    status = 422
    still = "Nothing was changed."
    hint = "rtp payments show {key}"
