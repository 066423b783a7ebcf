"""What every frame knows of the instance it runs in: the class of its environment, its provider, its secrets' key."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from rtp.settings import EnvironmentClass

if TYPE_CHECKING:
    from rtp.kit.sealing import Seal


@dataclass(frozen=True)
class Premises:
    """`environment` is the strictest one unless somebody says otherwise; `key` is never shown.

    `provider` names the payment provider that new payments are made through.
    """

    environment: EnvironmentClass = "prod"
    key: bytes = field(default=b"", repr=False)
    provider: str = "sandbox"

    @cached_property
    def seal(self) -> Seal:
        """What closes and opens secrets at rest.

        Raises: LookupError where no key was given.
        """
        from rtp.kit.sealing import Seal  # noqa: PLC0415 - the cipher costs 10 ms and few frames need it

        if not self.key:
            raise LookupError("this process was given no key for secrets at rest")
        return Seal(self.key)
