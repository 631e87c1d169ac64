"""Rows of hand-written SQL equal those of the ORM, field by field."""

from datetime import UTC, datetime

import pytest
from django.db import connection

from neruba.models import ApiKey, Project
from neruba.rows import columns_of, loaded
from neruba.services.api_keys import key_of_secret
from tests import factories

pytestmark = pytest.mark.django_db

WALL = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_row_has_the_values_that_the_orm_gives() -> None:
    project = factories.project(settings={"finalization_grace": "PT2H"}, timezone="Europe/Berlin")
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {columns_of(Project)} FROM neruba_project WHERE id = %s", [project.pk]
        )
        found = loaded(Project, cursor.fetchone())
    stored = Project.objects.get(pk=project.pk)
    for field in Project._meta.concrete_fields:
        value = getattr(found, field.attname)
        assert (type(value), value) == (
            type(getattr(stored, field.attname)),
            getattr(stored, field.attname),
        )
    found.name = "Renamed"
    found.save(update_fields=["name"])
    assert Project.objects.get(pk=project.pk).name == "Renamed"


def test_a_key_comes_with_its_project() -> None:
    project = factories.project()
    factories.api_key(project=factories.project())
    issued = factories.api_key(project=project, scopes=["usage:read", "usage:write"])
    found = key_of_secret(issued.secret, WALL)
    assert found is not None
    stored = ApiKey.objects.get(pk=issued.key.pk)
    for field in ApiKey._meta.concrete_fields:
        assert getattr(found, field.attname) == getattr(stored, field.attname)
    assert found.project.policy == project.policy
    assert found.project.clock_at == project.clock_at
