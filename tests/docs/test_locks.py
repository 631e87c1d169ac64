"""What is installed is what was locked: every requirement has its hashes, and they are required."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = sorted(ROOT.glob("requirements*.txt"))
INSTALL = re.compile(r'\bpip\b[", ]+install\b')
NEAR = 200  # characters, in which the options of an installation stand
SAYS_ONLY = {"lock"}  # it tells a person what to type
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


def test_nothing_is_installed_without_a_hash() -> None:
    scripts = [ROOT / "Dockerfile", *(path for path in (ROOT / "bin").rglob("*") if path.is_file())]
    found = [
        (path.name, text[one.end() : one.end() + NEAR])
        for path in scripts
        if path.suffix != ".pyc" and path.name not in SAYS_ONLY
        for text in [path.read_text()]
        for one in INSTALL.finditer(text)
    ]
    assert {name for name, _ in found} == {"Dockerfile", "setup", "fuzz.py", "outsiders.py"}
    assert [name for name, after in found if "--require-hashes" not in after] == []
