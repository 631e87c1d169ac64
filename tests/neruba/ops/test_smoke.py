"""`manage.py smoke`, in this process: what it does, what it leaves, what it says when a step
fails.
"""

import json
from contextlib import suppress
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from billing.models import Subscription
from ingest.models import UsageEvent
from neruba import clock
from neruba.models import ApiKey, AuditRecord, Customer, Project
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)

PLAN = {
    "code": "pro",
    "interval": "month",
    "prices": [{"code": "base", "kind": "recurring", "model": "flat", "amount": "30.00"}],
}


def smoke(project: Project) -> dict[str, Any]:
    out = StringIO()
    with suppress(CommandError):
        call_command("smoke", project=project.slug, json=True, stdout=out)
    said: dict[str, Any] = json.loads(out.getvalue())
    return said


@pytest.mark.parametrize("mode", ["live", "sandbox"])
def test_it_passes_again_and_again_and_leaves_nothing_that_bills(mode: str) -> None:
    project = factories.project(mode=mode)
    for _ in range(2):
        said = smoke(project)
        assert said["ok"], said
    assert UsageEvent.objects.filter(retraction=None).count() == 0
    assert Customer.objects.get().external_id == "neruba-smoke"
    assert not Subscription.objects.exists()
    assert all(key.revoked_at and key.expires_at for key in ApiKey.objects.all())
    acts = AuditRecord.objects.filter(object_type="api_key").order_by("pk")
    assert [(act.action, act.reason) for act in acts] == [
        ("api_key.issued", "manage.py smoke"),
        ("api_key.revoked", "manage.py smoke"),
    ] * 2


def test_it_previews_a_subscription_where_there_is_one() -> None:
    project = factories.project(mode="live")
    caller = factories.client(project=project)
    caller.post("/api/v1/plans", PLAN, format="json")
    factories.customer(project=project, external_id="acme")
    start = clock.wall().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    body = {"external_id": "acme-pro", "customer": "acme", "plan": "pro",
            "start_at": start.isoformat(), "anchor": "calendar"}  # fmt: skip
    assert caller.post("/api/v1/subscriptions", body, format="json").status_code == 201
    said = smoke(project)
    (preview,) = [step for step in said["steps"] if step["name"] == "preview"]
    assert (said["ok"], "of one subscription" in preview["detail"]) == (True, True)


def test_a_step_that_fails_is_named_and_the_key_is_revoked_all_the_same() -> None:
    project = factories.project(mode="live")
    # Another meter of that name: what is sent does not count in it.
    factories.meter(project=project, code="neruba-smoke", event_type="something.else")
    said = smoke(project)
    assert not said["ok"]
    assert [step["name"] for step in said["steps"] if not step["ok"]] == ["event"]
    assert ApiKey.objects.get().revoked_at
