"""Why a member has access or has none: the chain from the provider's record to the entitlement, link by link.

Our side is read in one frame, the provider is asked after it; the verdict is pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import Struct, structs

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest
from rtp.entitlements import service as entitlements
from rtp.entitlements.schemas import Entitlement
from rtp.errors import RtpError
from rtp.jobs import service as jobs
from rtp.payments import service as payments
from rtp.payments.ports import PaymentProvider, ProviderCharge, in_words
from rtp.payments.schemas import Payment
from rtp.subscriptions import service as subscriptions
from rtp.subscriptions.schemas import Subscription
from rtp.users import service
from rtp.users.schemas import Chain, Diagnosis, Link, LinkName, LinkState, User
from rtp.webhooks import received
from rtp.webhooks.schemas import Received

LEEWAY = timedelta(minutes=10)
"""What is under way may take so long before it counts as broken."""
CHAINS = 10
RECONCILE = "rtp reconcile run --dry-run"
OPEN = frozenset({"created", "submitted", "unknown"})


class Facts(Struct, kw_only=True):
    """What is known of one subscription; `silence` says why the provider did not answer."""

    user: User
    now: datetime
    subscription: Subscription
    payment: Payment | None
    events: list[Received]
    entitlement: Entitlement | None
    dead_job: str
    charge: ProviderCharge | None = None
    silence: str = ""

    @property
    def fresh(self) -> bool:
        """Whether the payment was made so lately that all may still be on its way."""
        return self.payment is not None and self.payment.created_at > self.now - LEEWAY


async def gather(frame: Frame, key: str) -> tuple[User, list[Facts]]:
    """What is known here of the newest subscription to each product.

    Raises: UserNotFound.
    """
    user = await service.resolve(frame, key)
    page = PageRequest(operation="subscriptions.list", secret=b"", limit=100)
    newest: dict[str, Subscription] = {}
    for one in (await subscriptions.page(frame, page, user=user.id)).items:
        newest.setdefault(one.product, one)
    opened = {one.product: one for one in await entitlements.of_user(frame, service.number(user))}
    return user, [await _facts(frame, user, one, opened.get(one.product)) for one in list(newest.values())[:CHAINS]]


async def _facts(frame: Frame, user: User, held: Subscription, entitlement: Entitlement | None) -> Facts:
    payment, told, dead = None, [], ""
    if held.payment_id is not None:
        payment = await payments.find(frame, held.payment_id)
        page = PageRequest(operation="webhooks_received.list", secret=b"", limit=20)
        told = (await received.page(frame, page, about=payment.id, type="charge.*")).items
        dead = await jobs.dead_about(frame, payment.id)
    return Facts(
        user=user, now=frame.now, subscription=held, payment=payment, events=told, entitlement=entitlement,
        dead_job=dead,
    )  # fmt: skip


async def ask(provider: PaymentProvider, known: Sequence[Facts]) -> list[Facts]:
    """The same, with what the provider has of each payment; asked outside of any transaction."""
    asked = []
    for one in known:
        if one.payment is None:
            asked.append(one)
            continue
        try:
            charge = await provider.retrieve_charge_by_key(one.payment.id)
            asked.append(structs.replace(one, charge=charge))
        except RtpError as error:
            asked.append(structs.replace(one, silence=error.message))
    return asked


def silent(known: Sequence[Facts], why: str) -> list[Facts]:
    """The same, where there is nobody to ask."""
    return [structs.replace(one, silence=why) for one in known]


def judge(user: User, known: Sequence[Facts]) -> Diagnosis:
    """The verdict: every chain, and the first link that broke with the command that mends it."""
    chains = [_chain(one) for one in known] or [_nothing(user)]
    order: list[LinkState] = ["broken", "unknown"]
    worst = next((one for state in order for one in chains if one.state == state), None)
    return Diagnosis(
        user_id=user.id,
        email=user.email,
        state=worst.state if worst else "ok",
        broken=worst.broken if worst else None,
        command=worst.command if worst else "",
        chains=chains,
    )


def _chain(one: Facts) -> Chain:
    links = [_provider(one), _webhook(one), _payment(one), _subscription(one), _entitlement(one)]
    bad = next((link for link in links if link.state == "broken"), None)
    bad = bad or next((link for link in links if link.state == "unknown"), None)
    return Chain(
        subscription_id=one.subscription.id,
        product=one.subscription.product,
        state=bad.state if bad else "ok",
        broken=bad.name if bad and bad.state == "broken" else None,
        command=bad.command if bad else "",
        links=links,
    )


def _nothing(user: User) -> Chain:
    command = f"rtp subscriptions create {user.email} --price PRICE --card CARD"
    link = _link("subscription", "broken", "the member never subscribed to anything", command=command)
    return Chain(subscription_id=None, product="", state="broken", broken="subscription", command=command, links=[link])


def _provider(one: Facts) -> Link:
    payment, charge = one.payment, one.charge
    if payment is None:
        return _link("provider", "ok", "nothing was to be charged so far")
    if one.silence:
        return _link("provider", "unknown", f"it could not be asked: {one.silence}", command="rtp status")
    if charge is None:
        if payment.state == "failed":
            other = f"rtp subscriptions renew {one.subscription.id} --card CARD"
            return _link("provider", "broken", f"it took no money: {in_words(payment.failure_reason)}", command=other)
        if one.fresh:
            return _link("provider", "unknown", "the charge is being sent", command=f"rtp payments show {payment.id}")
        return _link("provider", "broken", f"it has no charge of {payment.id}", command=RECONCILE)
    if charge.state == "failed":
        other = f"rtp subscriptions renew {one.subscription.id} --card CARD"
        return _link("provider", "broken", f"it declined: {in_words(charge.failure_reason)}", charge.ref, other)
    if charge.state == "pending" and charge.failure_reason:
        command = f"rtp payments show {payment.id}"
        return _link("provider", "broken", f"it waits: {in_words(charge.failure_reason)}", charge.ref, command)
    if charge.state != "succeeded":
        command = f"rtp payments show {payment.id}"
        return _link("provider", "unknown", f"the charge is {charge.state} there", charge.ref, command)
    return _link("provider", "ok", f"it took {charge.captured}", charge.ref)


def _webhook(one: Facts) -> Link:
    payment = one.payment
    if payment is None:
        return _link("webhook", "ok", "none is waited for")
    settled = payment.state not in OPEN
    failed = next((event for event in one.events if event.state == "failed"), None)
    if failed is not None and not settled:
        command = f"rtp webhooks received retry {failed.id}"
        return _link("webhook", "broken", f"{failed.type} came and failed: {failed.error}", failed.id, command)
    if (waiting := next((event for event in one.events if event.state == "received"), None)) is not None:
        late = waiting.received_at <= one.now - LEEWAY
        command = "rtp jobs list --queue webhooks"
        return _link("webhook", "broken" if late else "unknown", f"{waiting.type} waits", waiting.id, command)
    if one.events:
        event = one.events[0]
        return _link("webhook", "ok", f"{event.type} came: {event.outcome or event.state}", event.id)
    if settled:
        return _link("webhook", "ok", "none came; the provider's own answer was enough")
    if one.charge is not None and one.charge.state in {"succeeded", "failed"} and not one.fresh:
        return _link("webhook", "broken", f"the charge {one.charge.state}, and no event came", command=RECONCILE)
    return _link("webhook", "unknown", "none came so far", command="rtp webhooks received list --since 1h")


def _payment(one: Facts) -> Link:
    payment, charge = one.payment, one.charge
    if payment is None:
        return _link("payment", "ok", "none was to be made so far")
    theirs = charge.state if charge is not None else ""
    if payment.state == "succeeded":
        if theirs == "failed":
            return _link("payment", "broken", "succeeded here, failed there", payment.id, RECONCILE)
        returned = f", of which {payment.refunded} goes back" if payment.refunded else ""
        return _link("payment", "ok", f"{payment.captured} were captured{returned}", payment.id)
    if payment.state == "failed":
        differs = " here, and succeeded there" if theirs == "succeeded" else f": {in_words(payment.failure_reason)}"
        command = RECONCILE if theirs == "succeeded" else f"rtp subscriptions renew {one.subscription.id} --card CARD"
        return _link("payment", "broken", f"it failed{differs}", payment.id, command)
    if one.fresh:
        return _link("payment", "unknown", f"it is {payment.state}", payment.id, f"rtp payments show {payment.id}")
    command = f"rtp jobs retry {one.dead_job}" if one.dead_job else RECONCILE
    return _link("payment", "broken", f"it is still {payment.state}", payment.id, command)


def _subscription(one: Facts) -> Link:
    held, payment = one.subscription, one.payment
    renew = f"rtp subscriptions renew {held.id}"
    if payment is not None and payment.state == "succeeded" and held.payment_state != "succeeded":
        if one.fresh:
            return _link("subscription", "unknown", "it is about to hear of its payment", held.id, "rtp today")
        command = f"rtp jobs retry {one.dead_job}" if one.dead_job else "rtp doctor"
        return _link("subscription", "broken", f"it is {held.status} although it was paid", held.id, command)
    if held.status in {"active", "trialing"}:
        return _link("subscription", "ok", f"{held.status} until {held.period_end:%Y-%m-%d}", held.id)
    if held.status == "canceled" and held.period_end > one.now and one.entitlement and one.entitlement.open:
        return _link("subscription", "ok", f"canceled, and paid until {held.period_end:%Y-%m-%d}", held.id)
    commands = {
        "paused": f"rtp subscriptions resume {held.id}",
        "canceled": f"rtp subscriptions create {one.user.email} --price {held.price}",
        "incomplete_expired": f"rtp subscriptions create {one.user.email} --price {held.price}",
    }
    late = held.status == "past_due" and one.entitlement is not None and one.entitlement.open
    state: LinkState = "unknown" if held.status == "incomplete" and one.fresh else "broken"
    what = (
        f"{held.status.replace('_', ' ')}, still open until its grace ends" if late else held.status.replace("_", " ")
    )
    return _link("subscription", state, f"it is {what}", held.id, commands.get(held.status, renew))


def _entitlement(one: Facts) -> Link:
    found = one.entitlement
    if one.user.status == "suspended":
        restore = f"rtp users restore {one.user.email}"
        return _link("entitlement", "broken", "the member is suspended", found.id if found else "", restore)
    if found is None:
        return _link("entitlement", "broken", "there is none", command="rtp doctor money")
    if found.open and (found.until is None or found.until > one.now):
        return _link("entitlement", "ok", f"{found.product} is open ({found.why})", found.id)
    why = "its time is over" if found.open else found.why.replace("_", " ")
    renew = f"rtp subscriptions renew {one.subscription.id}"
    command = renew if found.why == "revoked" else f"rtp entitlements show {found.id}"
    return _link("entitlement", "broken", f"{found.product} is closed: {why}", found.id, command)


def _link(name: LinkName, state: LinkState, what: str, id: str = "", command: str = "") -> Link:
    return Link(name=name, state=state, what=what, id=id, command=command)
