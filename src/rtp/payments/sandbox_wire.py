"""What crosses the wire between the provider's adapter and the sandbox, and the token that opens it."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from rtp.kit.money import Money
from rtp.runtime.instance import Instance
from rtp.settings import Settings

T = TypeVar("T")
NOT_ATTEMPTED = "not_attempted"
NO_SUCH_OBJECT = "no_such_object"
PAGE = 500


class CardRequest(msgspec.Struct, forbid_unknown_fields=True):
    """POST /cards."""

    card: str


class ChargeRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """POST /charges."""

    amount: Money
    card_ref: str
    description: str = ""


class RefundRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """POST /refunds."""

    charge_ref: str
    amount: Money
    reason: str = ""


class Slice(msgspec.Struct, Generic[T]):
    """A part of a list; `next` is where the following one begins, None after the last."""

    items: list[T]
    next: int | None = None


class Failure(msgspec.Struct):
    """The body of an answer that is no object: the code, and what it is about."""

    code: str = ""
    detail: str = ""
    params: dict[str, Any] = {}


def folder(settings: Settings) -> Path:
    """Where an instance's sandbox keeps its journal."""
    return settings.home_folder() / "data" / "sandbox"


def url_file(settings: Settings) -> Path:
    """The file that names the URL of an instance's sandbox, for whoever was not started by its supervisor."""
    return folder(settings) / "url"


def token(settings: Settings) -> str:
    """The token of the provider: the one that is set, else derived from the instance's secrets.

    Raises: InstanceDamaged.
    """
    if settings.provider_token:
        return settings.provider_token
    secret = Instance(settings).secrets().signing_key
    return "sandbox_" + hmac.digest(secret.encode(), b"rtp payment provider", hashlib.sha256).hex()
