"""Takes trusted plugins into a process when it starts: checked first, then asked each hook once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from importlib import import_module
from typing import Any

import pluggy
import structlog
from litestar.handlers import HTTPRouteHandler

from rtp.errors import RtpError
from rtp.events.relay import Consumer
from rtp.meta.schemas import WHOAMI, Check
from rtp.payments.provider import SANDBOX
from rtp.permissions import ROLES
from rtp.plugins import hooks, policy, trust
from rtp.plugins.errors import PluginFailed, PluginUnfit
from rtp.plugins.schemas import Trusted
from rtp_server import work
from rtp_server.additions import Addition, Additions
from rtp_server.operation import Endpoint
from rtp_server.routes import HANDLERS
from rtp_server.state import State

log = structlog.get_logger("rtp.plugins")


def attach(state: State, env: Mapping[str, str]) -> None:
    """Give a process what its trusted plugins add."""
    state.additions = load(env)
    for operation, role in state.additions.roles.items():
        state.permissions.add(operation, role)
    if state.cache is not None:
        state.cache.warmers = state.additions.warmers


def load(env: Mapping[str, str]) -> Additions:
    """Everything that trusted plugins add; one that changed or does not fit is left out whole, and named."""
    try:
        known = trust.read(env)
    except RtpError as error:
        return Additions(refused=(_refusal("plugins", error),))
    found = Additions()
    for plugin in known.plugins:
        try:
            trust.admit(env, plugin.distribution)
            found = replace(found, taken=(*found.taken, _fitting(_asked(plugin), found)))
        except RtpError as error:
            found = replace(found, refused=(*found.refused, _refusal(f"plugin {plugin.distribution}", error)))
    return found


def _refusal(name: str, error: RtpError) -> Check:
    log.error("a plugin is left out", plugin=name, error=error.message)
    return Check(name=name, state="failed", detail=error.message, fix=error.problem().hint)


def _asked(plugin: Trusted) -> Addition:
    """Import a plugin's hooks and ask each.

    Raises: PluginUnfit, PluginChanged.
    """
    manager = pluggy.PluginManager(hooks.PROJECT)
    manager.add_hookspecs(hooks)
    try:
        for module in plugin.hooks:
            manager.register(import_module(module), name=module)
        manager.check_pending()
        given = {name: [one for part in getattr(manager.hook, name)() for one in _items(part)] for name in policy.HOOKS}
    except RtpError:
        raise
    except Exception as error:  # whatever a plugin's code raises, it is the plugin that is left out
        why = f"its hooks fail with {type(error).__name__}: {error}"
        raise PluginUnfit(plugin=plugin.distribution, why=why) from error
    return Addition(
        plugin=plugin.distribution,
        version=plugin.version,
        routes=tuple(given["routes"]),
        roles=dict(given["roles"]),
        jobs=tuple(given["jobs"]),
        consumers=tuple(_guarded(plugin.distribution, one) for one in given["consumers"]),
        warmers=tuple((f"{plugin.distribution}:{name}", source) for name, source in given["warmers"]),
        providers=tuple(given["providers"]),
    )


def _items(part: Any) -> list[Any]:
    return list(part.items()) if isinstance(part, Mapping) else list(part)


def _fitting(addition: Addition, before: Additions) -> Addition:
    """The addition, if each of its parts stands beside the platform's and those of the plugins before it.

    Raises: PluginUnfit.
    """
    ours = [(WHOAMI.id, WHOAMI.path), *_declared((*HANDLERS, *before.routes))]
    declared = _declared(addition.routes)
    nouns = {spec.name.partition(".")[0] for spec in (*work.JOBS, *before.jobs)}
    refusals = [policy.refusal_of_operation(id, path, addition.roles, ours) for id, path in declared]
    refusals += [
        f"the job {spec.name} takes the noun of another" for spec in addition.jobs if _noun(spec.name) in nouns
    ]
    refusals += [f"{id} has a role, but no route" for id in addition.roles if id not in dict(declared)]
    refusals += [f"{role!r} is no role" for role in addition.roles.values() if role not in ROLES]
    names = [source.name for source in (SANDBOX, *before.providers, *addition.providers)]
    refusals += [f"there is a payment provider {one} already" for one in names if names.count(one) > 1]
    if len(declared) < len(addition.routes):
        refusals.append("one of its routes is not made with rtp_server.operation.operation")
    for why in filter(None, refusals):
        raise PluginUnfit(plugin=addition.plugin, why=why)
    return addition


def _noun(name: str) -> str:
    return name.partition(".")[0]


def _declared(handlers: tuple[HTTPRouteHandler, ...]) -> list[tuple[str, str]]:
    endpoints: list[Any] = [getattr(handler, "opt", {}).get("endpoint") for handler in handlers]
    return [(one.operation.id, one.operation.path) for one in endpoints if isinstance(one, Endpoint)]


def _guarded(plugin: str, consumer: Consumer) -> Consumer:
    """A plugin's consumer under a name of its own; whatever it raises holds up itself, never the relay."""
    return replace(
        consumer,
        name=f"{plugin}:{consumer.name}",
        inside=consumer.inside and _failing_alone(plugin, consumer.name, consumer.inside),
        outside=consumer.outside and _failing_alone(plugin, consumer.name, consumer.outside),
    )


def _failing_alone(plugin: str, what: str, take: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    async def run(*given: Any) -> None:
        try:
            await take(*given)
        except RtpError:
            raise
        except Exception as error:
            raise PluginFailed(plugin=plugin, what=what, why=f"{type(error).__name__}: {error}") from error

    return run
