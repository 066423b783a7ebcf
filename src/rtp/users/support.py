"""The support page of a member: what other areas know of them, put together in this one place."""

from __future__ import annotations

import msgspec

from rtp.db.frame import Frame
from rtp.subscriptions import service as subscriptions
from rtp.subscriptions.schemas import Service
from rtp.users import repository, service
from rtp.users.schemas import User, UserDetail


async def show(frame: Frame, key: str) -> UserDetail:
    """Everything that support needs of a member: services and why each is open, the next charge, notes.

    Raises: UserNotFound.
    """
    user = await service.resolve(frame, key)
    user_id = service.number(user)
    services = [_seen(user, one) for one in await subscriptions.services_of(frame, user_id)]
    notes = await repository.notes_of(frame, user_id)
    return UserDetail(**msgspec.structs.asdict(user), services=services, notes=notes)


def _seen(user: User, one: Service) -> Service:
    """A suspended member's services are closed, whatever is paid for."""
    if user.status == "suspended" and one.open:
        return msgspec.structs.replace(one, open=False, why="user_suspended", until=None)
    return one
