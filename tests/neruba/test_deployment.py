"""Processes with an environment of their own: what production refuses, and what it switches on."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from tests.e2e.server import BASE_DIR

ASK = """
import json
from django.test import Client
def said(path, **headers):
    answer = Client(raise_request_exception=False).get(path, **headers)
    cookies = [morsel.OutputString() for morsel in answer.cookies.values()]
    return [answer.status_code, dict(answer.headers), cookies]
print(json.dumps([said(path, **headers) for path, headers in QUESTIONS]))
"""


def environment(database: str, **variables: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NERUBA_")}
    return kept | {
        "DATABASE_URL": database,
        "REDIS_URL": "",
        "NERUBA_SECRET_KEY": "a-long-random-text-of-this-test-0123456789-abcdefghijk",
        "NERUBA_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
        "NERUBA_ALLOWED_HOSTS": "testserver",
        **variables,
    }


def manage(given: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(
        command, cwd=BASE_DIR, env=given, capture_output=True, text=True, check=False
    )


def sqlite(folder: Path) -> str:
    return f"sqlite:///{folder / 'neruba.sqlite3'}"


@pytest.mark.parametrize("kind", ["sqlite", "mysql"])
def test_the_checks_of_a_deployment_find_nothing(tmp_path: Path, kind: str) -> None:
    given = environment(sqlite(tmp_path), NERUBA_HTTPS="true")
    if kind == "mysql":
        pytest.importorskip("MySQLdb")
        given = environment("mysql://user:password@127.0.0.1:1/name")  # it is not asked
    said = manage(given, "check", "--deploy", "--fail-level", "WARNING")
    assert said.returncode == 0, said.stderr


def test_they_do_find_what_is_missing(tmp_path: Path) -> None:
    given = environment(sqlite(tmp_path), NERUBA_HTTPS="false")
    said = manage(given, "check", "--deploy", "--fail-level", "WARNING")
    assert said.returncode == 1
    assert "SECURE_HSTS_SECONDS" in said.stderr


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"NERUBA_SECRET_KEY": ""}, "NERUBA_SECRET_KEY is not set"),
        ({"NERUBA_ENCRYPTION_KEYS": ""}, "NERUBA_ENCRYPTION_KEYS is not set"),
        ({"NERUBA_ENCRYPTION_KEYS": "short"}, "NERUBA_ENCRYPTION_KEYS is not valid"),
        ({"NERUBA_DEBUG": "true"}, "NERUBA_DEBUG is refused on MySQL"),
        ({"NERUBA_PROXIES": "-1"}, "NERUBA_PROXIES is not valid"),
        ({"NERUBA_SESSION_HOURS": "0"}, "NERUBA_SESSION_HOURS is not valid"),
        ({"NERUBA_LOGIN_ATTEMPTS": "none"}, "NERUBA_LOGIN_ATTEMPTS is not valid"),
        ({"NERUBA_LOCKOUT_MINUTES": "0"}, "NERUBA_LOCKOUT_MINUTES is not valid"),
        ({"NERUBA_RATE_LIMIT": "6000/min"}, "NERUBA_RATE_LIMIT is not valid"),
        ({"NERUBA_HTTPS": "perhaps"}, "NERUBA_HTTPS is not valid"),
    ],
)
def test_production_refuses_by_name(variables: dict[str, str], words: str) -> None:
    said = manage(environment("mysql://user:password@127.0.0.1:1/name", **variables), "check")
    assert said.returncode == 1
    assert words in said.stderr
    assert "short" not in said.stderr.replace(words, "")


def asked(
    given: dict[str, str], *questions: tuple[str, dict[str, str | bool]]
) -> list[tuple[int, dict[str, str], list[str]]]:
    assert manage(given, "migrate", "--verbosity", "0").returncode == 0
    script = f"QUESTIONS = {questions!r}\n{ASK}"
    said = manage(given, "shell", "--verbosity", "0", "-c", script)
    answers: list[tuple[int, dict[str, str], list[str]]] = json.loads(said.stdout)
    return answers


def test_with_https_plain_requests_are_led_there_and_cookies_stay_there(tmp_path: Path) -> None:
    given = environment(sqlite(tmp_path), NERUBA_HTTPS="true", NERUBA_API_DOCS="open")
    login, spoofed, health, secure, docs = asked(
        given,
        ("/admin/login/", {}),
        ("/admin/login/", {"HTTP_X_FORWARDED_PROTO": "https"}),
        ("/health/live", {}),
        ("/admin/login/", {"secure": True}),
        ("/api/docs/", {"secure": True}),
    )
    assert login[0] == spoofed[0] == 301
    assert login[1]["Location"] == "https://testserver/admin/login/"
    assert health[0] != 301
    assert secure[0] == 200
    assert secure[1]["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
    (cookie,) = secure[2]
    assert cookie.startswith("__Host-csrftoken=")
    assert "Secure" in cookie
    assert docs[0] == 200


def test_behind_a_proxy_its_word_for_https_is_taken(tmp_path: Path) -> None:
    given = environment(
        sqlite(tmp_path), NERUBA_HTTPS="true", NERUBA_PROXIES="1", NERUBA_API_DOCS="off"
    )
    secure, plain, docs = asked(
        given,
        ("/admin/login/", {"HTTP_X_FORWARDED_PROTO": "https"}),
        ("/admin/login/", {"HTTP_X_FORWARDED_PROTO": "http"}),
        ("/api/docs/", {"secure": True, "HTTP_X_FORWARDED_PROTO": "https"}),
    )
    assert (secure[0], plain[0], docs[0]) == (200, 301, 404)
