"""What one API process holds: settings, database, frames, permissions."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field

from rtp import __version__
from rtp.db.engine import Database
from rtp.db.frames import Frames
from rtp.permissions import Permissions
from rtp.runtime.instance import Instance
from rtp.settings import Settings


@dataclass
class State:
    """Made once by `create_app` and reached by every request through the app's state."""

    settings: Settings
    database: Database
    frames: Frames
    secret: bytes
    local_token: str = ""
    permissions: Permissions = field(default_factory=Permissions)
    version: str = __version__

    def services(self) -> dict[str, Any]:
        """Connections to the outside by name, for jobs and consumers."""
        return {}

    async def close(self) -> None:
        """Close what was opened."""
        await self.database.close()


def build(settings: Settings, secret: bytes) -> State:
    """Wire a process; opens no connection yet."""
    database = Database(settings.database_url)
    local_token = Instance(settings).token()
    return State(settings, database, Frames(database), secret, local_token)


def signing_key(settings: Settings) -> bytes:
    """The key that signs cursors: from the instance's secrets, or derived from the database's own password."""
    instance = Instance(settings)
    if instance.secrets_file.is_file():
        return instance.secrets().signing_key.encode()
    return hmac.digest(settings.database_url.encode(), b"rtp cursor key", hashlib.sha256)
