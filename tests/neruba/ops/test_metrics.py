"""`/metrics`: who may read it, and what the database's gauges say."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from ingest.models import DirtyMark
from neruba import clock
from neruba.models import Heartbeat, OutboxMessage
from neruba.ops.gauges import readings
from tests import factories

TOKEN = "x" * 20
pytestmark = pytest.mark.django_db


def values() -> dict[str, object]:
    """Every gauge without labels, and those with one by `name/label`."""
    return {
        "/".join([sample.name, *sample.labels.values()]): sample.value
        for family in readings(clock.wall())
        for sample in family.samples
    }


def counted() -> Iterator[tuple[str, object]]:
    text = Client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).content.decode()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            yield "/".join([sample.name, *sample.labels.values()]), sample.value


def test_waiting_work_is_told_by_number_and_age() -> None:
    project = factories.project(mode="live")
    hour = clock.wall() - timedelta(hours=1)
    factories.accept(factories.event_body(), {"broken": True}, project=project)
    DirtyMark.objects.update(recorded_at=hour)
    message = factories.dead_message(project=project)
    OutboxMessage.objects.create(project=project, topic="t", key="1", handler="h")
    OutboxMessage.objects.create(
        project=project, topic="t", key="2", handler="h", due_at=hour - timedelta(hours=1)
    )
    OutboxMessage.objects.create(
        project=project, topic="t", key="3", handler="h", due_at=clock.wall() + timedelta(hours=1)
    )
    factories.lease(project=project, at=hour)
    Heartbeat.objects.create(name="scheduler", at=hour, owner="w")
    said = values()
    assert message.state == "dead"
    exact = {
        "neruba_windows_dirty": 1,
        "neruba_failed_events_open": 1,
        "neruba_outbox_dead": 1,
        "neruba_outbox_due": 2,
        "neruba_leases_held": 0,
        "neruba_billing_runs/pending": 0,
        "neruba_billing_items_parked": 0,
        "neruba_invariant_violations/triggers": 0,
    }
    assert {name: said[name] for name in exact} == exact
    ages = {
        "neruba_windows_oldest_dirty_seconds": 3600,
        "neruba_heartbeat_age_seconds/scheduler": 3600,
        "neruba_outbox_oldest_due_seconds": 7200,
        "neruba_lease_oldest_expired_seconds": 3600 - django_settings.LEASE_SECONDS,
    }
    for name, seconds in ages.items():
        value = said[name]
        assert isinstance(value, float)
        assert seconds <= value < seconds + 60, name


def test_no_gauge_names_a_project() -> None:
    factories.project(slug="secret-tenant", mode="live")
    assert not any("secret-tenant" in name for name in values())


def test_a_marks_time_is_the_databases_and_in_utc() -> None:
    factories.accept(factories.event_body(), project=factories.project())
    (mark,) = DirtyMark.objects.all()
    assert abs(clock.wall() - mark.recorded_at) < timedelta(minutes=5)


@pytest.mark.once
def test_outcomes_are_counted_after_the_commit(
    settings: Settings,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    settings.METRICS_TOKEN = TOKEN
    name = "neruba_ingest_events_total/accepted"
    before = dict(counted()).get(name, 0)
    with django_capture_on_commit_callbacks() as callbacks:
        factories.accept(factories.event_body(), project=factories.project())
    assert dict(counted()).get(name, 0) == before
    for callback in callbacks:
        callback()
    after = dict(counted())[name]
    assert isinstance(before, float | int)
    assert after == before + 1


@pytest.mark.once
def test_what_waits_in_the_broker_is_told_and_that_it_is_away(
    settings: Settings, tmp_path: Path
) -> None:
    settings.METRICS_TOKEN, settings.REDIS_URL = TOKEN, ""
    settings.CELERY_BROKER_TRANSPORT_OPTIONS = {"data_folder_in": str(tmp_path)}
    for number in range(3):
        (tmp_path / f"{number}.celery.msg").write_text("{}")
    said = dict(counted())
    assert (said["neruba_broker_up"], said["neruba_broker_messages_waiting"]) == (1, 3)
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    said = dict(counted())
    assert (said["neruba_broker_up"], said["neruba_database_up"]) == (0, 1)
    assert "neruba_broker_messages_waiting" not in said


@pytest.mark.once
@pytest.mark.parametrize(
    ("profile", "token", "headers", "status"),
    [
        ("embedded", "", {}, 200),
        ("embedded", "", {"X-Forwarded-For": "203.0.113.9"}, 404),
        ("production", "", {}, 404),
        ("production", TOKEN, {}, 401),
        ("production", TOKEN, {"Authorization": "Bearer wrong"}, 401),
        ("production", TOKEN, {"Authorization": f"Bearer {TOKEN}"}, 200),
        ("embedded", TOKEN, {}, 401),
    ],
)
def test_who_may_read_them(
    settings: Settings, profile: str, token: str, headers: dict[str, str], status: int
) -> None:
    settings.PROFILE, settings.METRICS_TOKEN = profile, token
    answer = Client().get("/metrics", headers=headers)
    assert answer.status_code == status
    assert "no-store" in answer["Cache-Control"]
    assert ("neruba_" in answer.content.decode()) == (status == 200)


@pytest.mark.once
def test_strangers_from_elsewhere_read_nothing(settings: Settings) -> None:
    settings.PROFILE, settings.METRICS_TOKEN = "embedded", ""
    assert Client(REMOTE_ADDR="203.0.113.9").get("/metrics").status_code == 404
