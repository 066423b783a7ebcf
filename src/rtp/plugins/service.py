"""Trusting plugins, trusting them no longer, and showing what there is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rtp.kit.clock import SystemClock, to_text
from rtp.plugins import installed, trust
from rtp.plugins.errors import PluginChanged, PluginNotInstalled
from rtp.plugins.schemas import Plugin, PluginState, Trusted, TrustFile


def list_plugins(env: Mapping[str, str]) -> list[Plugin]:
    """Every plugin that is installed or was trusted, by name."""
    known = trust.read(env)
    there = installed.names()
    gone = [one.distribution for one in known.plugins if one.distribution not in there]
    return [show(known, name) for name in sorted([*there, *gone])]


def show(known: TrustFile, name: str) -> Plugin:
    """One plugin, with what it adds and whether it still is what was trusted."""
    trusted = next((one for one in known.plugins if one.distribution == name), None)
    try:
        version, help, groups = installed.version_of(name), installed.help_of(name), installed.groups_of(name)
        hooks = installed.hooks_in(name)
    except PluginNotInstalled:
        assert trusted is not None
        named = [group for group in known.groups if group.distribution == name]
        return Plugin(
            name=name, version=trusted.version, state="removed", groups=[group.name for group in named], hooks=[],
            files=len(trusted.files), help=named[0].help if named else "", detail="it is not installed any more",
        )  # fmt: skip
    plugin = Plugin(
        name=name, version=version, state="not trusted", groups=groups, hooks=hooks, files=0, help=help, detail=""
    )
    if trusted is not None:
        plugin.state, plugin.detail = _state(trusted)
        plugin.files = len(trusted.files)
    return plugin


def trust_plugin(env: Mapping[str, str], name: str, taken: Iterable[str]) -> Plugin:
    """Trust an installed plugin as it is now; `taken` are the names of the platform's own command groups.

    Raises: PluginNotInstalled, PluginUnfit, TrustFileUnsafe.
    """
    known = trust.read(env)
    own = installed.find(name).metadata["Name"]
    others = {group.name for group in known.groups if not _same(group.distribution, own)}
    plugin, groups = installed.examine(own, {*taken, *others}, to_text(SystemClock().now()))
    trust.put(env, plugin, groups)
    return show(trust.read(env), plugin.distribution)


def untrust_plugin(env: Mapping[str, str], name: str) -> None:
    """Trust a plugin no longer.

    Raises: PluginNotTrusted, TrustFileUnsafe.
    """
    trust.remove(env, installed.canonical(name))


def _state(trusted: Trusted) -> tuple[PluginState, str]:
    try:
        trust.check(trusted)
    except PluginChanged as changed:
        return "changed", f"{changed.params['path']} {changed.params['how']}"
    return "trusted", ""


def _same(name: str, other: str) -> bool:
    return installed.canonical(name) == installed.canonical(other)
