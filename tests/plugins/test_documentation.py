"""Every hook that there is can be looked up, and every hook that can be looked up is there."""

from __future__ import annotations

import dataclasses
import inspect
import re
from pathlib import Path

from rtp.plugins import hooks, policy
from rtp_server.additions import Addition

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "hooks.md"


def test_each_hook_is_documented_in_the_words_of_its_specification() -> None:
    documented = dict(re.findall(r"^\| `(\w+)` \| (.+?) \| (?:API|worker) \|$", PAGE.read_text(), re.MULTILINE))
    assert documented == {name: inspect.getdoc(getattr(hooks, name)) for name in policy.HOOKS}


def test_the_hooks_are_those_that_are_specified_and_taken_in() -> None:
    specified = {name for name, value in vars(hooks).items() if hasattr(value, f"{hooks.PROJECT}_spec")}
    assert specified == set(policy.HOOKS)
    assert set(policy.HOOKS) == {field.name for field in dataclasses.fields(Addition)} - {"plugin", "version"}
