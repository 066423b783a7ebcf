"""What can go wrong with service levels before any is judged."""

from __future__ import annotations

from rtp.errors import InvalidInput, NotFound


class SloNotFound(NotFound):
    """There is no SLO {key}. Known are: {known}."""

    hint = "rtp slo list"
    still = "Nothing was judged."


class SloNotValid(InvalidInput):
    """{file}, line {line}: {what}."""

    hint = "rtp slo validate {file}"
    still = "Nothing was judged."
