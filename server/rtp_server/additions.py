"""What plugins added to this process, and which were left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from litestar.handlers import HTTPRouteHandler

from rtp.events.relay import Consumer
from rtp.jobs.spec import JobSpec
from rtp.meta.schemas import Check
from rtp.payments.provider import Source
from rtp.permissions import Role
from rtp.plugins.hooks import Warmers


@dataclass(frozen=True)
class Addition:
    """All that one plugin adds."""

    plugin: str
    version: str
    routes: tuple[HTTPRouteHandler, ...] = ()
    roles: Mapping[str, Role] = field(default_factory=dict)
    jobs: tuple[JobSpec, ...] = ()
    consumers: tuple[Consumer, ...] = ()
    warmers: tuple[tuple[str, Warmers], ...] = ()
    providers: tuple[Source, ...] = ()


@dataclass(frozen=True)
class Additions:
    """All that plugins add; `refused` holds a failed check for each that was left out."""

    taken: tuple[Addition, ...] = ()
    refused: tuple[Check, ...] = ()

    @property
    def routes(self) -> tuple[HTTPRouteHandler, ...]:
        """Every plugin's routes."""
        return tuple(route for one in self.taken for route in one.routes)

    @property
    def roles(self) -> dict[str, Role]:
        """Every plugin's operations with their lowest roles."""
        return {operation: role for one in self.taken for operation, role in one.roles.items()}

    @property
    def jobs(self) -> tuple[JobSpec, ...]:
        """Every plugin's kinds of job."""
        return tuple(spec for one in self.taken for spec in one.jobs)

    @property
    def consumers(self) -> tuple[Consumer, ...]:
        """Every plugin's consumers of events."""
        return tuple(consumer for one in self.taken for consumer in one.consumers)

    @property
    def warmers(self) -> tuple[tuple[str, Warmers], ...]:
        """Every plugin's sources of keys to warm."""
        return tuple(warmer for one in self.taken for warmer in one.warmers)

    @property
    def providers(self) -> tuple[Source, ...]:
        """Every plugin's payment providers."""
        return tuple(source for one in self.taken for source in one.providers)

    def checks(self) -> list[Check]:
        """What doctor says of them."""
        if self.refused:
            return list(self.refused)
        named = ", ".join(f"{one.plugin} {one.version}" for one in self.taken)
        return [Check(name="plugins", state="ok", detail=named or "none are trusted")]
