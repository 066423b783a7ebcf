"""What can go wrong with reconciliation."""

from __future__ import annotations

from rtp.errors import RtpError


class ReconcileRunNotFound(RtpError):
    """There is no reconciliation {key}."""

    status = 404
    hint = "rtp reconcile list"


class AsideNotFound(RtpError):
    """There is no difference {key} that was set aside."""

    status = 404
    hint = "rtp reconcile aside list"


class AsideClosed(RtpError):
    """The difference {key} was closed already by {by}: {reason}."""

    status = 422
    still = "Nothing was changed."
    hint = "rtp reconcile aside show {key}"


class ReconcilePlanMissing(RtpError):
    """Reconciliation changes nothing without a plan."""

    status = 400
    still = "Nothing was changed."
    hint = "rtp reconcile run --dry-run"


class ReconcileProviderUnknown(RtpError):
    """There is no provider {provider} here; known are {known}."""

    status = 404
    still = "Nothing was compared."
