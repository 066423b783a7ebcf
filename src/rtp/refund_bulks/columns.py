"""What each column of a file of refunds may hold, and a row that does not hold it in words for who wrote the file."""

from __future__ import annotations

import re
from typing import get_args

from rtp.refunds.schemas import Reason

HOLDS = {
    "row": "the number of the row, from 1",
    "payment": "the id of a payment (pay_…)",
    "amount": "25.00 or 25.00 USD, or nothing for all that is left; a number in JSON stands in quotes",
    "reason": f"one of {', '.join(get_args(Reason))}",
    "note": "a text of at most 500 characters",
    "ticket": "a text of at most 100 characters",
    "key": "a text of 1 to 200 characters",
}
_PLACE = re.compile(r"- at `\$\.([a-z]+)")
_FIELD = re.compile(r"(unknown|required) field `(.*)`")


def in_words(why: str) -> str:
    """What is wrong with a row, from what its decoder says: the column, and what it may hold."""
    if (place := _PLACE.search(why)) and place[1] in HOLDS:
        return f"the column {place[1]} holds {HOLDS[place[1]]}"
    if (found := _FIELD.search(why)) is None:
        return why
    if found[1] == "unknown":
        return f"there is no column {found[2]}; known are {', '.join(HOLDS)}"
    return f"the column {found[2]} is missing: it holds {HOLDS.get(found[2], 'a value')}"
