"""The built distribution works outside the clone, from nothing but the runtime lock and the wheel."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from rtp import __version__

ROOT = Path(__file__).parents[2]
SCRIPTS = {"rtp_commands/main.py", "rtp_server/app.py", "rtp/db/migrations/env.py", "rtp/py.typed"}


def run(*command: str | Path, cwd: Path, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, cwd=ROOT)
    return folder


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    venv = tmp_path_factory.mktemp("elsewhere") / "venv"
    (wheel,) = built.glob("*.whl")
    python = venv / "bin" / "python"
    run(sys.executable, "-m", "venv", venv, cwd=venv.parent)
    run(python, "-m", "pip", "install", "--require-hashes", "-r", ROOT / "requirements.lock", cwd=venv.parent)
    run(python, "-m", "pip", "install", "--no-deps", wheel, cwd=venv.parent)
    return venv


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COVERAGE_", "RTP_"))}
    return kept | {"RTP_HOME": str(tmp_path / "home"), "RTP_CONFIG_HOME": str(tmp_path / "config")}


@pytest.fixture
def stopped_in_the_end(installed: Path, environment: dict[str, str], tmp_path: Path) -> Iterator[None]:
    yield
    subprocess.run([installed / "bin" / "rtp", "down"], cwd=tmp_path, env=environment, capture_output=True, timeout=60)


@pytest.mark.prove("install", sample=True)
def test_the_wheel_carries_the_three_packages_and_the_licence(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert names >= SCRIPTS
    assert any(name.endswith("licenses/LICENSE") for name in names)
    tops = {name.split("/")[0] for name in names}
    assert tops == {"rtp", "rtp_server", "rtp_commands", f"rtp-{__version__}.dist-info"}


@pytest.mark.prove("install", sample=True)
def test_the_source_distribution_can_be_tested(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert names >= {"tests/conftest.py", "README.md", "LICENSE", "Makefile", "tools/venv.py", "requirements-dev.lock"}


@pytest.mark.prove("install", sample=True)
def test_the_installed_wheel_starts_serves_and_stops(
    installed: Path, environment: dict[str, str], stopped_in_the_end: None, tmp_path: Path
) -> None:
    rtp = installed / "bin" / "rtp"
    assert run(rtp, "--version", cwd=tmp_path, env=environment).strip().endswith(__version__)
    run(rtp, "up", cwd=tmp_path, env=environment)
    status = json.loads(run(rtp, "status", "-o", "json", cwd=tmp_path, env=environment))
    assert {"postgres", "valkey", "api"} <= {service["name"] for service in status["services"]}
    words = ("users", "create", "ada@example.com", "--name", "Ada", "-o", "json")
    made = json.loads(run(rtp, *words, cwd=tmp_path, env=environment))
    listed = json.loads(run(rtp, "users", "list", "-o", "json", cwd=tmp_path, env=environment))
    assert [user["id"] for user in listed] == [made["id"]]
    experiments = json.loads(run(rtp, "chaos", "list", "-o", "json", cwd=tmp_path, env=environment))
    assert {item["source"] for item in experiments} == {"shipped"}
    planned = run(rtp, "catalog", "plan", "examples/catalog.yaml", cwd=tmp_path, env=environment)
    assert "day-trading-room-monthly" in planned
    run(rtp, "down", cwd=tmp_path, env=environment)
    down = subprocess.run([rtp, "status", "-o", "json"], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert down.returncode == 13
