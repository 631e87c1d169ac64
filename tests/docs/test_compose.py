"""docker-compose.yml is what docker-compose takes it for, with the example variables filled in."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = shutil.which("docker-compose")
EMPTY = re.compile(r"^(\w+)=$", re.MULTILINE)

pytestmark = pytest.mark.skipif(
    PROGRAM is None,
    reason="docker-compose is not installed (Debian: apt-get install docker-compose)",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "docker-compose.yml", tmp_path)
    for name in (".env", "neruba.env"):
        text = (ROOT / f"{name}.example").read_text()
        (tmp_path / name).write_text(EMPTY.sub(r"\1=secretof\1", text))
    return tmp_path


def config(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [str(PROGRAM), "--profile", "rehearse", "config", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def services(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(config(folder).stdout)["services"]
    return found


def test_it_is_valid(folder: Path) -> None:
    done = config(folder, "--quiet")
    assert (done.returncode, done.stderr) == (0, "")


def test_it_does_not_start_with_a_password_left_empty(folder: Path) -> None:
    shutil.copy(ROOT / ".env.example", folder / ".env")
    assert config(folder, "--quiet").returncode == 1


def test_nobody_learns_the_password_of_one_who_may_do_more(folder: Path) -> None:
    found = services(folder)
    told = {
        name: set(re.findall(r"secretof(\w*_PASSWORD)", str(service.get("environment"))))
        for name, service in found.items()
    }
    assert told == {
        **{name: {"NERUBA_APP_PASSWORD"} for name in ("web", "worker", "beat")},
        **{name: {"NERUBA_MIGRATE_PASSWORD"} for name in ("migrate", "rehearse")},
        "mariadb": {"MARIADB_ROOT_PASSWORD", "NERUBA_MIGRATE_PASSWORD", "NERUBA_APP_PASSWORD"},
        "redis": set(),
    }


def test_only_the_web_is_reached_from_outside_and_only_on_this_machine(folder: Path) -> None:
    ports = {name: service.get("ports") for name, service in services(folder).items()}
    assert {name: found for name, found in ports.items() if found} == {
        "web": ["127.0.0.1:8000:8000/tcp"]
    }
