"""One way from any failure to a problem+json answer (RFC 9457)."""

from __future__ import annotations

from typing import Any

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, MethodNotAllowedException, NotFoundException, ValidationException
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from rtp.db.engine import FOREIGN_KEY_VIOLATION, UNIQUE_VIOLATION, DatabaseBusy, DatabaseRefused, sqlstate
from rtp.errors import InvalidInput, NotFound, Problem, RtpError, TooLarge, Unavailable
from rtp_server.bodies import place

log = structlog.get_logger("rtp.api")
MEDIA_TYPE = "application/problem+json"


def answer(problem: Problem) -> Response[bytes]:
    """A problem as a response."""
    headers = {"Retry-After": "1"} if problem.retryable else {}
    return Response(msgspec.json.encode(problem), status_code=problem.status, media_type=MEDIA_TYPE, headers=headers)


def handle(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Litestar's handler for every exception."""
    request_id = request.scope["state"].get("request_id", "")
    known = translate(error)
    if isinstance(error, NotFoundException):
        known = NotFound(noun="path", key=request.url.path)
    if isinstance(error, HTTPException) and error.status_code == 413:
        known = TooLarge(limit=f"{request.route_handler.resolve_request_max_body_size():,}")
    if known is not None:
        request.scope["state"]["problem"] = known.code()
        return answer(known.problem(request_id))
    log.error("unexpected failure", request_id=request_id, exc_info=error)
    problem = RtpError().problem(request_id)
    problem.hint = f"rtp logs api | grep {request_id}"
    return answer(problem)


def translate(error: BaseException) -> RtpError | None:
    """The error of ours that stands for this failure, or None when it is unexpected."""
    if isinstance(error, RtpError):
        return error
    if isinstance(error, ValidationException):
        return _invalid(error)
    if isinstance(error, NotFoundException):
        return NotFound(noun="path", key=error.detail if error.detail != "Not Found" else "here")
    if isinstance(error, MethodNotAllowedException):
        return _status(405, "this method is not allowed here")
    if isinstance(error, HTTPException):
        return _status(error.status_code, error.detail)
    if isinstance(error, PoolTimeout):
        return DatabaseBusy(state="all connections are in use")
    return _database(error) if isinstance(error, DBAPIError) else None


def _database(error: DBAPIError) -> RtpError | None:
    if isinstance(error, DataError):
        return InvalidInput(what="a value that the database cannot hold")
    if isinstance(error, IntegrityError):
        return _refused(error)
    return Unavailable(what="The database") if error.connection_invalidated else None


def _refused(error: IntegrityError) -> RtpError:
    """Who was a moment late with a key, or met a row on its way, may ask again; a rule refuses the same each time.

    Every rule is held before the database is asked, so one that was reached is a mistake of ours, and is logged.
    """
    state = sqlstate(error)
    if state in {UNIQUE_VIOLATION, FOREIGN_KEY_VIOLATION}:
        return DatabaseBusy(state=f"a rule of the database: {state}")
    rule = getattr(getattr(error.orig, "diag", None), "constraint_name", None) or state
    log.error("a rule of the database was reached", rule=rule, exc_info=error)
    return DatabaseRefused(rule=rule)


def _status(status: int, detail: str) -> RtpError:
    class_ = type("BadRequest", (InvalidInput,), {"__doc__": InvalidInput.__doc__, "status": status})
    made = class_(what=detail)
    assert isinstance(made, RtpError)
    return made


def _invalid(error: ValidationException) -> RtpError:
    fields: dict[str, str] = {}
    for item in error.extra if isinstance(error.extra, list) else []:
        if isinstance(item, dict):
            message, key = str(item.get("message", "not valid")), str(item.get("key", "body"))
            key, message = place(message, key)
            fields[key] = message
    what = "; ".join(f"{key}: {message}" for key, message in fields.items()) or error.detail
    return InvalidInput(what=what, fields=fields)
