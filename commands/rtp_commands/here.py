"""Where this command line stands, from local files alone: no server is asked and nothing heavy is imported."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping


def config_folder(env: Mapping[str, str]) -> str:
    """The folder of the user's own files; the same as `rtp.settings.config_folder`, without its imports."""
    if folder := env.get("RTP_CONFIG_HOME"):
        return folder
    return os.path.join(env.get("XDG_CONFIG_HOME") or os.path.join(env.get("HOME", "/"), ".config"), "rtp")


def local_place(env: Mapping[str, str]) -> tuple[str, bool]:
    """One line that names the context, and whether a server is likely to answer."""
    if name := env.get("RTP_CONTEXT", "") or ("" if env.get("RTP_URL") else current_context(env)):
        known = _text(os.path.join(config_folder(env), "contexts", name + ".json"))
        if known is None:
            return f"{name} (unknown: rtp context list)", False
        seen = f" ({found})" if (found := _field(known, "environment")) else ""
        return f"{name}{seen} · {_field(known, 'url')}", True
    if url := env.get("RTP_URL"):
        return f"{url} (RTP_URL)", True
    home = instance_folder(env)
    instance = _text(os.path.join(home, "instance.json"))
    if instance is None:
        return f"local · no instance yet in {home}", False
    running = _running(home)
    state = "running" if running else "not running"
    return f"local ({_field(instance, 'class') or 'dev'}) · {home} · {state}", running


def current_context(env: Mapping[str, str]) -> str:
    """The name that `rtp context use` stored, or nothing."""
    try:
        with open(os.path.join(config_folder(env), "contexts", "current"), encoding="utf-8") as file:
            return file.readline().strip()
    except OSError:
        return ""


def instance_folder(env: Mapping[str, str]) -> str:
    """The instance folder for this screen; settings files are read only where they exist."""
    if home := env.get("RTP_HOME"):
        return os.path.abspath(os.path.expanduser(home))
    if os.path.exists("rtp.toml") or os.path.exists(os.path.join(config_folder(env), "rtp.toml")):
        from rtp.settings import load

        return str(load(env).home_folder())
    if sys.platform == "linux":
        share = env.get("XDG_DATA_HOME") or os.path.join(env.get("HOME", "/"), ".local", "share")
        return os.path.join(share, "rtp")
    import platformdirs

    return platformdirs.user_data_dir("rtp")


def _running(home: str) -> bool:
    pid = _field(_text(os.path.join(home, "run", "state.json")) or "", "pid")
    if not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return True


def _text(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError:
        return None


def _field(text: str, name: str) -> str:
    """The first such field of JSON that this tool wrote; importing a parser would cost more than the whole screen."""
    _, found, rest = text.partition(f'"{name}":')
    value = rest.lstrip()
    if not found:
        return ""
    return value[1:].partition('"')[0] if value.startswith('"') else value.partition(",")[0].strip(" }\n")
