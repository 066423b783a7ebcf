"""JSON logs on stdout; card numbers, tokens and e-mails are masked before a line is written."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import msgspec
import structlog

from rtp import __version__
from rtp.kit import masking

_TOKEN = re.compile(r"rtp_[A-Za-z0-9]{16,}")
_EMAIL = re.compile(r"[^\s@\"'<>(),;:/=&?]+(?:@|%40)[^\s@\"'<>(),;:/=&?]+\.[^\s@\"'<>(),;:/=&?]+")
_access = structlog.get_logger("rtp.access")


def configure(level: str, service: str = "api") -> None:
    """One JSON object a line, for structlog and for libraries that use logging."""
    shared: list[Any] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        lambda _, __, event: {"service": service, "version": __version__, **event},
        mask_event,
    ]
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer(serializer=_json)],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(processor=structlog.processors.JSONRenderer(), foreign_pre_chain=shared)
    )
    logging.basicConfig(handlers=[handler], level=max(number, logging.WARNING), force=True)


def _json(event: Any, **_: Any) -> str:
    return msgspec.json.encode(event, enc_hook=repr).decode()


def mask(text: str) -> str:
    """Hide what may not be in a log: tokens, e-mails, card numbers (all but the last four digits)."""
    if "rtp_" in text:  # a search for what most lines have not costs more than the rest of the line
        text = _TOKEN.sub("rtp_***", text)
    if "@" in text or "%40" in text:
        text = _EMAIL.sub("***@***", text)
    return masking.card_numbers(text)


def mask_event(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The structlog processor that masks every value."""
    return {key: _masked(value) for key, value in event.items()}


def access(scope: Any, route: str, status: int, seconds: float) -> None:
    """One line for one request."""
    shared = scope["state"]
    principal = shared.get("principal")
    trace = shared["trace"]
    fields = {name: shared[name] for name in ("problem", "replayed") if shared.get(name)}
    _access.info(
        "request",
        method=scope["method"],
        path=scope["path"],
        route=route,
        status=status,
        ms=round(seconds * 1000, 2),
        request_id=trace.request_id,
        trace_id=trace.trace_id,
        actor=principal.id if principal else None,
        **fields,
    )


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, dict):
        return {key: _masked(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_masked(item) for item in value]
    return value
