"""The secrets of endpoints: drawn, sealed, rotated with an overlap, and used to sign."""

from __future__ import annotations

import secrets as random
from uuid import UUID

from rtp.db.frame import Frame
from rtp.kit import ids, signing, signing_v1a
from rtp.kit.sealing import Unsealable
from rtp.webhooks import endpoints_repository as repository
from rtp.webhooks.errors import WebhookSecretSealed
from rtp.webhooks.schemas import Endpoint

SECRET_BYTES = 32


async def draw(frame: Frame, endpoint: Endpoint) -> str:
    """Give an endpoint a new secret; what the receiver needs to check with, to be shown once.

    For v1 that is the shared secret, for v1a the public key.
    """
    material = random.token_bytes(SECRET_BYTES)
    public = signing_v1a.public_of(material) if endpoint.signing == "v1a" else ""
    secret_id = frame.ids.uuid()
    sealed = frame.premises.seal.close(material, _owner(endpoint, secret_id))
    await repository.add_secret(frame, ids.parse("we", endpoint.id), secret_id, sealed, public)
    return public or signing.secret_of(material)


async def headers(frame: Frame, endpoint: Endpoint, message_id: str, body: bytes) -> dict[str, str]:
    """The signed headers of a message, with each secret that is valid now.

    Raises: WebhookSecretSealed.
    """
    kept = await repository.sealed(frame, ids.parse("we", endpoint.id))
    try:
        opened = [frame.premises.seal.open(one.sealed, _owner(endpoint, one.id)) for one in kept]
    except Unsealable as error:
        raise WebhookSecretSealed(key=endpoint.id) from error
    if not opened:
        raise WebhookSecretSealed(key=endpoint.id)
    at = int(frame.now.timestamp())
    if endpoint.signing == "v1a":
        return signing_v1a.headers(opened, message_id, at, body)
    return signing.headers([signing.secret_of(one) for one in opened], message_id, at, body)


def _owner(endpoint: Endpoint, secret_id: UUID) -> str:
    return f"{endpoint.id}:{ids.show('whs', secret_id)}"
