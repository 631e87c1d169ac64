"""A wrong environment is refused by name, and a database without its promises by the checks."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

from neruba.checks import check_database
from tests.e2e.server import BASE_DIR


def start(database: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """What Neruba says when it starts with these variables."""
    environment = {"DATABASE_URL": f"sqlite:///{database}", "REDIS_URL": "", **variables}
    return subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=BASE_DIR,
        env={**os.environ, "NERUBA_SECRET_KEY": "", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("DATABASE_URL", "postgres://host/name", "sqlite:///absolute/path.sqlite3 or mysql://"),
        ("DATABASE_URL", "nonsense", "sqlite:///absolute/path.sqlite3 or mysql://"),
        ("REDIS_URL", "http://127.0.0.1", "redis://host:port/number"),
        ("NERUBA_DEBUG", "perhaps", "true or false"),
        ("NERUBA_RETENTION_MIN_DAYS", "long", "days, a whole number"),
        ("NERUBA_INVOICE_KEEP_YEARS", "ten", "years, a whole number"),
        ("NERUBA_API_DOCS", "all", "open, staff or off"),
    ],
)
def test_a_wrong_variable_is_named_with_what_is_expected(
    tmp_path: Path, name: str, value: str, expected: str
) -> None:
    said = start(tmp_path / "neruba.sqlite3", **{name: value})
    assert said.returncode == 1
    assert f"{name} is not valid: expected {expected}" in said.stderr


def test_production_asks_for_a_secret_key_by_name(tmp_path: Path) -> None:
    said = start(tmp_path / "unused", DATABASE_URL="mysql://user:password@127.0.0.1/name")
    assert "NERUBA_SECRET_KEY is not set" in said.stderr


def test_the_embedded_profile_needs_no_variable(tmp_path: Path) -> None:
    assert start(tmp_path / "neruba.sqlite3", NERUBA_DEBUG="on").returncode == 0


@pytest.mark.django_db
def test_a_database_without_what_the_promises_rest_on_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert check_database(["default"]) == []
    options = connection.settings_dict["OPTIONS"]
    name = "isolation_level" if connection.vendor == "mysql" else "transaction_mode"
    monkeypatch.setitem(options, name, None)
    (problem,) = check_database(["default"])
    assert problem.id in {"neruba.E003", "neruba.E006"}
