"""Parts of experiments without an instance: variables, the undo journal, and targets that are not what they seem."""

from __future__ import annotations

import json
import os
from pathlib import Path

import httpx
import msgspec
import pytest

from rtp.chaos import targets, undo
from rtp.chaos.errors import TargetMissing
from rtp.kit.paging import sign
from rtp.runtime import lock
from rtp.runtime.instance import Instance
from rtp.runtime.state import ServiceState, Status
from rtp.settings import load


def test_the_undo_journal_gives_back_what_is_open_the_latest_first_and_each_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(undo.RUN_VARIABLE, str(tmp_path))
    undo.promise("wait_until_up", "worker was killed", service="worker")
    undo.promise("reset_provider", "slow")
    undo.promise("wait_until_up", "valkey was killed", service="valkey")
    undo.promise("wait_until_up", "valkey was killed again", service="valkey")
    undo.kept("wait_until_up", service="worker")
    with (tmp_path / undo.FILE).open("ab") as file:
        file.write(b'{"undo": "reset_prov')
    assert [one.what for one in undo.open_promises(tmp_path)] == ["valkey was killed again", "slow"]


def test_a_process_that_only_has_the_number_of_a_service_is_never_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RTP_HOME", str(tmp_path / "home"))
    instance = Instance(load())
    instance.prepare()
    rows = [ServiceState(name=name, state="up", pid=os.getpid()) for name in ("worker", "valkey", "provider")]
    instance.state_file.write_bytes(msgspec.json.encode(Status(services=rows)))
    with lock.held(instance.lock_file):
        for row in rows:
            with pytest.raises(TargetMissing, match="another program"):
                targets.kill(row.name)


def test_without_a_supervisor_the_state_file_is_only_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RTP_HOME", str(tmp_path / "home"))
    instance = Instance(load())
    instance.prepare()
    instance.state_file.write_bytes(msgspec.json.encode(Status(services=[ServiceState(name="worker", pid=1)])))
    with pytest.raises(TargetMissing, match="nothing runs"):
        targets.kill("worker")


async def test_the_server_lists_its_experiments_page_by_page(api: httpx.AsyncClient) -> None:
    first = (await api.get("/v1/chaos/experiments", params={"limit": 2})).json()
    rest = (await api.get("/v1/chaos/experiments", params={"cursor": first["next"]})).json()
    names = [one["name"] for one in [*first["items"], *rest["items"]]]
    assert names == sorted(set(names))
    assert {"provider-slow", "valkey-gone", "worker-killed"} <= set(names)
    forged = await api.get("/v1/chaos/experiments", params={"cursor": sign(b"x", "chaos.list", ["a"])})
    assert forged.status_code == 400


async def test_a_run_is_recorded_once_under_its_key_and_found_again(api: httpx.AsyncClient) -> None:
    body = {"name": "worker-killed", "id": "run_" + "0" * 26, "verdict": "deviated", "reasons": ["it broke"]}
    for _ in range(2):
        made = await api.post("/v1/chaos/runs", json=body, headers={"Idempotency-Key": str(body["id"])})
        assert made.status_code == 201, made.text
    shown = (await api.get(f"/v1/chaos/runs/{body['id']}")).json()
    assert (shown["exit_code"], shown["reasons"]) == (10, ["it broke"])
    assert (await api.get("/v1/chaos/runs")).json()["items"] == [shown]
    rows = (await api.get("/v1/audit", params={"target": str(body["id"])})).json()["items"]
    assert json.dumps(rows).count("chaos.record") == 1
    assert (await api.get("/v1/chaos/runs/run_nobody")).status_code == 404
