"""`create_project`: what the command line promises."""

import json
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from rest_framework.test import APIClient

from neruba.models import ApiKey, AuditRecord, Project
from tests import factories

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).resolve().parents[3]


def create(*arguments: str) -> str:
    output = StringIO()
    call_command("create_project", *arguments, stdout=output)
    return output.getvalue()


def test_a_project_and_an_admin_key_are_printed_as_json() -> None:
    printed = json.loads(create("demo", "--currency", "USD", "--json"))

    assert printed.keys() == {"project", "api_key"}
    assert printed["project"] == "demo"
    caller: APIClient = factories.client(project=Project.objects.get(), secret=printed["api_key"])
    shown: dict[str, Any] = caller.get("/api/v1/projects/demo").json()
    assert (shown["currency"], shown["timezone"], shown["mode"]) == ("USD", "UTC", "live")
    assert shown["clock"] is None
    assert ApiKey.objects.get().scopes == ["admin"]
    assert {row.action for row in AuditRecord.objects.all()} == {
        "project.created",
        "api_key.issued",
    }


def test_without_json_people_can_read_it() -> None:
    printed = create("demo", "--currency", "EUR", "--name", "Demo Ltd")
    assert "Project demo (live, EUR)." in printed
    assert "nrb_" in printed
    assert Project.objects.get().name == "Demo Ltd"


def test_a_sandbox_starts_at_its_clock_with_its_settings() -> None:
    create(
        *("azure", "--currency", "USD", "--mode", "sandbox"),
        *("--clock", "2023-11-01T01:00:00+01:00", "--timezone", "Europe/Berlin"),
        *("--settings", '{"finalization_grace": "PT0S"}', "--json"),
    )
    project = Project.objects.get()
    assert project.clock_at is not None
    assert project.clock_at.isoformat() == "2023-11-01T00:00:00+00:00"
    assert project.timezone == "Europe/Berlin"
    assert project.settings == {"finalization_grace": "PT0S"}


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["demo"], "--currency"),
        (["demo", "--currency", "XXX"], "'XXX' is no ISO 4217 currency."),
        (["demo", "--currency", "usd"], "'usd' is no ISO 4217 currency."),
        (["a b", "--currency", "USD"], "'a b' is no slug"),
        (["", "--currency", "USD"], "'' is no slug"),
        (["x" * 64, "--currency", "USD"], "is no slug"),
        (["demo", "--currency", "USD", "--timezone", "Mars"], "'Mars' is not a time zone"),
        (["demo", "--currency", "USD", "--mode", "other"], "invalid choice: 'other'"),
        (["demo", "--currency", "USD", "--clock", "2023-11-01T00:00:00Z"], "Only a sandbox"),
        (
            ["demo", "--currency", "USD", "--mode", "sandbox", "--clock", "2023-11-01"],
            "argument --clock: '2023-11-01' is not a time",
        ),
        (["demo", "--currency", "USD", "--settings", "{"], "--settings is not JSON"),
        (["demo", "--currency", "USD", "--settings", "[]"], "--settings: expected an object"),
        (["demo", "--currency", "USD", "--settings", '{"a": 1}'], "There is no setting 'a'."),
        (
            ["demo", "--currency", "USD", "--settings", '{"payment_terms_days": 400}'],
            "payment_terms_days: expected a whole number",
        ),
    ],
)
def test_wrong_arguments_are_refused_and_nothing_is_made(
    arguments: list[str], problem: str
) -> None:
    with pytest.raises(CommandError) as refused:
        create(*arguments)
    assert problem in str(refused.value)
    assert Project.objects.count() == ApiKey.objects.count() == AuditRecord.objects.count() == 0


@pytest.mark.parametrize("option", [["--settings", "{"], ["--settings={"]])
def test_on_the_command_line_too_settings_are_the_projects(option: list[str]) -> None:
    command = [sys.executable, "manage.py", "create_project", "demo", "--currency", "USD", *option]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "--settings is not JSON" in done.stderr


def test_a_slug_is_taken_once() -> None:
    create("demo", "--currency", "USD")
    with pytest.raises(CommandError, match="There is a project 'demo' already"):
        create("demo", "--currency", "EUR")
    assert Project.objects.get().currency == "USD"
