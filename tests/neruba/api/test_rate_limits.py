"""How often a caller may come, and that a Redis that is away holds up nobody."""

import logging
from datetime import timedelta
from secrets import token_hex
from typing import Any

import pytest
import time_machine
from django.conf import settings as django_settings
from pytest_django import Settings
from rest_framework.test import APIClient

from ingest.models import UsageEvent
from neruba import clock, rate_counter
from neruba.models import Project
from tests import factories
from tests.api.outcome import assert_problem

pytestmark = pytest.mark.django_db

CUSTOMERS = "/api/v1/customers"
# No other test counts in this minute, whatever store is behind it.
TURN = clock.wall().replace(second=0, microsecond=0) + timedelta(days=1)


@pytest.fixture
def project() -> Project:
    return factories.project()


@pytest.fixture
def absent(monkeypatch: pytest.MonkeyPatch) -> rate_counter.Absence:
    fresh = rate_counter.Absence()
    monkeypatch.setattr(rate_counter, "absence", fresh)
    return fresh


def bad(address: str) -> APIClient:
    client = APIClient(REMOTE_ADDR=address)
    client.credentials(HTTP_AUTHORIZATION="Bearer nrb_000000000000_no")
    return client


def statuses(client: APIClient, requests: int) -> list[int]:
    return [client.get(CUSTOMERS).status_code for _ in range(requests)]


def test_a_key_is_refused_above_its_limit_until_the_minute_is_over(
    project: Project, settings: Settings
) -> None:
    settings.RATE_LIMIT = 3
    first, second = factories.client(project=project), factories.client(project=project)
    with time_machine.travel(TURN + timedelta(seconds=20.5), tick=False) as now:
        assert statuses(first, 3) == [200] * 3
        refused = first.get(CUSTOMERS)
        assert_problem(refused, 429, "throttled")
        assert refused["Retry-After"] == "40"
        assert statuses(second, 1) == [200]
        now.shift(timedelta(seconds=39.5))
        assert statuses(first, 1) == [200]


def test_refused_credentials_are_counted_by_address_and_valid_ones_pass(
    project: Project, settings: Settings
) -> None:
    settings.RATE_LIMIT_ANONYMOUS = 2
    here, elsewhere = f"2001:db8::{token_hex(2)}", f"2001:db8:1::{token_hex(2)}"
    valid = factories.client(project=project)
    valid.defaults["REMOTE_ADDR"] = here
    with time_machine.travel(TURN + timedelta(minutes=1), tick=False):
        assert statuses(valid, 4) == [200] * 4  # not counted
        assert statuses(bad(here), 3) == [401, 401, 429]
        anonymous = APIClient(REMOTE_ADDR=here).get(CUSTOMERS)
        assert_problem(anonymous, 429)
        assert anonymous["Retry-After"] == "60"
        assert statuses(bad(elsewhere), 1) == [401]
        assert statuses(valid, 1) == [200]


def test_no_limit_is_no_limit(project: Project, settings: Settings) -> None:
    settings.RATE_LIMIT = settings.RATE_LIMIT_ANONYMOUS = 0
    assert set(statuses(factories.client(project=project), 20)) == {200}


def test_events_are_accepted_while_redis_is_away_and_it_is_said_once(
    project: Project,
    settings: Settings,
    absent: rate_counter.Absence,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"  # nothing listens there
    settings.RATE_LIMIT = settings.RATE_LIMIT_ANONYMOUS = 1
    client = factories.client(project=project)
    with caplog.at_level(logging.WARNING, "neruba.rate_counter"):
        sent = [
            client.post("/api/v1/events", factories.event_body(), format="json") for _ in range(3)
        ]
        assert absent.is_known()
        assert statuses(bad("127.0.0.1"), 3) == [401] * 3
    assert [answer.status_code for answer in sent] == [201] * 3
    assert UsageEvent.objects.filter(project=project).count() == 3
    said = [record for record in caplog.records if record.name == "neruba.rate_counter"]
    assert len(said) == 1


@pytest.mark.skipif(not django_settings.REDIS_URL, reason="REDIS_URL names no Redis")
def test_one_count_is_one_round_trip(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []
    pool: Any = rate_counter._client(django_settings.REDIS_URL).connection_pool
    connection = type(pool.make_connection())
    send = connection.send_packed_command

    def noted(self: Any, command: Any, *args: Any, **kwargs: Any) -> None:
        sent.append(command)
        send(self, command, *args, **kwargs)

    rate_counter.count_in_window("warm", 0)
    monkeypatch.setattr(connection, "send_packed_command", noted)
    first = rate_counter.count_in_window("trips", 60)
    assert rate_counter.count_in_window("trips", 60) == first + 1
    assert len(sent) == 2
