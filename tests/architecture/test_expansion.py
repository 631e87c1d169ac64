"""Migrations only expand the schema, so that one can go back a release (docs/going-back.md)."""

import inspect
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.db import migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ModelState, ProjectState

from tests.architecture.expansion import allowed_by, contractions
from tests.architecture.rules import APPS

ROOT = Path(__file__).resolve().parents[2]
RELEASED = re.compile(r"^## \[(\d+\.\d+\.\d+)\] – \d{4}-\d\d-\d\d", re.MULTILINE)
# The last migration of each app in the first release: nobody goes back behind it.
FIRST_RELEASE: dict[str, str] = {}


def test_the_first_release_is_named_once_it_is_out() -> None:
    if RELEASED.search((ROOT / "CHANGELOG.md").read_text()):
        assert FIRST_RELEASE, "name the last migration of each app in the first release"
    assert FIRST_RELEASE.keys() <= {config.label for config in apps.get_app_configs()}


def found_since(first: dict[str, str]) -> list[str]:
    """What contracts, and does not say that it may, in migrations after those of `first`."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    loader = MigrationLoader(None)
    found = []
    for (app, name), migration in sorted(loader.disk_migrations.items()):
        source = Path(inspect.getfile(type(migration))).read_text()
        if app in APPS and name > first.get(app, "") and not allowed_by(source, version):
            before = loader.project_state((app, name), at_end=False)
            words = contractions(migration.operations, before, app)
            found += [f"{app}.{name}: {said}" for said in words]
    return found


def test_since_the_first_release_every_migration_expands() -> None:
    assert not FIRST_RELEASE or found_since(FIRST_RELEASE) == []


def test_the_migrations_of_the_apps_are_looked_at() -> None:
    # Before the first release nothing had to be kept: its own are full of what would be found.
    assert any(said.startswith("ledger.0002_initial: ") for said in found_since({}))


def state() -> ProjectState:
    made = ProjectState()
    fields: list[tuple[str, models.Field[Any, Any]]] = [
        ("id", models.BigAutoField(primary_key=True)),
        ("code", models.CharField(max_length=20)),
        ("note", models.TextField(null=True)),
    ]
    made.add_model(ModelState("billing", "Plan", fields))
    return made


EXPANDING: list[list[Operation]] = [
    [migrations.AddField("plan", "more", models.IntegerField(null=True))],
    [migrations.AddField("plan", "more", models.IntegerField(db_default=0))],
    [migrations.AddField("plan", "peers", models.ManyToManyField("billing.Plan"))],
    [migrations.AddIndex("plan", models.Index(fields=["code"], name="plan_code"))],
    [migrations.AlterField("plan", "code", models.CharField(max_length=40, help_text="More."))],
    [migrations.AlterField("plan", "code", models.CharField(max_length=20, null=True))],
    [
        migrations.CreateModel("New", [("id", models.BigAutoField(primary_key=True))]),
        migrations.AddField("new", "more", models.IntegerField(default=0)),
        migrations.AddConstraint("new", models.UniqueConstraint(fields=["more"], name="new_more")),
    ],
]
CONTRACTING: list[list[Operation]] = [
    [migrations.AddField("plan", "more", models.IntegerField(default=0))],
    [migrations.RemoveField("plan", "note")],
    [migrations.RenameField("plan", "note", "notes")],
    [migrations.RenameModel("Plan", "Tariff")],
    [migrations.DeleteModel("Plan")],
    [migrations.AlterField("plan", "code", models.CharField(max_length=10))],
    [migrations.AlterField("plan", "code", models.IntegerField())],
    [migrations.AlterField("plan", "note", models.TextField())],
    [migrations.AddConstraint("plan", models.UniqueConstraint(fields=["code"], name="plan_one"))],
    [migrations.RunSQL("DROP TABLE billing_plan")],
    [migrations.SeparateDatabaseAndState([migrations.RemoveField("plan", "note")])],
]


@pytest.mark.parametrize("operations", EXPANDING, ids=lambda found: found[-1].describe())
def test_what_expands_passes(operations: list[Operation]) -> None:
    assert list(contractions(operations, state(), "billing")) == []


@pytest.mark.parametrize("operations", CONTRACTING, ids=lambda found: found[-1].describe())
def test_what_contracts_is_found(operations: list[Operation]) -> None:
    assert list(contractions(operations, state(), "billing"))


def test_a_contraction_is_allowed_one_release_later() -> None:
    source = "# contract: 0.2.0 no longer uses it\nclass Migration: ...\n"
    assert allowed_by(source, "0.3.0")
    assert allowed_by(source, "0.10.0")
    assert not allowed_by(source, "0.2.0")
    assert not allowed_by("class Migration: ...\n", "0.3.0")
