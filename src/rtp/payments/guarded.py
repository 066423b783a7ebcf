"""A payment provider behind a circuit breaker: calls that take too long, fail too often or are too many end at once.

What an end means stays the adapter's word, with one addition: a call that moves money, was begun and got no answer in
time has an unknown outcome. Such a call is never repeated here, as its job repeats it under the same key; a call that
only reads may be, within its deadline and the budget of retries.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import msgspec
import stamina

from rtp.kit.breaker import Breaker, BreakerOpen, BreakerShutDown, CallTimedOut, OverCapacity, Rules
from rtp.kit.money import Money
from rtp.kit.retry_budget import RetryBudget
from rtp.payments.errors import (
    CardNotKnown,
    ProviderBusy,
    ProviderDeclined,
    ProviderKeyReused,
    ProviderOutcomeUnknown,
    ProviderRefused,
    ProviderResting,
    ProviderStillAway,
    ProviderUnavailable,
)
from rtp.payments.ports import (
    PaymentProvider,
    ProviderCard,
    ProviderCharge,
    ProviderDispute,
    ProviderEvent,
    ProviderRefund,
)

T = TypeVar("T")
LIST_SECONDS = 60.0
"""A list is read page by page inside one call."""
COUNTED_STATUS = {408, 429}
"""Of the 4xx, those that tell of the provider's state and not of the request."""


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """How a read is repeated: so often, after U(0, delay x 2^(n-1)), all of it within a deadline; in seconds."""

    attempts: int = 3
    delay: float = 0.2
    cap: float = 2.0
    deadline: float = 6.0


class GuardedProvider:
    """A provider's adapter with its breaker, which stands for the whole provider: no call of it goes another way."""

    def __init__(
        self,
        provider: PaymentProvider,
        rules: Rules | None = None,
        *,
        patience: Patience | None = None,
        budget: RetryBudget | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = provider.name
        self.breaker = Breaker(f"provider:{provider.name}", rules, filtered=answered, monotonic=monotonic)
        self._provider = provider
        self._patience = patience or Patience()
        self._budget = budget or RetryBudget(monotonic=monotonic)
        self._monotonic = monotonic
        self._random = random.SystemRandom()

    def hold_back(self) -> None:
        """Raises: ProviderResting, while every call would be turned away."""
        if self.breaker.state == "open":
            raise self._resting(self.breaker.retry_after)

    async def tokenize(self, card: str) -> ProviderCard:
        """The reference of a card."""
        return await self._read(self._provider.tokenize, card)

    async def charge(
        self, key: str, amount: Money, card_ref: str, description: str, capture: bool = True
    ) -> ProviderCharge:
        """Take or reserve money of a card."""
        return await self._act(key, self._provider.charge, key, amount, card_ref, description, capture)

    async def capture(self, key: str, charge_ref: str, amount: Money) -> ProviderCharge:
        """Take what was reserved."""
        return await self._act(key, self._provider.capture, key, charge_ref, amount)

    async def refund(self, key: str, charge_ref: str, amount: Money, reason: str) -> ProviderRefund:
        """Return money of a charge."""
        return await self._act(key, self._provider.refund, key, charge_ref, amount, reason)

    async def retrieve_charge_by_key(self, key: str) -> ProviderCharge | None:
        """The charge made under a key."""
        return await self._read(self._provider.retrieve_charge_by_key, key)

    async def retrieve_refund_by_key(self, key: str) -> ProviderRefund | None:
        """The refund made under a key."""
        return await self._read(self._provider.retrieve_refund_by_key, key)

    async def list_charges(self, since: datetime) -> list[ProviderCharge]:
        """All charges since an instant."""
        return await self._once(self._provider.list_charges, since, seconds=LIST_SECONDS)

    async def list_refunds(self, since: datetime) -> list[ProviderRefund]:
        """All refunds since an instant."""
        return await self._once(self._provider.list_refunds, since, seconds=LIST_SECONDS)

    async def list_disputes(self, since: datetime) -> list[ProviderDispute]:
        """All disputes since an instant."""
        return await self._once(self._provider.list_disputes, since, seconds=LIST_SECONDS)

    async def submit_evidence(self, key: str, dispute_ref: str, evidence: dict[str, str]) -> ProviderDispute:
        """Answer a dispute."""
        return await self._act(key, self._provider.submit_evidence, key, dispute_ref, evidence)

    async def accept_dispute(self, key: str, dispute_ref: str) -> ProviderDispute:
        """Give the money of a dispute up."""
        return await self._act(key, self._provider.accept_dispute, key, dispute_ref)

    def verify_webhook(
        self, headers: Mapping[str, str], body: bytes, now: datetime, secrets: Sequence[str]
    ) -> ProviderEvent:
        """The event in a signed message; asks nobody, so nothing stands in its way."""
        return self._provider.verify_webhook(headers, body, now, secrets)

    async def health(self) -> bool:
        """Whether the provider takes calls now; asked of itself, also while the breaker is open."""
        return await self._provider.health()

    async def close(self) -> None:
        """Take no calls any more and give up the connections."""
        self.breaker.shut_down()
        await self._provider.close()

    async def _act(self, key: str, action: Callable[..., Awaitable[T]], *given: Any) -> T:
        """A call that moves money: once, and without an answer in time nobody knows whether it did."""
        try:
            return await self._through(action, given, None)
        except CallTimedOut as error:
            raise ProviderOutcomeUnknown(key=key, why=str(error)) from error

    async def _once(self, action: Callable[..., Awaitable[T]], *given: Any, seconds: float | None = None) -> T:
        """A call that moves nothing, so that no answer in time is the same as not asked."""
        probes = self._probes
        try:
            return await self._through(action, given, seconds)
        except CallTimedOut as error:
            away = ProviderUnavailable(why=str(error))
            raise (self._still(away) if probes else away) from error

    async def _read(self, action: Callable[..., Awaitable[T]], *given: Any) -> T:
        """A short call that moves nothing, repeated while deadline and budget allow."""
        self._budget.call()
        repeats = _Repeats(self._patience, self._budget, self._monotonic, self._random)
        async for attempt in stamina.retry_context(on=repeats.wait_after, attempts=None, timeout=None):
            with attempt:
                seconds = min(self.breaker.rules.timeout, repeats.left)
                return await self._once(action, *given, seconds=seconds)
        raise AssertionError("stamina ends with an answer or an error")

    async def _through(self, action: Callable[..., Awaitable[T]], given: tuple[Any, ...], seconds: float | None) -> T:
        probes = self._probes
        try:
            return await self.breaker.call(action, *given, seconds=seconds)
        except ProviderUnavailable as error:
            if probes and not answered(error):
                raise self._still(error) from error
            raise
        except BreakerOpen as error:
            raise self._resting(error.retry_after) from error
        except OverCapacity as error:
            raise ProviderBusy(provider=self.name, retry_after=1.0) from error
        except BreakerShutDown as error:
            raise ProviderUnavailable(why="this process ends") from error

    def _resting(self, seconds: float) -> ProviderResting:
        rounded = math.ceil(seconds * 10) / 10
        return ProviderResting(provider=self.name, breaker=self.breaker.name, retry_after=rounded)

    @property
    def _probes(self) -> bool:
        """Whether the next call, if it is let through, is the one that finds out whether the provider is back."""
        return self.breaker.state == "half_open"

    def _still(self, error: ProviderUnavailable) -> ProviderStillAway:
        """A failed probe: who made it found the outage as it was, and waits with all others until the next."""
        why, seconds = error.params.get("why", str(error)), max(self.breaker.retry_after, error.retry_after or 0.0)
        return ProviderStillAway(provider=self.name, breaker=self.breaker.name, why=why, retry_after=seconds)


class _Repeats:
    """Whether and when one read is repeated after an error."""

    def __init__(
        self, patience: Patience, budget: RetryBudget, monotonic: Callable[[], float], source: random.Random
    ) -> None:
        self._patience = patience
        self._budget = budget
        self._monotonic = monotonic
        self._random = source
        self._ends = monotonic() + patience.deadline
        self._attempts = 0

    @property
    def left(self) -> float:
        """Seconds until the deadline."""
        return self._ends - self._monotonic()

    def wait_after(self, error: Exception) -> bool | float:
        """Seconds until the next attempt, or False to give up."""
        self._attempts += 1
        passing = isinstance(error, ProviderUnavailable) and error.spends_attempt and not answered(error)
        if not passing or self._attempts >= self._patience.attempts:
            return False
        most = min(self._patience.cap, self._patience.delay * 2.0 ** (self._attempts - 1))
        wait = max(self._random.uniform(0, most), getattr(error, "retry_after", None) or 0.0)
        return wait if wait < self.left and self._budget.take() else False


def answered(error: Exception) -> bool:
    """Whether an error is the provider's proper answer to this request, and so no sign that it is in trouble."""
    if isinstance(error, ProviderUnavailable):
        status = int(error.params.get("answered", 0))
        return 400 <= status < 500 and status not in COUNTED_STATUS
    return isinstance(error, (ProviderDeclined, ProviderRefused, ProviderKeyReused, CardNotKnown))
