"""Who asks: a token, or the local owner, who has the instance's socket or the token in its folder."""

from __future__ import annotations

import hmac
from typing import Any

from rtp.errors import NotLoggedIn
from rtp.kit.trace import Trace
from rtp.permissions import LOCAL_OWNER, Principal
from rtp.tokens import service as tokens
from rtp_server.state import State


async def of(state: State, scope: Any, authorization: str, trace: Trace) -> Principal | None:
    """The principal of a request; None over TCP without a token.

    Raises: NotLoggedIn for a token that is unknown, expired, revoked or malformed, all alike.
    """
    if not authorization:
        return LOCAL_OWNER if _by_socket(scope) else None
    scheme, _, secret = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise NotLoggedIn()
    if state.local_token and hmac.compare_digest(secret.strip().encode(), state.local_token.encode()):
        return LOCAL_OWNER
    async with state.frames.reading(operation="tokens.resolve", principal=LOCAL_OWNER, trace=trace) as frame:
        return await tokens.resolve(frame, secret.strip())


def _by_socket(scope: Any) -> bool:
    server = scope.get("server")
    return server is not None and server[1] is None
