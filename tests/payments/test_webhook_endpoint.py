"""The endpoint: what is signed is stored once, what is not leaves no trace."""

import json
import time
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from bin.lib.fake_stripe.delivery import signature
from bin.lib.fake_stripe.running import SECRET
from neruba import clock
from neruba.admin.page import page_of
from neruba.backoff import MAX_ATTEMPTS
from neruba.models import AuditRecord, Project
from payments.models import ProviderEvent, ProviderEventWork
from payments.selectors.inbox import due_subjects
from payments.services.inbox import Hands, work_on_subject
from payments.stripe_gateway import stripe_gateway_of
from tests import factories
from tests.payments.shop import Shop, post_event, use_fake
from tests.support.console import looking

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    made = factories.project(slug="shop")
    use_fake(made)
    return made


def event(number: int = 1, **own: Any) -> bytes:
    """An event as Stripe writes it: indented, with keys in its own order."""
    content = {
        "id": f"evt_{number}",
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": 1767225600,
        "data": {"object": {"id": "pi_1", "object": "payment_intent"}},
        "type": "payment_intent.succeeded",
        **own,
    }
    return json.dumps(content, indent=2).encode()


def stored() -> int:
    return ProviderEvent.objects.count() + ProviderEventWork.objects.count()


def test_an_event_is_stored_as_it_came_and_once(project: Project) -> None:
    body = event()
    assert post_event("shop", body) == 200
    assert post_event("shop", body) == 200
    kept = ProviderEvent.objects.get()
    assert bytes(kept.body) == body
    assert (kept.event_id, kept.subject, kept.project) == ("evt_1", "pi_1", project)
    assert ProviderEventWork.objects.get().state == "waiting"


@pytest.mark.parametrize(
    "header",
    [
        "",
        "nonsense",
        "t=,v1=",
        "v1=abc",
        "t=9999999999999999999,v1=abc",
        f"t={int(time.time())},v1={'0' * 64}",
        f"t={int(time.time())},v0={'0' * 64}",
        "t=1,v1=é",
    ],
)
@pytest.mark.usefixtures("project")
def test_what_nobody_signed_is_refused_and_leaves_nothing(header: str) -> None:
    assert post_event("shop", event(), header=header) == 400
    assert stored() == 0


@pytest.mark.usefixtures("project")
def test_a_wrong_secret_a_changed_body_and_an_old_signature_are_refused() -> None:
    body, now = event(), int(time.time())
    assert post_event("shop", body, secret="whsec_another") == 400
    assert post_event("shop", body + b" ", header=signature(SECRET, body, now)) == 400
    assert post_event("shop", body, header=signature(SECRET, body, now - 301)) == 400
    assert stored() == 0
    assert post_event("shop", body, header=signature(SECRET, body, now - 290)) == 200


@pytest.mark.usefixtures("project")
def test_one_of_several_signatures_is_enough() -> None:
    body = event()
    signed = signature(SECRET, body, int(time.time()))
    assert post_event("shop", body, header=f"{signed},v1={'0' * 64}") == 200


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"id": 1}', b"\xff", b'"event"', b"1e999"])
def test_signed_content_that_is_no_event_is_refused(body: bytes) -> None:
    assert post_event("shop", body) == 400
    assert stored() == 0


@pytest.mark.usefixtures("project")
def test_a_body_beyond_the_bound_is_refused_before_it_is_read() -> None:
    assert post_event("shop", b" " * (512 * 1024 + 1)) == 413
    assert stored() == 0


@pytest.mark.usefixtures("project")
def test_unknown_projects_and_those_without_a_secret_look_the_same() -> None:
    factories.project(slug="bare")
    answers = []
    for slug in ("bare", "nobody"):
        answer = Client().post(f"/webhooks/stripe/{slug}", event(), "application/json")
        problem = answer.json()
        problem.pop("request_id")
        answers.append((answer.status_code, problem))
    assert answers[0] == answers[1]
    assert answers[0][0] == 404
    assert Client().get("/webhooks/stripe/shop").status_code == 405


@pytest.mark.usefixtures("project")
def test_what_another_project_was_sent_is_no_event_of_this_one() -> None:
    other = factories.project(slug="other")
    use_fake(other, secret="whsec_of_the_other")
    assert post_event("other", event()) == 400
    assert post_event("other", event(), secret="whsec_of_the_other") == 200
    assert post_event("shop", event()) == 200
    assert ProviderEvent.objects.count() == 2


@pytest.mark.usefixtures("project")
def test_an_event_from_which_nothing_follows_is_kept_and_done() -> None:
    about = {"object": {"id": "cus_1", "object": "customer"}}
    assert post_event("shop", event(type="customer.created", data=about)) == 200
    assert ProviderEventWork.objects.get().state == "ignored"
    assert due_subjects(clock.wall(), 10) == []


@pytest.mark.django_db(transaction=True)
def test_what_fails_is_tried_later_each_time_and_then_waits_for_a_person(shop: Shop) -> None:
    shop.fake.control("outage", count=10_000, kind="error", method="GET")
    about = {"object": {"id": "pi_lost", "object": "payment_intent"}}
    assert post_event(shop.project.slug, event(data=about)) == 200
    hands, wall = Hands(stripe_gateway_of, clock.now), clock.wall()
    for attempt in range(1, MAX_ATTEMPTS + 1):
        assert not work_on_subject(shop.project, "pi_lost", hands=hands, wall=wall)
        work = ProviderEventWork.objects.get()
        assert work.attempts == attempt
        assert "ProviderUnavailableError" in work.cause
        wall = (work.due_at or wall) + timedelta(seconds=1)
    assert (work.state, work.due_at) == ("dead", None)
    assert "Traceback" in work.trace
    shop.fake.control("outage", count=0)


@pytest.mark.django_db(transaction=True)
@pytest.mark.once
def test_a_dead_webhook_is_replayed_from_the_console(shop: Shop) -> None:
    shop.paid()
    assert set(shop.deliver(*shop.events())) == {200}
    ProviderEventWork.objects.filter(state="waiting").update(
        state="dead", attempts=7, cause="No.", due_at=None
    )
    user = factories.operator(project=shop.project, role="finance")
    work = ProviderEventWork.objects.filter(state="dead").earliest("pk")
    browser = looking(user)
    shown = browser.get(page_of(work)).content.decode()
    assert "Mend the cause, then replay" in shown
    assert work.event.event_id in shown
    replay = reverse("admin:payments_providereventwork_replay", args=[work.pk])
    refused = browser.post(replay, {"_form_submitted": "1", "reason": ""})
    assert refused.status_code == 200
    work.refresh_from_db()
    assert work.state == "dead"
    answer = browser.post(
        reverse("admin:payments_providereventwork_replay_dead"),
        {"_form_submitted": "1", "reason": "mended"},
    )
    assert answer.status_code == 200
    assert not ProviderEventWork.objects.filter(state="dead").exists()
    assert AuditRecord.objects.filter(action="webhook.replayed", reason="mended").exists()
    shop.work()
    assert shop.books() == {"1000": 9680, "4000": 10000, "5000": 320}
