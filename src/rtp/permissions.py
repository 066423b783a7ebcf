"""Who may do what: four roles, each a set of operation ids; a role has all that the role below it has."""

from __future__ import annotations

from typing import Literal

import msgspec

Role = Literal["viewer", "support", "operator", "owner"]
ROLES: tuple[Role, ...] = ("viewer", "support", "operator", "owner")

ADDED: dict[Role, frozenset[str]] = {
    "viewer": frozenset(
        """
        products.list products.show prices.list prices.show catalog.plan cache.stats cache.show
        whoami.show doctor.show users.list users.show staff.list audit.list audit.show events.list plans.show
        metrics.show jobs.list
        jobs.show payments.list payments.show payment_methods.list payment_methods.show refunds.list refunds.show refunds.preview
        ledger.list ledger.check today.show subscriptions.list subscriptions.show entitlements.list entitlements.show
        entitlements.check slo.report chaos.list chaos.history chaos.show
        """.split()
    ),
    "support": frozenset(
        """
        plans.apply users.create users.update users.note users.suspend users.restore payment_methods.add
        payment_methods.remove refunds.issue subscriptions.create subscriptions.cancel subscriptions.pause
        subscriptions.resume subscriptions.renew
        """.split()
    ),
    "operator": frozenset(
        """
        catalog.apply cache.warm cache.purge migrations.status migrations.plan migrations.apply migrations.history
        users.import users.export subscriptions.import jobs.retry jobs.purge chaos.record
        """.split()
    ),
    "owner": frozenset(
        """
        staff.create staff.disable tokens.create tokens.list tokens.revoke migrations.preview
        """.split()
    ),
}
"""Operation ids that each role adds to the roles below it."""


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks: the local owner of the instance, a token (perhaps of a staff member), or the system's own jobs."""

    kind: Literal["owner", "token", "staff", "system"]
    id: str
    name: str
    role: Role


LOCAL_OWNER = Principal(kind="owner", id="local", name="local owner", role="owner")
WORKER = Principal(kind="system", id="worker", name="worker", role="owner")


def at_least(role: Role, wanted: Role) -> bool:
    """Whether a role is the wanted one or above it."""
    return ROLES.index(role) >= ROLES.index(wanted)


class Permissions:
    """The table of roles, with what plugins added to it."""

    def __init__(self, added: dict[Role, frozenset[str]] | None = None) -> None:
        self._needs: dict[str, Role] = {
            operation: role for role, operations in (added or ADDED).items() for operation in operations
        }

    def add(self, operation: str, role: Role) -> None:
        """Let a plugin name the lowest role for an operation of its own; it can change no other."""
        if operation in self._needs:
            raise ValueError(f"{operation} already has a role")
        self._needs[operation] = role

    def needed(self, operation: str) -> Role:
        """The lowest role that may do it; KeyError when the table does not know it."""
        return self._needs[operation]

    def allows(self, role: Role, operation: str) -> bool:
        """Whether this role may; an operation that the table does not know is allowed to nobody."""
        wanted = self._needs.get(operation)
        return wanted is not None and at_least(role, wanted)
