"""JSON bodies are taken at their word; Litestar alone would read the text "25" as the number 25."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from litestar import Request

from rtp.errors import InvalidInput
from rtp.kit.text import EMAIL

_NAMED = {
    re.compile(r"Object contains unknown field `(.*)`", re.DOTALL): "is not known here",
    re.compile(r"Object missing required field `(.*)`"): "is missing",
}
_FORMS = {f"Expected `str` matching regex {EMAIL!r}": "not an e-mail address such as ada@example.com"}
"""What people call a form that a text is to have."""


class StrictRequest(Request[Any, Any, Any]):
    """A request whose JSON is UTF-8 and of the types that its operation declares."""

    async def json(self) -> Any:
        """The body as plain values.

        Raises: InvalidInput, with the field.
        """
        endpoint = self.route_handler.opt.get("endpoint")
        if endpoint is not None and endpoint.operation.body is not None:
            check(await self.body(), endpoint.operation.body)
        return await super().json()


def utf8(body: bytes) -> bytes:
    """The body itself.

    Raises: InvalidInput when it is no UTF-8.
    """
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise InvalidInput(what=f"the body is not UTF-8 at byte {error.start}", fields={"body": "not UTF-8"}) from error
    return body


def check(body: bytes, kind: type[Any]) -> None:
    """Refuse what is not of this type; malformed JSON is left to whoever parses it.

    Raises: InvalidInput.
    """
    try:
        msgspec.json.decode(utf8(body), type=kind)
    except msgspec.ValidationError as error:
        field, message = place(str(error), "data")
        raise InvalidInput(what=f"{field}: {message}", fields={field: message}) from error
    except msgspec.DecodeError:
        return


def place(message: str, field: str) -> tuple[str, str]:
    """The field and the rest of a message of msgspec's, such as "Expected `int` - at `$.amount`".

    Of a field that is not known, or missing, msgspec names only the place of its object: here it is the field's own.
    """
    at = re.search(r" - at `\$(?:\.(.+))?`", message)
    inside, text = (at[1] or "", message[: at.start()]) if at else ("", message)
    for pattern, said in _NAMED.items():
        if named := pattern.fullmatch(text):
            return f"{inside}.{named[1]}".lstrip("."), said
    return inside or field, _FORMS.get(text, text)
