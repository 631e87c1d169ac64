"""The scenarios of the documentation play, through the command that they show."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "docs" / "scenarios").glob("*.json"))


def simulate(*files: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "simulate", *map(str, files)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_scenario_of_the_documentation_plays() -> None:
    done = simulate(*FILES)

    outcomes = [json.loads(line) for line in done.stdout.splitlines()]
    failed = [step for outcome in outcomes for step in outcome["steps"] if "failed" in step]
    assert failed == []
    assert done.returncode == 0, done.stderr
    assert len(outcomes) == len(FILES) > 0
    assert all(outcome["ok"] for outcome in outcomes)


def test_an_expectation_that_fails_is_named(tmp_path: Path) -> None:
    scenario = json.loads((ROOT / "docs" / "scenarios" / "one-month.json").read_text())
    scenario["steps"][-2]["expect"]["body"]["data"][1]["total"] = "23.37"
    wrong = tmp_path / "wrong.json"
    wrong.write_text(json.dumps(scenario))

    done = simulate(wrong)

    assert done.returncode == 1
    outcome = json.loads(done.stdout)
    assert outcome["ok"] is False
    assert outcome["steps"][-2]["failed"] == "/body/data/1/total: expected '23.37', found '23.38'"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_scenario_is_named_in_the_documentation(path: Path) -> None:
    assert path.name in (ROOT / "docs" / "scenarios.md").read_text()
