"""The hooks: what a trusted plugin may add to the server and the worker.

A plugin's module gives functions of these names, marked with `hookimpl`; each is asked once, when a process starts.
What they return is checked as a whole: a plugin of which one part does not fit adds nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NoReturn

import pluggy

from rtp.cache.service import Warmer
from rtp.events.relay import Consumer
from rtp.jobs.spec import JobSpec
from rtp.payments.provider import Source
from rtp.permissions import Role

PROJECT = "rtp"
Warmers = Callable[..., Awaitable[tuple[list[Warmer], int]]]
hookimpl = pluggy.HookimplMarker(PROJECT)
hookspec = pluggy.HookspecMarker(PROJECT)


@hookspec
def routes() -> Sequence[Any]:
    """Routes under /v1, each made with `rtp_server.operation.operation`, below a noun of the plugin's own."""
    _not_called()


@hookspec
def roles() -> Mapping[str, Role]:
    """The lowest role for each of the plugin's operations, by operation id."""
    _not_called()


@hookspec
def jobs() -> Sequence[JobSpec]:
    """Kinds of job for the worker (`rtp.jobs.spec.JobSpec`), each named `<noun>.<job>` after a noun of its own."""
    _not_called()


@hookspec
def consumers() -> Sequence[Consumer]:
    """Consumers of events (`rtp.events.relay.Consumer`): each gets every event that it wants, in order; notifiers."""
    _not_called()


@hookspec
def warmers() -> Sequence[tuple[str, Warmers]]:
    """Named sources of keys for `rtp cache warm`: functions like those of `rtp.cache.warming.WARMERS`."""
    _not_called()


@hookspec
def providers() -> Sequence[Source]:
    """Payment providers (`rtp.payments.provider.Source`), each under a name that `RTP_PROVIDER` can choose."""
    _not_called()


def _not_called() -> NoReturn:
    raise AssertionError("a hook is implemented by plugins, and asked through their manager")
