"""Finding members: by a part of e-mail or name, by the id of what they bought, or by the provider's reference."""

from __future__ import annotations

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest
from rtp.kit import ids
from rtp.operations import Page
from rtp.payments import service as payments
from rtp.refunds import service as refunds
from rtp.subscriptions import service as subscriptions
from rtp.users import repository
from rtp.users.schemas import User, UserStatus

NOBODY = -1


async def page(
    frame: Frame, page: PageRequest, *, search: str = "", status: UserStatus | None = None, price: str = ""
) -> Page[User]:
    """One page of members."""
    only = await _owner(frame, search.strip()) if search else None
    return await repository.page(frame, page, search=search.strip(), status=status, price=price, only=only)


async def _owner(frame: Frame, search: str) -> int | None:
    """The member behind an id; None when the search is not one, NOBODY when it is one of nothing."""
    prefix, separator, _ = search.partition("_")
    try:
        if prefix == ids.USER_PREFIX and separator:
            return ids.parse_user(search)
        if prefix in _OWNERS and separator:
            found = await _OWNERS[prefix](frame, search)
            return NOBODY if found is None else found
    except ids.WrongId:
        return None
    if separator and (found := await payments.user_of_provider_ref(frame, search)) is not None:
        return found
    return await refunds.user_of_provider_ref(frame, search) if separator else None


_OWNERS = {"pay": payments.owner, "rfd": refunds.owner, "sub": subscriptions.owner}
