"""What is installed: reads the metadata of distributions and hashes their files; nothing of theirs is imported."""

from __future__ import annotations

import ast
import importlib.machinery
import json
import os
import re
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions
from pathlib import Path
from urllib.parse import unquote, urlsplit

from rtp.plugins import policy, trust
from rtp.plugins.errors import PluginNotInstalled, PluginUnfit
from rtp.plugins.schemas import Group, Trusted

COMMANDS = "rtp.commands"
HOOKS = "rtp.plugins"


def names() -> list[str]:
    """Every installed distribution with an entry point of ours."""
    return sorted({_name(one) for one in distributions() if any(_modules(one))})


def groups_of(name: str) -> list[str]:
    """The command groups that a distribution would add."""
    return sorted(entry.name for entry in find(name).entry_points if entry.group == COMMANDS)


def version_of(name: str) -> str:
    """The version that is installed."""
    return find(name).version


def help_of(name: str) -> str:
    """The distribution's own summary, in one line."""
    return policy.one_line(find(name).metadata["Summary"] or "")


def find(name: str) -> Distribution:
    """An installed plugin.

    Raises: PluginNotInstalled.
    """
    try:
        found = distribution(name)
    except (PackageNotFoundError, ValueError):
        found = None
    if found is None or not any(_modules(found)):
        raise PluginNotInstalled(noun="plugin", key=name, known=", ".join(names()) or "none")
    return found


def examine(name: str, taken: set[str], at: str) -> tuple[Trusted, list[Group]]:
    """A distribution as it is now: its groups, and each of its files with its hash.

    Raises: PluginNotInstalled, PluginUnfit.
    """
    found = find(name)
    own = _name(found)
    groups = [
        Group(entry.name, entry.value, own, help_of(own))
        for entry in sorted(found.entry_points)
        if entry.group == COMMANDS
    ]
    for refusal in [policy.refusal_of_group(group.name, taken) for group in groups]:
        _refuse(own, refusal)
    for module in _modules(found):
        _refuse(own, policy.refusal_of_module(module))
    recorded, roots = _files(found), _roots(found)
    files = sorted({*recorded, *(name for root in roots for name in trust.files_below(root))})
    plugin = Trusted(
        distribution=own,
        version=found.version,
        trusted_at=at,
        packages=sorted(_packages(recorded, roots, _site(found))),
        hooks=sorted(entry.value for entry in found.entry_points if entry.group == HOOKS),
        roots=roots,
        files={file: _hashed(own, file) for file in files},
    )
    for module in _modules(found):
        if source_of(plugin, module) is None:
            _refuse(own, f"its module {module} is not one of its own source files")
    return plugin, groups


def hooks_in(name: str) -> list[str]:
    """The hooks that a distribution implements, read from its source without running it."""
    found = find(name)
    searched = [*_roots(found), _site(found)]
    implemented = set()
    for entry in found.entry_points:
        source = _source(entry.value, searched) if entry.group == HOOKS else None
        if source is not None:
            tree = ast.parse(Path(source).read_bytes())
            implemented |= {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    return [hook for hook in policy.HOOKS if hook in implemented]


def source_of(plugin: Trusted, module: str) -> str | None:
    """The trusted source file of a module."""
    tails = tuple(os.sep + module.replace(".", os.sep) + end for end in (".py", os.sep + "__init__.py"))
    return next((file for file in plugin.files if file.endswith(tails)), None)


def _source(module: str, folders: list[str]) -> str | None:
    base = module.replace(".", os.sep)
    paths = [os.path.join(folder, base + end) for folder in folders for end in (".py", os.sep + "__init__.py")]
    return next((path for path in paths if os.path.isfile(path)), None)


def canonical(name: str) -> str:
    """A distribution's name as it is compared (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _name(found: Distribution) -> str:
    return canonical(found.metadata["Name"] or "")


def _modules(found: Distribution) -> Iterator[str]:
    return (entry.value for entry in found.entry_points if entry.group in (COMMANDS, HOOKS))


def _refuse(name: str, why: str) -> None:
    if why:
        raise PluginUnfit(plugin=name, why=why, noun="plugin", key=name)


def _hashed(name: str, file: str) -> str:
    digest = trust.sha256(file)
    if digest is None:
        raise PluginUnfit(plugin=name, why=f"{file} cannot be read as a file")
    return digest


def _site(found: Distribution) -> str:
    return os.path.abspath(str(found.locate_file("")))


def _files(found: Distribution) -> list[str]:
    """The files that the installation recorded; bytecode is never used, so it is left out."""
    if found.files is None:
        raise PluginUnfit(plugin=_name(found), why="its installation kept no record of its files")
    paths = (os.path.abspath(str(found.locate_file(file))) for file in found.files)
    return [path for path in paths if "__pycache__" not in Path(path).parts and os.path.isfile(path)]


def _roots(found: Distribution) -> list[str]:
    """Folders whose every file counts: installed packages, and what an editable installation leads to."""
    recorded, site = _files(found), _site(found)
    inits = {os.path.dirname(path) for path in recorded if os.path.basename(path) == "__init__.py"}
    packages = {folder for folder in inits if os.path.dirname(folder) not in inits and folder.startswith(site)}
    return sorted(packages | _editable(found, recorded))


def _editable(found: Distribution, recorded: list[str]) -> set[str]:
    leads: set[str] = set()
    for path in recorded:
        if path.endswith(".pth"):
            lines = Path(path).read_text(encoding="utf-8").splitlines()
            leads |= {os.path.abspath(line) for line in lines if line and os.path.isdir(line)}
    project = _project(found)
    if leads or not project:
        return leads
    for module in _modules(found):
        spec = importlib.machinery.PathFinder.find_spec(module.partition(".")[0], [project, *_sources(project)])
        if spec is not None and spec.submodule_search_locations:
            leads |= {os.path.abspath(place) for place in spec.submodule_search_locations}
    return leads


def _project(found: Distribution) -> str:
    """The project's folder of an editable installation (PEP 610), else nothing."""
    origin = json.loads(found.read_text("direct_url.json") or "{}")
    if not origin.get("dir_info", {}).get("editable"):
        return ""
    return unquote(urlsplit(str(origin["url"])).path)


def _sources(project: str) -> list[str]:
    return [folder for folder in (os.path.join(project, "src"), os.path.join(project, "lib")) if os.path.isdir(folder)]


def _packages(recorded: list[str], roots: list[str], site: str) -> set[str]:
    """The names at the top that the distribution's files can be imported by."""
    found = set()
    bases = [site, *roots]
    for root in roots:
        if os.path.isfile(os.path.join(root, "__init__.py")):
            found.add(os.path.basename(root))
            bases.remove(root)
        else:
            found |= {name.partition(".")[0] for name in os.listdir(root) if not name.startswith((".", "__pycache__"))}
    for path in recorded:
        if os.path.dirname(path) == site and path.endswith((".py", ".so", ".pyd")):
            found.add(os.path.basename(path).partition(".")[0])
        elif path.startswith(site + os.sep) and path.endswith((".py", ".so", ".pyd")):
            found.add(os.path.relpath(path, site).split(os.sep)[0])
    return {name for name in found if name.isidentifier() and name not in policy.OURS | sys.stdlib_module_names}
