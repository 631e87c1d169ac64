"""The rules of the house hold, and each can tell right from wrong."""

from pathlib import Path, PurePosixPath

import pytest

from tests.architecture.rulebook import RULES
from tests.architecture.rules import APPS, Module, Rule

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = (*APPS, "bench", "bin", "tests")


def modules() -> list[Module]:
    paths = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
    return [
        Module(PurePosixPath(path.relative_to(ROOT).as_posix()), path.read_text()) for path in paths
    ]


each_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.find.__name__)


@each_rule
def test_the_code_keeps_the_rule(rule: Rule) -> None:
    found = [f"{module.path}:{line}" for module in modules() for line in rule.find(module)]
    assert not found, rule.says


@each_rule
def test_the_rule_lets_right_code_pass(rule: Rule) -> None:
    assert [module for module in rule.passing if list(rule.find(module))] == []


@each_rule
def test_the_rule_finds_wrong_code(rule: Rule) -> None:
    assert [module for module in rule.failing if not list(rule.find(module))] == []


def test_every_app_is_looked_at() -> None:
    assert {module.app for module in modules()} >= set(APPS)
