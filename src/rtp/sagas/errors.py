"""What can go wrong with sagas."""

from __future__ import annotations

from rtp.errors import RtpError


class SagaNotFound(RtpError):
    """There is no saga {key}."""

    status = 404
    still = "Nothing was changed."
    hint = "rtp sagas list"


class SagaEnded(RtpError):
    """The saga {key} is {state} and takes no further step."""

    status = 422
    still = "Nothing was changed."
    hint = "rtp sagas show {key}"


class SagaPastPivot(RtpError):
    """The saga {key} has begun {step}, which cannot be undone; it only goes forward."""

    status = 422
    still = "The saga goes on."
    hint = "rtp sagas show {key}"


class IllegalSagaMove(RtpError):
    """The step {step} of the saga {key} is {state}, so {event} is not possible."""

    status = 422
    still = "Nothing was changed."
    hint = "rtp sagas show {key}"


class StepRefused(RtpError):
    """The step was refused: {why}"""

    status = 422


class TurnPassed(RtpError):
    """The turn {turn} of the saga {key} has passed to another worker."""

    status = 409
    still = "Nothing was changed by this one."
