"""The Idempotency-Key of a request: a string of structured fields as the draft has it (`"k"`), or its content alone."""

from __future__ import annotations

import re

from rtp.errors import InvalidInput

_STRING = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
"""sf-string, RFC 8941 section 3.3.3."""


def key_of(header: str) -> str:
    """The key that a header names: `"k"` and `k` are the same one.

    Raises: InvalidInput for what begins as a string and is none.
    """
    if not header.startswith('"'):
        return header
    if (found := _STRING.fullmatch(header)) is None:
        what = "Idempotency-Key begins with a quote and is no string of RFC 8941"
        raise InvalidInput(what=what, fields={"Idempotency-Key": "no string of RFC 8941"})
    return re.sub(r"\\(.)", r"\1", found[1])
