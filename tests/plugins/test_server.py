"""What trusted plugins add to the server, and that one which does not fit adds nothing and harms nobody."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from rtp.db.frames import Frames
from rtp.events.relay import Consumer
from rtp.kit import ids
from rtp.payments import http_provider, provider
from rtp.payments.errors import ProviderNotKnown, ProviderUnavailable
from rtp.permissions import ROLES
from rtp.settings import Settings
from rtp.testing import asgi
from rtp.testing.plugin import OpenFrame
from rtp_server import plugging, relaying, work
from rtp_server.app import create_app

HEAD = """
from msgspec import Struct
from rtp.db.frame import Frame
from rtp.operations import read
from rtp.plugins.hooks import hookimpl
from rtp_server.operation import operation

class Said(Struct):
    text: str

SHOW = read("{noun}.show", "/{path}", Said)

@operation(SHOW)
async def show(frame: Frame) -> Said:
    return Said("hello")
"""
JOB = """
from rtp.jobs.spec import JobSpec

@hookimpl
def jobs():
    return [JobSpec("refunds.x", show)]
"""
PROVIDER = """
from rtp.payments.fakes import FakeProvider
from rtp.payments.provider import Source

class Bank(FakeProvider):
    name = "bank"

@hookimpl
def providers():
    return [Source("{name}", lambda settings: Bank(), FakeProvider().verify_webhook, lambda settings: ("one",))]
"""
ROUTES = "\n@hookimpl\ndef routes():\n    return [show]\n"
ROLES_HOOK = "\n@hookimpl\ndef roles():\n    return {roles!r}\n"


def hooks(noun: str = "probes", path: str = "probes", roles: Any = None, more: str = "") -> str:
    wanted = {f"{noun}.show": "support"} if roles is None else roles
    return HEAD.format(noun=noun, path=path) + ROUTES + ROLES_HOOK.format(roles=wanted) + more


async def test_the_operations_of_the_sample_plugin_are_for_the_roles_it_names(
    sample: dict[str, str], settings: Settings
) -> None:
    allowed = {"slack_notices.show": ROLES, "slack_notices.update": ROLES[2:], "slack_notices.check": ROLES[2:]}
    app: Any = create_app(settings)
    async with asgi.started(app), asgi.client(app, socket=True) as owner:
        for role in ROLES:
            token = (await owner.post("/v1/tokens", json={"name": role, "role": role})).json()["token"]
            async with asgi.client(app, token=token) as client:
                answers = {
                    "slack_notices.show": await client.get("/v1/slack-notices"),
                    "slack_notices.update": await client.put("/v1/slack-notices", json={}),
                    "slack_notices.check": await client.post("/v1/slack-notices/check"),
                }
            for operation, answer in answers.items():
                assert (answer.status_code == 403) is (role not in allowed[operation]), (role, operation)
        document = (await owner.get("/openapi.json")).json()
    assert document["paths"]["/v1/slack-notices"]["put"]["operationId"] == "slack_notices.update"


async def test_doctor_names_the_plugins_that_were_taken_in(sample: dict[str, str], settings: Settings) -> None:
    app: Any = create_app(settings)
    async with asgi.started(app), asgi.client(app, socket=True) as owner:
        found = (await owner.get("/v1/doctor")).json()["checks"]
    assert {"name": "plugins", "state": "ok", "detail": "rtp-slack-notices 0.1.0", "fix": ""} in found


async def test_a_plugin_that_changed_is_left_out_and_doctor_says_failed(
    here: Callable[..., Path], settings: Settings
) -> None:
    package = here(hooks=hooks())
    (package / "hooks.py").write_text(hooks(more="\nx = 1\n"))
    app: Any = create_app(settings)
    async with asgi.started(app), asgi.client(app, socket=True) as owner:
        assert (await owner.get("/v1/users")).status_code == 200
        assert (await owner.get("/v1/probes")).status_code == 404
        found = (await owner.get("/v1/doctor")).json()["checks"]
    failed = {check["name"]: check for check in found if check["state"] == "failed"}["plugin rtp-probe"]
    assert f"{package / 'hooks.py'} was changed" in failed["detail"]
    assert failed["fix"].endswith("rtp plugins trust rtp-probe")


@pytest.mark.parametrize(
    "source, why",
    [
        (hooks(noun="users", path="probes"), "takes the noun users of the platform"),
        (hooks(path="users/{user}/more"), "takes the path /users of the platform"),
        (hooks(path="whoami/more"), "takes the path /whoami of the platform"),
        (hooks(roles={}), "the operation probes.show has no role"),
        (hooks(roles={"probes.show": "king"}), "'king' is no role"),
        (hooks(roles={"probes.show": "viewer", "refunds.issue": "viewer"}), "refunds.issue has a role, but no route"),
        (hooks(more="\n1 / 0\n"), "ZeroDivisionError"),
        (hooks(more="\n@hookimpl\ndef routs():\n    return []\n"), "unknown hook 'routs'"),
        (hooks(more=PROVIDER.format(name="sandbox")), "there is a payment provider sandbox already"),
        (
            hooks(more=JOB),
            "the job refunds.x takes the noun of another",
        ),
        (
            hooks(more="\nfrom litestar import get\n@get('/other')\nasync def other() -> str: return ''\n").replace(
                "return [show]", "return [show, other]"
            ),
            "not made with rtp_server.operation.operation",
        ),
    ],
)  # fmt: skip
def test_a_plugin_of_which_a_part_does_not_fit_adds_nothing(here: Callable[..., Path], source: str, why: str) -> None:
    here("rtp-good", group="", hooks=hooks("goods", "goods"))
    here(hooks=source)
    found = plugging.load(os.environ)
    assert [one.plugin for one in found.taken] == ["rtp-good"]
    assert [check.name for check in found.refused] == ["plugin rtp-probe"]
    assert why in found.refused[0].detail


def test_a_plugin_cannot_take_the_noun_of_another_plugin(here: Callable[..., Path]) -> None:
    here("rtp-good", group="", hooks=hooks("goods", "goods"))
    here(hooks=hooks("goods", "others"))
    assert [one.plugin for one in plugging.load(os.environ).taken] == ["rtp-good"]


CONSUMER = """
from rtp.events.relay import Consumer
from rtp.plugins.hooks import hookimpl

async def fail(frame, events):
    raise ValueError("a mistake of the plugin")

@hookimpl
def consumers():
    return [Consumer("all", lambda type: True, inside=fail)]
"""


async def test_a_plugins_consumer_that_fails_holds_up_itself_alone(
    here: Callable[..., Path], frames: Frames, writing: OpenFrame
) -> None:
    here(hooks=CONSUMER)
    seen: list[str] = []
    stop = asyncio.Event()

    async def take(events: Any) -> None:
        seen.extend(event.type for event in events)
        stop.set()

    ours = Consumer("ours", lambda type: True, outside=take)
    (theirs,) = plugging.load(os.environ).consumers
    assert theirs.name == "rtp-probe:all"
    async with writing() as frame:
        frame.record("user.created", ids.show_user(1), 1, user_id=1)
    await relaying.run(frames, [theirs, ours], "test", stop)
    assert seen == ["user.created"]


WARMER = """
from rtp.cache.service import Warmer
from rtp.plugins.hooks import hookimpl

async def keys(frame, class_, after, limit):
    async def load():
        await frame.cache.get("probe:1", str, "hot", ["probe"], value)
    async def value():
        return "warm"
    return ([Warmer("probe:1", "1", load)] if not after and limit else []), 0

@hookimpl
def warmers():
    return [("keys", keys)]
"""


async def test_a_plugins_keys_are_warmed_with_all_others(here: Callable[..., Path], settings: Settings) -> None:
    here(hooks=WARMER)
    app: Any = create_app(settings)
    async with asgi.started(app), asgi.client(app, socket=True) as owner:
        answer: httpx.Response = await owner.post("/v1/cache/warm", json={})
        assert (answer.status_code, answer.json()["done"]) == (200, 1), answer.text
        assert (await owner.get("/v1/cache/entries/probe:1")).json()["value"] == "warm"


def test_the_platforms_own_jobs_and_consumers_bear_no_name_that_a_plugin_could_have() -> None:
    assert all(":" not in consumer.name for consumer in work.consumers({}))


async def test_a_plugin_adds_a_provider_that_the_settings_can_choose(
    here: Callable[..., Path], settings: Settings
) -> None:
    here(hooks=hooks(more=PROVIDER.format(name="bank")))
    added = plugging.load(os.environ).providers
    assert provider.connect(msgspec.structs.replace(settings, provider="bank"), added).name == "bank"
    with pytest.raises(ProviderNotKnown, match="other, which is none of bank, sandbox"):
        provider.connect(msgspec.structs.replace(settings, provider="other"), added)
    with pytest.raises(ProviderUnavailable, match="bank, not the sandbox"):
        http_provider.connect(msgspec.structs.replace(settings, provider="bank"))


async def test_webhooks_are_taken_of_the_chosen_provider_only(here: Callable[..., Path], settings: Settings) -> None:
    here(hooks=hooks(more=PROVIDER.format(name="bank")))
    for chosen, answers in (("bank", {"bank": 401, "sandbox": 404}), ("gone", {"bank": 404, "sandbox": 404})):
        app: Any = create_app(msgspec.structs.replace(settings, provider=chosen))
        async with asgi.started(app), asgi.client(app) as stranger:
            for name, status in answers.items():
                assert (await stranger.post(f"/v1/webhooks/{name}", content=b"{}")).status_code == status, name
