"""What can go wrong with the cache."""

from __future__ import annotations

from rtp.errors import RtpError, Unavailable


class CacheUnavailable(Unavailable):
    """The cache cannot be reached: {why}."""

    hint = "rtp status"
    still = "Answers come from the database meanwhile: the same, only slower."


class CacheOff(RtpError):
    """This server runs without a cache."""

    status = 422
    hint = "set RTP_REDIS_URL, or start the platform with rtp up"
    still = "Nothing was changed."


class CacheKeyNotFound(RtpError):
    """The cache holds nothing under {key}."""

    status = 404
    hint = "rtp cache warm --all"
    still = "Nothing was changed."


class CacheTagNotFound(RtpError):
    """Nothing in the cache bears the tag {key}."""

    status = 404
    hint = "rtp cache purge products"
    still = "Nothing was changed."
