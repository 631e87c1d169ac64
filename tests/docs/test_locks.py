"""What is installed is what was locked: every requirement has its hashes, and they are required."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = sorted(ROOT.glob("requirements*.txt"))
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}\b")


def requirements(lock: Path) -> list[str]:
    """Each requirement with all its lines."""
    lines = [line for line in lock.read_text().splitlines() if not line.lstrip().startswith("#")]
    return [one for one in re.split(r"\n(?=\S)", "\n".join(lines)) if one.strip()]


def test_there_are_locks() -> None:
    assert {"requirements.txt", "requirements-dev.txt"} <= {lock.name for lock in LOCKS}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_requirement_is_exact_and_has_a_hash(lock: Path) -> None:
    found = requirements(lock)
    assert found
    assert [one for one in found if not re.match(r"[A-Za-z0-9._-]+(\[.*\])?==\S+", one)] == []
    assert [one for one in found if not HASH.search(one)] == []


def test_setup_installs_nothing_without_a_hash() -> None:
    script = (ROOT / "bin" / "setup").read_text()
    installs = re.findall(r"^.*pip install.*$", script, re.MULTILINE)
    assert len(installs) == 2
    assert all("--require-hashes" in line for line in installs)
