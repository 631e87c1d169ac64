"""The page of a subscription: its timeline in words, its running period as a picture."""

import re
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from billing.admin.period_picture import Picture, pictures_of
from billing.models import Invoice, Subscription
from billing.selectors.timelines import timelines_of
from neruba import clock
from tests.billing.sandbox import BASE, CALLS, SEATS, Sandbox, started
from tests.support.console import looking, superuser

pytestmark = [pytest.mark.django_db, pytest.mark.once]


def change(sandbox: Sandbox, **body: Any) -> Any:
    return sandbox.post("/subscriptions/sub/changes", {"reason": "their letter", **body})


@pytest.fixture
def sandbox() -> Sandbox:
    """January in Berlin: five seats instead of three from the 11th, paused from the 21st."""
    sandbox = started(BASE, CALLS, SEATS, timezone="Europe/Berlin", start="2025-12-31T23:00:00Z")
    sandbox.plan({**BASE, "amount": "90.00"}, code="enterprise")
    sandbox.subscribe(quantities={"seats": "3"}, start_at="2025-12-31T23:00:00Z")
    sandbox.clock("2026-01-10T23:00:00Z")
    change(sandbox, type="set_quantity", price="seats", quantity="5", invoice="now")
    sandbox.clock("2026-01-20T23:00:00Z")
    change(sandbox, type="pause", usage="waive")
    change(sandbox, type="resume", effective_at="2026-02-09T23:00:00Z")
    gone = change(
        sandbox, type="change_plan", plan="enterprise", effective_at="2026-03-01T00:00:00Z"
    )
    sandbox.call("DELETE", f"/subscriptions/sub/changes/{gone['id']}", status=200)
    return sandbox


def row_of(sandbox: Sandbox) -> Subscription:
    return Subscription.objects.select_related("project").get(
        project=sandbox.project, external_id="sub"
    )


def picture_of(sandbox: Sandbox) -> Picture:
    row = row_of(sandbox)
    timeline = timelines_of(row.project, [row.pk])[row.pk]
    (picture,) = pictures_of(row, timeline, clock.now(row.project))
    return picture


def page(client: Client, row: Any) -> str:
    name = f"admin:{row._meta.app_label}_{row._meta.model_name}_change"
    answer = client.get(reverse(name, args=[row.pk]))
    assert answer.status_code == 200
    return answer.content.decode()


def words(html: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub("<[^>]+>", " ", html)))


def rows_of(html: str, anchor: str) -> list[str]:
    section = html[html.index(f'id="{anchor}"') :].partition("</section>")[0]
    return [words(row).strip() for row in re.findall(r"<tr>.*?</tr>", section, re.DOTALL)][1:]


def test_the_timeline_says_what_when_in_which_state_and_what_billed_it(sandbox: Sandbox) -> None:
    html = page(looking(superuser()), row_of(sandbox))
    rows = rows_of(html, "timeline")
    billed = Invoice.objects.get(reason="change")
    assert [row.partition(" ")[0] for row in rows] == ["1", "2", "3", "6", "4", "5"]
    assert "Starts on plan pro v1 seats: 3" in rows[0]
    assert "seats: 3 → 5 in force 11 Jan 2026, 00:00" in rows[1]
    assert f"own invoice {billed.number}" in rows[1]
    assert "their letter" in rows[1]
    assert "Paused, usage waived in force 21 Jan 2026, 00:00" in rows[2]
    assert "Change 5 withdrawn" in rows[3]
    assert "Resumed scheduled 10 Feb 2026, 00:00" in rows[4]
    assert "Plan pro v1 → enterprise v1 withdrawn" in rows[5]
    assert reverse("admin:billing_invoice_change", args=[billed.pk]) in html


def test_the_picture_has_the_parts_and_amounts_that_the_timeline_comes_to(
    sandbox: Sandbox,
) -> None:
    picture = picture_of(sandbox)
    lanes = {lane.name: [one.title for one in lane.segments] for lane in picture.lanes}
    assert lanes["Subscription"] == [
        "pro v1, 1 Jan 2026 to 11 Jan 2026",
        "pro v1, 11 Jan 2026 to 21 Jan 2026",
        "pro v1, paused, usage waived, 21 Jan 2026 to 1 Feb 2026",
    ]
    # 30 USD and 3 or 5 seats of 10 USD, for 20, 10 and 10 of 31 days.
    assert lanes["base"] == ["20 of 31 days, 19.35, 1 Jan 2026 to 21 Jan 2026"]
    assert lanes["seats"] == [
        "3 seats, 10 of 31 days, 9.68, 1 Jan 2026 to 11 Jan 2026",
        "5 seats, 10 of 31 days, 16.13, 11 Jan 2026 to 21 Jan 2026",
    ]
    assert lanes["calls"] == ["rated by its price of pro v1, 1 Jan 2026 to 21 Jan 2026"]
    assert [mark.sign for mark in picture.marks] == ["2", "3"]
    assert picture.table.rows[-1][-1] == "45.16"
    assert (picture.ticks[0][2], picture.ticks[-1][2]) == ("1 Jan", "1 Feb")


def test_every_part_of_the_picture_lies_inside_of_it(sandbox: Sandbox) -> None:
    picture = picture_of(sandbox)
    edges = [
        (Decimal(one.x), Decimal(one.x) + Decimal(one.width))
        for lane in picture.lanes
        for one in lane.segments
    ]
    assert min(start for start, _ in edges) >= picture.left
    assert max(end for _, end in edges) <= picture.right + 1
    assert picture.now is not None
    assert picture.left <= Decimal(picture.now) <= picture.right


def test_the_picture_is_named_and_told_without_seeing_it(sandbox: Sandbox) -> None:
    html = page(looking(superuser()), row_of(sandbox))
    (svg,) = re.findall(r"<svg class=\"n-picture\".*?</svg>", html, re.DOTALL)
    assert 'role="img"' in svg
    assert '<title id="title-month-1">Period 1 Jan 2026 – 31 Jan 2026' in svg
    assert "5 seats, 10 of 31 days, 16.13" in unescape(svg.partition("</desc>")[0])
    assert "Its parts, as the timeline has them now" in html


@pytest.mark.parametrize(
    ("body", "status", "lane"),
    [
        ({"start_at": "2026-03-01T00:00:00Z"}, "pending", "1 Mar"),
        ({"trial_end": "2026-01-20T00:00:00Z", "trial_usage": "free"}, "trialing", "trial"),
        ({"end_at": "2026-01-03T00:00:00Z"}, "canceled", "ended"),
    ],
)
def test_what_waits_is_in_trial_or_has_ended_is_drawn_too(
    body: dict[str, str], status: str, lane: str
) -> None:
    sandbox = started(BASE, CALLS)
    sandbox.subscribe(**body)
    sandbox.clock("2026-01-05T00:00:00Z")
    client, row = looking(superuser()), row_of(sandbox)
    html = page(client, row)
    assert status in words(html)
    assert lane in html[html.index("n-picture") :].partition("</svg>")[0]
    listed = client.get(reverse("admin:billing_subscription_changelist")).content.decode()
    assert f">{status}<" in listed


def test_the_list_says_plan_status_and_what_is_scheduled(sandbox: Sandbox) -> None:
    client = looking(superuser())
    listed = words(client.get(reverse("admin:billing_subscription_changelist")).content.decode())
    assert "pro v1 paused" in listed
    assert "Resumed, 10 Feb 2026" in listed


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("pending", {"waits"}),
        ("running", {"sub", "short"}),
        ("ending", {"short"}),
        ("canceled", {"gone"}),
    ],
)
def test_the_list_is_filtered_by_when_they_run(
    sandbox: Sandbox, wanted: str, found: set[str]
) -> None:
    at = clock.now(row_of(sandbox).project)
    for name, more in (
        ("waits", {"start_at": "2026-05-01T00:00:00Z"}),
        ("short", {"end_at": "2026-05-01T00:00:00Z"}),
    ):
        sandbox.customer(name)
        sandbox.subscribe(name, customer=name, plan="enterprise", **more)
    sandbox.customer("gone")
    sandbox.subscribe("gone", customer="gone", plan="enterprise")
    sandbox.post("/subscriptions/gone/changes", {"type": "cancel", "at": "now"})
    assert clock.now(row_of(sandbox).project) == at
    page = looking(superuser()).get(
        reverse("admin:billing_subscription_changelist"), {"time": wanted}
    )
    assert {row.external_id for row in page.context["cl"].result_list} == found


def test_a_credit_stands_before_its_charge_and_leads_to_what_it_corrects(
    sandbox: Sandbox,
) -> None:
    sandbox.call("DELETE", "/subscriptions/sub/changes/chg_4", status=200)
    change(sandbox, type="resume")
    corrected = Invoice.objects.get(reason="change")
    for seats, on in (("6", "23"), ("4", "26")):
        sandbox.clock(f"2026-01-{on}T00:00:00Z")
        change(sandbox, type="set_quantity", price="seats", quantity=seats)
    sandbox.clock("2026-02-02T00:00:00Z")
    row = Invoice.objects.filter(reason="subscription").latest("pk")
    html = page(looking(superuser()), row)
    heads = re.findall(r'<tr class="n-group">.*?</tr>', html, re.DOTALL)
    assert [words(one).strip() for one in heads][-2:] == [
        "What changed on 23 Jan 2026",
        "What changed on 26 Jan 2026",
    ]
    said = words(html)
    group = said.partition("What changed on 23 Jan 2026")[2].partition("What changed on 26")[0]
    assert 0 <= group.find("seats, unused (9 of 31 days)") < group.find("seats (3 of 31 days)")
    assert f"Corrects {corrected.number}" in said
    assert reverse("admin:billing_invoice_change", args=[corrected.pk]) in html
    assert "Credit of what is unused" in said
