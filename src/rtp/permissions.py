"""Who may do what: four roles, each a set of operation ids; a role has all that the role below it has."""

from __future__ import annotations

from typing import Literal

import msgspec

Role = Literal["viewer", "support", "operator", "owner"]
ROLES: tuple[Role, ...] = ("viewer", "support", "operator", "owner")

ADDED: dict[Role, frozenset[str]] = {
    "viewer": frozenset(
        """
        audit.list audit.show breakers.list breakers.show cache.show cache.stats catalog.plan chaos.history
        chaos.list chaos.show disputes.evidence disputes.list disputes.show doctor.money doctor.show
        entitlements.check entitlements.list entitlements.show events.list jobs.list jobs.show ledger.accounts
        ledger.check ledger.export ledger.list loadtests.history loadtests.list loadtests.show metrics.show
        payment_methods.list payment_methods.show payments.list payments.show plans.show prices.list prices.show
        products.list products.show reconcile.check reconcile.list reconcile.show reconcile_aside.list
        reconcile_aside.show refund_bulks.export refund_bulks.list refund_bulks.show refund_policy.plan
        refund_policy.show refunds.list refunds.preview refunds.review refunds.show sagas.list sagas.show sandbox.events
        sandbox.show slo.list slo.report slo.validate staff.list subscriptions.list subscriptions.show
        today.show users.diagnose users.list users.show webhooks_deliveries.list webhooks_received.list
        webhooks_received.show whoami.show
        """.split()
    ),
    "support": frozenset(
        """
        disputes.submit payment_methods.add payment_methods.remove plans.apply refund_bulks.add
        refund_bulks.create refund_bulks.plan refunds.cancel refunds.issue refunds.reject refunds.retry
        subscriptions.cancel subscriptions.create subscriptions.pause subscriptions.renew subscriptions.resume
        users.create users.note users.restore users.suspend users.update webhooks_deliveries.resend
        webhooks_received.retry
        """.split()
    ),
    "operator": frozenset(
        """
        breakers.reset cache.purge cache.warm catalog.apply chaos.record disputes.accept jobs.purge jobs.retry
        loadtests.finish loadtests.start migrations.apply migrations.history migrations.plan migrations.status
        reconcile.run reconcile_aside.close refund_bulks.apply refund_bulks.cancel refund_reports.show refunds.approve
        sagas.cancel sagas.retry sandbox.dispute sandbox.reset sandbox.set subscriptions.import users.export
        users.import
        webhooks_deliveries.due webhooks_deliveries.report webhooks_deliveries.show webhooks_endpoints.create
        webhooks_endpoints.delete webhooks_endpoints.disable webhooks_endpoints.enable webhooks_endpoints.list
        webhooks_endpoints.rotate webhooks_endpoints.show webhooks_endpoints.test webhooks_endpoints.update
        """.split()
    ),
    "owner": frozenset(
        """
        migrations.preview refund_policy.apply staff.create staff.disable tokens.create tokens.list
        tokens.revoke
        """.split()
    ),
}
"""Operation ids that each role adds to the roles below it."""

OPEN = frozenset({"health.live", "health.ready", "health.worker", "openapi.show", "webhooks.receive"})
"""Operation ids that answer without a token; a route that opens itself without standing here keeps the server down.

A provider's webhook has no token: its signature over the raw bytes is what is checked instead.
"""


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks: the local owner of the instance, a token (perhaps of a staff member), or the system's own jobs.

    `through` is the token they came by, empty for who needs none.
    """

    kind: Literal["owner", "token", "staff", "system"]
    id: str
    name: str
    role: Role
    through: str = ""


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
