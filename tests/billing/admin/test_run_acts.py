"""What operators do with runs, leases and the outbox: dialogs with a reason, followed on a page."""

import re
from collections.abc import Sequence
from html import unescape

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from billing.models import BillingRun, RunItem
from billing.tasks import plan_billing_run
from neruba.models import AuditRecord, Lease, OutboxMessage, Project
from tests import factories
from tests.billing.runs.stories import (
    TOO_MUCH,
    customers_of_a_month,
    mend,
    planned,
    use,
    work_off,
)
from tests.billing.sandbox import Sandbox

pytestmark = [pytest.mark.django_db, pytest.mark.once]

EMAIL = "ada@neruba.example"


def acting(client: Client, project: Project) -> Client:
    """Logged in as one who may do all that this is about, in the project."""
    names = [
        *("view_billingrun", "add_billingrun", "change_billingrun", "view_runitem"),
        *("view_lease", "delete_lease", "view_outboxmessage", "change_outboxmessage"),
    ]
    client.force_login(factories.poor(*names, project=project, email=EMAIL))
    return client


def submit(client: Client, act: str, *args: object, **values: object) -> HttpResponse:
    address = reverse(f"admin:{act}", args=args)
    answer: HttpResponse = client.post(address, {"_form_submitted": "1", **values})  # type: ignore[assignment]
    return answer


def audited(action: str) -> tuple[str, str]:
    row = AuditRecord.objects.get(action=action, actor_kind="operator")
    return row.actor, row.reason


def page_of(client: Client, run: BillingRun) -> HttpResponse:
    address = reverse("admin:billing_billingrun_change", args=[run.pk])
    answer: HttpResponse = client.get(address)  # type: ignore[assignment]
    assert answer.status_code == 200
    return answer


def words(answer: HttpResponse) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub("<[^>]+>", " ", answer.content.decode())))


def parked() -> tuple[Sandbox, BillingRun]:
    sandbox = customers_of_a_month("anna", "huge", "zoe")
    use(sandbox, "huge", TOO_MUCH)
    sandbox.clock("2026-02-01T01:00:00Z")
    return sandbox, BillingRun.objects.latest("pk")


def test_a_run_is_begun_with_a_reason_and_its_page_follows_it(client: Client) -> None:
    sandbox = customers_of_a_month("anna", "zoe")
    operator = acting(client, sandbox.project)
    sandbox.now_at("2026-02-01T01:00:00Z")
    given = {"reason": "month's end"}
    answer = submit(operator, "billing_billingrun_start", **given)
    run = BillingRun.objects.latest("pk")
    assert answer["HX-Redirect"] == reverse("admin:billing_billingrun_change", args=[run.pk])
    assert (run.trigger, run.actor, run.status) == ("console", EMAIL, "pending")
    assert audited("billing_run.created") == (EMAIL, "month's end")
    page = page_of(operator, run)
    assert page["Refresh"] == "3"
    plan_billing_run(run.pk)
    text = words(page_of(operator, run))
    assert "0 of 2" in text
    assert "waits for a worker" in text
    page = page_of(operator, work_off(run))
    assert "Refresh" not in page
    assert "2 of 2 due" in words(page)


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ({"reason": ""}, "This field is required"),
        ({"as_of_0": "2026-03-01", "as_of_1": "00:00"}, "only a dry run looks ahead"),
    ],
)
def test_a_wrong_dialog_begins_nothing(
    client: Client, values: dict[str, object], shown: str
) -> None:
    operator = acting(client, customers_of_a_month("anna").project)
    runs = BillingRun.objects.count()
    given = {"reason": "why not", **values}
    answer = submit(operator, "billing_billingrun_start", **given)
    assert shown in answer.content.decode()
    assert BillingRun.objects.count() == runs


def test_parked_customers_are_shown_with_their_cause_and_tried_again(client: Client) -> None:
    sandbox, run = parked()
    operator = acting(client, sandbox.project)
    text = words(page_of(operator, run))
    assert "1 customer is parked: everybody else is billed." in text
    assert "InvariantError: invoice.issue:period:sub-huge:1:1:1" in text
    item = RunItem.objects.get(state="failed")
    page: HttpResponse = operator.get(reverse("admin:billing_runitem_change", args=[item.pk]))  # type: ignore[assignment]
    assert "Traceback" in words(page)
    assert "waits for a person" in words(page)
    mend(sandbox, "huge")
    answer = submit(operator, "billing_billingrun_retry", run.pk, reason="usage was voided")
    assert "HX-Redirect" in answer
    plan_billing_run(run.pk)
    assert "3 of 3 due" in words(page_of(operator, work_off(run)))
    assert audited("billing_run.retried") == (EMAIL, "usage was voided")
    refused = submit(operator, "billing_billingrun_retry", run.pk, reason="once more")
    assert "None of the run's customers is parked" in words(refused)


def test_a_repetition_says_that_all_came_out_the_same(client: Client) -> None:
    sandbox = customers_of_a_month("anna", "zoe")
    operator = acting(client, sandbox.project)
    sandbox.clock("2026-02-01T01:00:00Z")
    run = BillingRun.objects.latest("pk")
    submit(operator, "billing_billingrun_repeat", run.pk, reason="audit")
    again = BillingRun.objects.latest("pk")
    plan_billing_run(again.pk)
    text = words(page_of(operator, work_off(again)))
    assert "Every document came out as it was issued, byte for byte." in text
    assert text.count(run.fingerprint) == 2


def test_a_lease_is_released_and_a_dead_message_tried_again(client: Client) -> None:
    project = factories.project()
    factories.lease(project=project)
    message = factories.dead_message(project=project)
    operator = acting(client, project)
    lease = Lease.objects.get()
    assert "expired" in words(_get(operator, "neruba_lease_change", lease.pk))
    submit(operator, "neruba_lease_release", lease.pk, reason="host is gone")
    assert not Lease.objects.exists()
    assert audited("lease.released") == (EMAIL, "host is gone")
    assert "tried no more" in words(_get(operator, "neruba_outboxmessage_change", message.pk))
    submit(operator, "neruba_outboxmessage_replay", message.pk, reason="mended")
    message.refresh_from_db()
    assert (message.state, message.attempts) == (OutboxMessage.State.WAITING, 0)
    assert audited("outbox.replayed") == (EMAIL, "mended")


def _get(client: Client, name: str, *args: object) -> HttpResponse:
    answer: HttpResponse = client.get(reverse(f"admin:{name}", args=args))  # type: ignore[assignment]
    return answer


def test_a_page_of_a_run_costs_the_same_for_any_number_of_chunks(
    client: Client, django_assert_max_num_queries: Sequence[object]
) -> None:
    sandbox = customers_of_a_month(*(f"c{number}" for number in range(6)))
    operator = acting(client, sandbox.project)
    run = planned(sandbox.now_at("2026-02-01T01:00:00Z"), chunk=1)
    with django_assert_max_num_queries(25):  # type: ignore[operator]
        page_of(operator, run)
