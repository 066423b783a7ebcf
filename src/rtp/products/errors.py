"""What can go wrong with products and prices."""

from __future__ import annotations

from rtp.errors import RtpError


class ProductNotFound(RtpError):
    """There is no product {key}."""

    status = 404
    still = "Nothing was changed."
    hint = "rtp products list"


class PriceNotFound(RtpError):
    """There is no price {key}."""

    status = 404
    still = "Nothing was changed."
    hint = "rtp prices list"


class PriceArchived(RtpError):
    """The price {key} is archived: who bought it keeps it, and nobody new can buy it."""

    status = 422
    still = "Nothing was changed."
    hint = "rtp prices list --status active"


class CatalogInvalid(RtpError):
    """The catalog is not valid: {what}"""

    status = 400
    still = "Nothing was changed."
