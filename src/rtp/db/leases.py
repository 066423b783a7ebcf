"""Leases: one holder at a time, by the database's clock; the epoch grows with each change of holder."""

from __future__ import annotations

from sqlalchemy import text

from rtp.db.frame import Frame

TTL_SECONDS = 15
RENEW_SECONDS = 5

_TAKE = text(
    """
    INSERT INTO leases (name, holder, epoch, expires_at)
    VALUES (:name, :holder, 1, clock_timestamp() + make_interval(secs => :ttl))
    ON CONFLICT (name) DO UPDATE SET
        holder = excluded.holder,
        epoch = leases.epoch + (leases.holder <> excluded.holder)::int,
        expires_at = excluded.expires_at
    WHERE leases.holder = excluded.holder OR leases.expires_at < clock_timestamp()
    RETURNING epoch
    """
)
_GIVE = text("UPDATE leases SET expires_at = clock_timestamp() WHERE name = :name AND holder = :holder")


async def take(frame: Frame, name: str, holder: str, ttl: float = TTL_SECONDS) -> int | None:
    """Take or renew a lease; its epoch, or None while another holds it."""
    row = await frame.first(_TAKE, {"name": name, "holder": holder, "ttl": ttl})
    return None if row is None else int(row[0])


async def give_back(frame: Frame, name: str, holder: str) -> None:
    """Let the next one take it at once."""
    await frame.execute(_GIVE, {"name": name, "holder": holder})
