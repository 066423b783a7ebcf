"""The pages of the commands, from the tree that `rtp commands` prints."""

from __future__ import annotations

from typing import Any


def command_pages() -> dict[str, str]:
    """One page per group, by file name."""
    return {f"{group}.md": page(group, leaves) for group, leaves in groups().items()}


def groups() -> dict[str, list[dict[str, Any]]]:
    """The leaves of the command tree by group."""
    return {}


def page(group: str, leaves: list[dict[str, Any]]) -> str:
    """One group's page."""
    return f"# rtp {group}\n"
