"""What one API process holds: settings, database, frames, permissions."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from rtp import __version__
from rtp.cache import valkey
from rtp.cache.service import Cache
from rtp.db.engine import Database
from rtp.db.frames import Frames
from rtp.db.premises import Premises
from rtp.payments.guarded import GuardedProvider
from rtp.permissions import Permissions
from rtp.runtime.instance import Instance
from rtp.settings import Settings
from rtp.webhooks import received_senders
from rtp.webhooks.received_senders import Senders
from rtp_server.additions import Additions
from rtp_server.asking import Asking
from rtp_server.schema_gate import SchemaGate


@dataclass
class State:
    """Made once by `create_app` and reached by every request through the app's state."""

    settings: Settings
    database: Database
    frames: Frames
    secret: bytes
    local_token: str = ""
    cache: Cache | None = None
    permissions: Permissions = field(default_factory=Permissions)
    version: str = __version__
    additions: Additions = field(default_factory=Additions)
    gate: SchemaGate = field(init=False)
    asking: Asking = field(init=False)

    def __post_init__(self) -> None:
        self.gate = SchemaGate(self.database)
        self.asking = Asking(self.settings, self.frames)

    @cached_property
    def senders(self) -> Senders:
        """The provider whose webhooks are taken; read once, as its secrets are settings."""
        return received_senders.senders(self.settings, self.additions.providers)

    @property
    def provider(self) -> GuardedProvider:
        """The payment provider, for what is asked of it in this process.

        Raises: ProviderNotKnown, ProviderUnavailable, InvalidInput, InstanceDamaged.
        """
        return self.asking.provider(self.additions.providers)

    def services(self) -> dict[str, Any]:
        """Connections to the outside by name, for jobs and consumers."""
        return {} if self.cache is None else {"cache": self.cache}

    async def close(self) -> None:
        """Close what was opened."""
        await self.asking.close()
        await self.database.close()
        if self.cache is not None:
            await self.cache.close()


def build(settings: Settings, secret: bytes) -> State:
    """Wire a process; opens no connection yet."""
    database = Database(settings.database_url)
    local_token = Instance(settings).token()
    cache = open_cache(settings)
    premises = Premises(settings.environment, secret, settings.provider)
    return State(settings, database, Frames(database, cache=cache, premises=premises), secret, local_token, cache)


def open_cache(settings: Settings) -> Cache | None:
    """The cache, if the settings name a server for it; connects when it is first used."""
    if not settings.redis_url:
        return None
    return Cache(valkey.ValkeyStore(settings.redis_url, valkey.namespace(settings)))


def signing_key(settings: Settings) -> bytes:
    """The key that signs cursors: from the instance's secrets, or derived from the database's own password."""
    instance = Instance(settings)
    if instance.secrets_file.is_file():
        return instance.secrets().signing_key.encode()
    return hmac.digest(settings.database_url.encode(), b"rtp cursor key", hashlib.sha256)
