"""Health without a server: what may be asked, what is answered to whom, what is told of it."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from neruba import clock
from neruba.models import Heartbeat
from neruba.ops.health import PARTS
from neruba.tasks import beat

pytestmark = pytest.mark.django_db(transaction=True)


def ready(query: str = "") -> tuple[int, dict[str, Any]]:
    """The status, and each part's check by name."""
    answer = Client().get(f"/health/ready{query}")
    return answer.status_code, {one["name"]: one for one in json.loads(answer.content)["checks"]}


def test_a_beat_makes_it_ready_and_silence_does_not(settings: Settings) -> None:
    status, checks = ready()
    assert (status, list(checks)) == (503, list(PARTS))
    assert [name for name, check in checks.items() if not check["ok"]] == ["scheduler"]
    assert checks["scheduler"]["detail"].startswith("was never heard of")
    beat()
    beat()
    assert ready() == (200, ready()[1])
    assert Heartbeat.objects.count() == 1
    limit = django_settings.HEARTBEAT_SECONDS
    Heartbeat.objects.update(at=clock.wall() - timedelta(seconds=limit + 5))
    status, checks = ready()
    assert (status, checks["scheduler"]["ok"]) == (503, False)
    assert ready("?parts=database,migrations,triggers")[0] == 200
    settings.HEARTBEAT_SECONDS = 10 * limit
    assert ready()[0] == 200


def test_a_lost_table_is_told_in_words() -> None:
    from django.db import connection

    with connection.schema_editor() as editor:
        editor.delete_model(Heartbeat)
    try:
        status, checks = ready("?parts=scheduler,database")
        assert (status, checks["database"]["ok"]) == (503, True)
        assert checks["scheduler"]["detail"] == "a table is missing: run manage.py migrate"
    finally:
        with connection.schema_editor() as editor:
            editor.create_model(Heartbeat)


def test_an_unknown_part_is_refused_with_the_parts_there_are() -> None:
    answer = Client().get("/health/ready?parts=database,databse")
    assert answer.status_code == 400
    assert "databse" in answer.json()["detail"]
    assert "scheduler" in answer.json()["detail"]


def test_live_touches_nothing(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(0):
        answer = Client().get("/health/live")
    assert (answer.status_code, answer.json()) == (200, {"status": "live"})
    assert "no-store" in answer["Cache-Control"]
    assert Client().post("/health/live").status_code == 405
