"""Imports a trusted plugin's modules from the very bytes that were trusted, and from nothing else.

The check before the first import alone would leave two ways in: a file changed between check and import, and bytecode,
which Python takes instead of an unchanged source file. So each module is hashed again as it is read, and compiled anew.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import CodeType, ModuleType
from typing import Any

from rtp.plugins.errors import PluginChanged
from rtp.plugins.schemas import Trusted


def install(plugin: Trusted) -> None:
    """Let this plugin's modules be found only where they were trusted; doing it again changes nothing."""
    if not any(isinstance(finder, Verified) and finder.plugin == plugin for finder in sys.meta_path):
        sys.meta_path.insert(0, Verified(plugin))


class Verified(MetaPathFinder):
    """Finds the modules of one plugin as every other finder does, and has them loaded with a check."""

    def __init__(self, plugin: Trusted) -> None:
        self.plugin = plugin
        self.packages = frozenset(plugin.packages)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The place of one of the plugin's modules.

        Raises: PluginChanged when it is not among the trusted files.
        """
        if fullname.partition(".")[0] not in self.packages:
            return None
        spec = self._found(fullname, path, target)
        if spec is None or spec.origin is None or not spec.has_location:
            return spec
        digest = self.plugin.files.get(spec.origin)
        if digest is None:
            raise PluginChanged(plugin=self.plugin.distribution, path=spec.origin, how="was never trusted")
        if isinstance(spec.loader, SourceFileLoader):
            spec.loader = VerifiedLoader(fullname, spec.origin, self.plugin.distribution, digest)
            spec.cached = None
        else:
            with open(spec.origin, "rb") as file:
                _require(file.read(), digest, self.plugin.distribution, spec.origin)
        return spec

    def _found(self, *wanted: Any) -> ModuleSpec | None:
        for finder in sys.meta_path:
            if not isinstance(finder, Verified) and (spec := finder.find_spec(*wanted)) is not None:
                return spec
        return None


class VerifiedLoader(SourceFileLoader):
    """Compiles a module from source whose hash is the trusted one; bytecode is neither read nor written."""

    def __init__(self, fullname: str, path: str, distribution: str, digest: str) -> None:
        super().__init__(fullname, path)
        self.distribution = distribution
        self.digest = digest

    def get_code(self, fullname: str) -> CodeType:
        """The module's code.

        Raises: PluginChanged.
        """
        source = self.get_data(self.path)
        _require(source, self.digest, self.distribution, self.path)
        code = self.source_to_code(source, self.path)
        assert isinstance(code, CodeType)
        return code


def _require(content: bytes, digest: str, distribution: str, path: str) -> None:
    if hashlib.sha256(content).hexdigest() != digest:
        raise PluginChanged(plugin=distribution, path=path, how="was changed")
