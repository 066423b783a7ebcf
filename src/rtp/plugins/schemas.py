"""What is kept of trusted plugins, and what is shown of installed ones."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

PluginState = Literal["trusted", "changed", "removed", "not trusted"]


class Group(Struct, array_like=True, frozen=True):
    """A command group of a trusted plugin: all that the first screen needs."""

    name: str
    module: str
    distribution: str
    help: str


class Trusted(Struct, kw_only=True):
    """A distribution as it was trusted: `files` maps each file to its SHA-256, `roots` are the folders it may import
    from, `packages` its importable names at the top, `hooks` the modules with its hooks.
    """

    distribution: str
    version: str
    trusted_at: str
    packages: list[str]
    hooks: list[str]
    roots: list[str]
    files: dict[str, str]


class TrustFile(Struct, kw_only=True):
    """The whole of plugins.json."""

    groups: list[Group] = []
    plugins: list[Trusted] = []


class Plugin(Struct, kw_only=True):
    """An installed or once trusted plugin: the command groups and hooks that it adds."""

    name: str
    version: str
    state: PluginState
    groups: list[str]
    hooks: list[str]
    files: int
    help: str
    detail: str
