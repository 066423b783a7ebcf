"""Routes of tokens."""

from __future__ import annotations

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest
from rtp.operations import Page
from rtp.tokens import schemas, service
from rtp.tokens.schemas import CreatedToken, CreateToken, Token
from rtp_server.operation import operation


@operation(schemas.CREATE)
async def create(frame: Frame, data: CreateToken) -> CreatedToken:
    """Make a token; the secret is shown this once."""
    return await service.create(frame, data)


@operation(schemas.LIST)
async def list_tokens(frame: Frame, page: PageRequest) -> Page[Token]:
    """List tokens."""
    return await service.page(frame, page)


@operation(schemas.REVOKE)
async def revoke(frame: Frame, token: str) -> Token:
    """End a token."""
    return await service.revoke(frame, token)


HANDLERS = (create, list_tokens, revoke)
