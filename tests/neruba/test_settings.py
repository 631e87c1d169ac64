"""A wrong environment is refused by name, and a database without its promises by the checks."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from django.db import connection

from neruba.checks import check_database
from neruba.settings.environment import READ_ELSEWHERE, VARIABLES
from tests.e2e.server import BASE_DIR


def start(
    database: Path, command: Sequence[str] = ("check",), **variables: str
) -> subprocess.CompletedProcess[str]:
    """What Neruba says when it starts with these variables."""
    environment = {"DATABASE_URL": f"sqlite:///{database}", "REDIS_URL": "", **variables}
    return subprocess.run(
        [sys.executable, "manage.py", *command],
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
        ("NERUBA_LOG_FORMAT", "xml", "json or text"),
        ("NERUBA_LOG_LEVEL", "LOUD", "DEBUG, INFO"),
        ("NERUBA_METRICS_TOKEN", "short", "a random text of 16 characters"),
        ("NERUBA_HEARTBEAT_SECONDS", "soon", "seconds, at least two ticks"),
        ("NERUBA_STRIPE_API_BASE", "localhost:12111", "http://host:port"),
        ("PROMETHEUS_MULTIPROC_DIR", "/nowhere/at/all", "a folder that exists"),
    ],
)
def test_a_wrong_variable_is_named_with_what_is_expected(
    tmp_path: Path, name: str, value: str, expected: str
) -> None:
    said = start(tmp_path / "neruba.sqlite3", **{name: value})
    assert said.returncode == 1
    assert f"{name} is not valid: expected {expected}" in said.stderr


def test_variables_that_contradict_each_other_are_both_named(tmp_path: Path) -> None:
    variables = {"NERUBA_TICK_SECONDS": "30", "NERUBA_HEARTBEAT_SECONDS": "40"}
    said = start(tmp_path / "neruba.sqlite3", **variables)
    assert said.returncode == 1
    assert "NERUBA_HEARTBEAT_SECONDS and NERUBA_TICK_SECONDS contradict" in said.stderr


def test_a_misspelt_variable_is_named_with_the_one_that_is_meant(tmp_path: Path) -> None:
    said = start(tmp_path / "neruba.sqlite3", NERUBA_ALERT_TO="ops@example.com")
    assert said.returncode == 0
    assert "NERUBA_ALERT_TO is set, and nothing reads it" in said.stderr
    assert "Is NERUBA_ALERTS_TO meant?" in said.stderr


def test_all_variables_are_shown_without_secrets(tmp_path: Path) -> None:
    secrets = {
        "NERUBA_SECRET_KEY": "a-secret-key",
        "NERUBA_METRICS_TOKEN": "a-secret-token-of-metrics",
        "NERUBA_MAIL_URL": "smtp+tls://mailer:pass-word@mail.example.com:587",
        "REDIS_URL": "redis://:pass-word@127.0.0.1:6379/0",
        "NERUBA_TICK_SECONDS": "7",
    }
    said = start(tmp_path / "neruba.sqlite3", command=("show_settings", "--json"), **secrets)
    rows = {row["name"]: row for row in json.loads(said.stdout)}
    assert rows.keys() == {*VARIABLES, *READ_ELSEWHERE}
    tick = rows["NERUBA_TICK_SECONDS"]
    assert (tick["value"], tick["default"], tick["source"]) == ("7", "5", "environment")
    assert rows["NERUBA_API_DOCS"]["source"] == "default"
    assert rows["NERUBA_SECRET_KEY"]["value"] == "(12 characters)"
    assert rows["NERUBA_MAIL_URL"]["value"] == "smtp+tls://mailer:…@mail.example.com:587"
    for secret in ("a-secret", "pass-word"):
        assert secret not in said.stdout


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
