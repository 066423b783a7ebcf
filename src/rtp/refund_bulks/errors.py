"""What can go wrong with bulk refunds, and why a row of one is refused."""

from __future__ import annotations

from rtp.errors import RtpError


class BulkNotFound(RtpError):
    """There is no bulk refund {key}."""

    status = 404
    still = "Nothing was changed."
    hint = "rtp refunds bulk list"


class BulkBatchOutOfOrder(RtpError):
    """The bulk refund {key} has {batches} batches, so number {number} is not the next."""

    status = 409
    still = "The rows that are there stay as they are."


class BulkTooLarge(RtpError):
    """A batch holds {rows} rows, and {limit} is the most."""

    status = 413
    still = "Nothing was changed."


class BulkClosed(RtpError):
    """The bulk refund {key} is {state} and takes no further row."""

    status = 422
    still = "Nothing was changed."
    hint = "rtp refunds bulk show {key}"


class BulkNotPlanned(RtpError):
    """The file of {key} was not read to its end, so nothing of it can be refunded."""

    status = 422
    still = "Nothing was refunded."
    hint = "rtp refunds bulk plan FILE --bulk {key}"


class BulkOverCap(RtpError):
    """The file asks for {asked}, and the cap is {cap}."""

    status = 422
    still = "Nothing was refunded, and this plan cannot be carried out."
    hint = "rtp refunds bulk show {key}"


class BulkWithoutRows(RtpError):
    """No row of {key} can be refunded: {refused} of {rows} were refused."""

    status = 422
    still = "Nothing was refunded."
    hint = "rtp refunds bulk export {key} --state refused"


class BulkNeedsSecondPerson(RtpError):
    """You planned {key}, and {total} in all is above {above}, so another person must carry it out."""

    status = 403
    still = "Nothing was refunded; the plan stands."
    hint = "Let a colleague look at it and run: rtp refunds bulk apply {key}"


class BulkExpired(RtpError):
    """The plan {key} ended at {expires_at}."""

    status = 409
    still = "Nothing was refunded."
    hint = "rtp refunds bulk plan FILE"


class BulkPolicyChanged(RtpError):
    """The first rows of {key} were judged by version {judged} of the refund policy, and now {holds} holds."""

    status = 409
    still = "Nothing was refunded."
    hint = "rtp refunds bulk plan FILE judges the whole file anew"


class BulkOutdated(RtpError):
    """Since the plan {key}, {count} of its payments have changed, first {first}."""

    status = 409
    still = "Nothing was refunded."
    hint = "rtp refunds bulk plan FILE makes a new plan of the same file"


class BulkRepeated(RtpError):
    """The same rows were carried out as {first} before."""

    status = 409
    still = "Nothing was refunded a second time."
    hint = "rtp refunds bulk show {first}; if every row is meant again: rtp refunds bulk apply {key} --again"


class BulkEnded(RtpError):
    """The bulk refund {key} is {state}: nothing of it is left to cancel."""

    status = 422
    still = "Nothing was changed."
    hint = "rtp refunds bulk show {key}"


class RowRepeated(RtpError):
    """Row {first} asks for the same; if both are meant, give each a key of its own."""

    status = 422


class RowKeyRepeated(RtpError):
    """The key {key} is already that of {where}."""

    status = 422


class RowAmountUnclear(RtpError):
    """The amount {amount} is not clear: {why}."""

    status = 422
