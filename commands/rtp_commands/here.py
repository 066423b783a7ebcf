"""Where this command line stands, from local files alone: no server is asked and nothing heavy is imported."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any


def config_folder(env: Mapping[str, str]) -> str:
    """The folder of the user's own files; the same as `rtp.settings.config_folder`, without its imports."""
    if folder := env.get("RTP_CONFIG_HOME"):
        return folder
    return os.path.join(env.get("XDG_CONFIG_HOME") or os.path.join(env.get("HOME", "/"), ".config"), "rtp")


def local_place(env: Mapping[str, str]) -> tuple[str, bool]:
    """One line that names the context, and whether a server is likely to answer."""
    if name := env.get("RTP_CONTEXT", "") or ("" if env.get("RTP_URL") else current_context(env)):
        known = _json(os.path.join(config_folder(env), "contexts", name + ".json"))
        if known is None:
            return f"{name} (unknown: rtp context list)", False
        seen = f" ({known['environment']})" if known.get("environment") else ""
        return f"{name}{seen} · {known.get('url', '')}", True
    if url := env.get("RTP_URL"):
        return f"{url} (RTP_URL)", True
    home = instance_folder(env)
    instance = _json(os.path.join(home, "instance.json"))
    if instance is None:
        return f"local · no instance yet in {home}", False
    running = _running(home)
    state = "running" if running else "not running"
    return f"local ({instance.get('class', 'dev')}) · {home} · {state}", running


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
    state = _json(os.path.join(home, "run", "state.json"))
    pid = state.get("pid") if state else None
    if not isinstance(pid, int):
        return False
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return True


def _json(path: str) -> dict[str, Any] | None:
    import json

    try:
        with open(path, encoding="utf-8") as file:
            value = json.load(file)
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None
