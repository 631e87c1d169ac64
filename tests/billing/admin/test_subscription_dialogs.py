"""Dialogs that change a subscription: shown first, done once, refused at the field."""

import re
from functools import partial
from html import unescape
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from billing.errors import OvertakenError
from billing.models import Invoice, Price, Subscription, SubscriptionChange
from billing.services.shown_changes import change_as_shown, show_change
from neruba import clock
from neruba.actor import SYSTEM
from neruba.edge import run_atomic
from neruba.models import AuditRecord
from tests import factories
from tests.billing.sandbox import BASE, CALLS, SEATS, Sandbox, started
from tests.support.console import looking

pytestmark = [pytest.mark.django_db, pytest.mark.once]

SEAT_ACTS = ("set_quantity", "pause", "resume", "cancel", "withdraw")
CONFIRM = re.compile(r'name="confirmed" value="([^"]+)"')
AS_OF = re.compile(r'name="as_of" value="([^"]+)"')
MINIMAL: dict[str, dict[str, str]] = {
    "change_plan": {"plan": "basic", "proration": "prorate"},
    "set_quantity": {"price": "seats", "quantity": "5", "proration": "prorate"},
    "add_price": {"proration": "prorate"},
    "remove_price": {"price": "seats", "proration": "prorate"},
    "pause": {"usage": "waive"},
    "resume": {},
    "cancel": {"at": "period_end"},
    "end_trial": {},
    "set_timezone": {"timezone": "Europe/Berlin"},
}


@pytest.fixture
def sandbox() -> Sandbox:
    """A subscription with three seats, billed ahead for January, on 11 January."""
    sandbox = started(BASE, CALLS, SEATS)
    sandbox.plan({**BASE, "amount": "10.00"}, code="basic")
    sandbox.plan({**BASE, "code": "support", "name": "Support"}, code="extra")
    sandbox.subscribe(quantities={"seats": "3"})
    sandbox.clock("2026-01-11T00:00:00Z")
    return sandbox


def agent(sandbox: Sandbox, role: str = "finance") -> Client:
    email = f"{role}@op.example"
    return looking(factories.operator(project=sandbox.project, role=role, email=email))


def row_of(sandbox: Sandbox) -> Subscription:
    return Subscription.objects.get(project=sandbox.project, external_id="sub")


def address(act: str, row: Subscription) -> str:
    return reverse(f"admin:billing_subscription_{act}", args=[row.pk])


def submit(client: Client, act: str, row: Subscription, **given: str) -> HttpResponse:
    body = {"_form_submitted": "1", "reason": "they asked", **given}
    if act != "withdraw":
        body = {"invoice": "next", **body}
    answer: Any = client.post(address(act, row), body)
    return answer


def words(answer: HttpResponse) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub("<[^>]+>", " ", answer.content.decode())))


def shown(answer: HttpResponse) -> dict[str, str]:
    """What the button of a preview sends."""
    html = answer.content.decode()
    found, as_of = CONFIRM.search(html), AS_OF.search(html)
    assert found is not None, words(answer)
    return {"confirmed": found[1], **({"as_of": as_of[1]} if as_of else {})}


def confirmed(client: Client, act: str, row: Subscription, **given: str) -> HttpResponse:
    """Preview, then confirm what was shown."""
    first = submit(client, act, row, **given)
    return submit(client, act, row, **given, **shown(first))


def stored() -> tuple[Any, ...]:
    models = (Subscription, SubscriptionChange, Invoice, AuditRecord)
    return tuple(list(model._default_manager.order_by("pk").values()) for model in models)


def latest() -> SubscriptionChange:
    return SubscriptionChange.objects.latest("pk")


def given_for(act: str) -> dict[str, str]:
    given = dict(MINIMAL[act])
    if act == "add_price":
        given["price"] = str(Price.objects.get(code="support").pk)
    return given


@pytest.mark.parametrize(
    ("act", "says"),
    [
        ("change_plan", ["Plan pro v1 → basic v1", "Fees follow it in proportion."]),
        ("set_quantity", ["seats: 3 → 5", "Without the change it would come to 60.00 USD"]),
        ("add_price", ["Price added: Support (support)"]),
        ("remove_price", ["Price taken out: seats"]),
        ("pause", ["Paused, usage waived"]),
        ("cancel", ["Cancels with the period", "scheduled, it can be withdrawn"]),
        ("set_timezone", ["Time zone UTC → Europe/Berlin"]),
    ],
)
def test_a_change_is_shown_and_then_done_once(sandbox: Sandbox, act: str, says: list[str]) -> None:
    client, row, given = agent(sandbox), row_of(sandbox), given_for(act)
    before = stored()
    first = submit(client, act, row, **given)
    said = words(first)
    assert [one for one in says if one not in said] == []
    assert stored() == before

    done = submit(client, act, row, **given, **shown(first))

    assert done.headers["HX-Redirect"] == reverse(
        "admin:billing_subscription_change", args=[row.pk]
    )
    assert SubscriptionChange.objects.count() == len(before[1]) + 1
    change = latest()
    assert (change.type, change.actor, change.reason) == (act, "finance@op.example", "they asked")
    page = words(client.get(done.headers["HX-Redirect"]))  # type: ignore[arg-type]
    assert says[0] in page
    assert "finance@op.example" in page


def test_the_preview_has_the_lines_and_the_total_that_the_api_previews(sandbox: Sandbox) -> None:
    asked = {"type": "set_quantity", "price": "seats", "quantity": "5", "invoice": "now"}
    (expected,) = sandbox.post("/subscriptions/sub/changes/preview", asked, 200)["data"]
    client, row = agent(sandbox), row_of(sandbox)
    given = {**given_for("set_quantity"), "invoice": "now"}

    said = words(submit(client, "set_quantity", row, **given))

    assert len(expected["lines"]) > 1
    missing = [
        text
        for line in expected["lines"]
        for text in (line["description"], line["amount"])
        if text not in said
    ]
    assert not missing
    assert f"comes to {expected['total']} USD" in said
    confirmed(client, "set_quantity", row, **given)
    billed = Invoice.objects.get(reason="change")
    assert sandbox.get(f"/invoices/{billed.public_id}")["total"] == expected["total"]


def test_what_came_in_between_is_shown_instead_of_done(sandbox: Sandbox) -> None:
    client, row, given = agent(sandbox), row_of(sandbox), given_for("pause")
    first = shown(submit(client, "pause", row, **given))
    sandbox.event("2026-01-05T00:00:00Z")
    before = stored()

    second = submit(client, "pause", row, **given, **first)

    assert "HX-Redirect" not in second.headers
    assert stored() == before
    assert shown(second)["confirmed"] != first["confirmed"]
    assert "HX-Redirect" in submit(client, "pause", row, **given, **shown(second)).headers
    assert latest().type == "pause"


def test_another_change_in_between_is_shown_instead_of_done(sandbox: Sandbox) -> None:
    client, row, given = agent(sandbox), row_of(sandbox), given_for("set_quantity")
    first = shown(submit(client, "set_quantity", row, **given))
    sandbox.post(
        "/subscriptions/sub/changes", {"type": "set_quantity", "price": "seats", "quantity": "4"}
    )
    second = submit(client, "set_quantity", row, **given, **first)
    assert "HX-Redirect" not in second.headers
    assert "seats: 4 → 5" in words(second)
    assert latest().actor != "finance@op.example"


def test_a_running_clock_does_not_undo_what_was_shown(sandbox: Sandbox) -> None:
    client, row, given = agent(sandbox), row_of(sandbox), given_for("set_quantity")
    first = shown(submit(client, "set_quantity", row, **given))
    sandbox.now_at("2026-01-11T00:04:00Z")
    done = submit(client, "set_quantity", row, **given, **first)
    assert "HX-Redirect" in done.headers
    assert latest().effective_at.isoformat() == "2026-01-11T00:00:00+00:00"


def test_what_was_shown_long_ago_is_shown_anew(sandbox: Sandbox) -> None:
    client, row, given = agent(sandbox), row_of(sandbox), given_for("set_quantity")
    first = shown(submit(client, "set_quantity", row, **given))
    sandbox.now_at("2026-01-11T00:16:00Z")
    before = stored()
    again = submit(client, "set_quantity", row, **given, **first)
    assert shown(again)["as_of"] == "2026-01-11T00:16:00.000000Z"
    assert stored() == before


@pytest.mark.parametrize(
    ("act", "given", "says"),
    [
        ("set_quantity", {"quantity": "0.5x"}, "seats"),
        ("set_quantity", {"quantity": ""}, "How many?"),
        ("set_quantity", {"reason": ""}, "This field is required"),
        ("remove_price", {"price": "other"}, "is not one of the available choices"),
        ("resume", {}, "is not paused then"),
        ("end_trial", {}, "is in no trial then"),
        ("set_timezone", {"timezone": "Berlin"}, "is not a time zone"),
        ("cancel", {"at": "time"}, "At which time?"),
        ("cancel", {"at": "now", "effective_at": "2026-01-20T00:00"}, "to give a time"),
        ("cancel", {"at": "time", "effective_at": "2025-12-31T00:00"}, "cannot end before that"),
        ("pause", {"effective_at": "2025-12-31T00:00"}, "The subscription starts at"),
        ("change_plan", {"plan": "gold"}, "is not one of the available choices"),
    ],
)
def test_what_makes_no_sense_is_refused_in_the_dialog(
    sandbox: Sandbox, act: str, given: dict[str, str], says: str
) -> None:
    client, row, before = agent(sandbox), row_of(sandbox), stored()
    answer = submit(client, act, row, **{**given_for(act), **given})
    assert says in words(answer)
    assert CONFIRM.search(answer.content.decode()) is None
    assert stored() == before


def test_the_seats_of_a_new_plan_are_asked_for_at_their_field(sandbox: Sandbox) -> None:
    sandbox.plan(BASE, {**SEATS, "code": "desks"}, code="office")
    client, row = agent(sandbox), row_of(sandbox)
    given = {"plan": "office", "proration": "prorate"}
    asked = submit(client, "change_plan", row, **given)
    assert 'name="seats_desks"' in asked.content.decode()
    assert CONFIRM.search(asked.content.decode()) is None
    confirmed(client, "change_plan", row, **given, seats_desks="2")
    assert '"desks":"2"' in latest().content


def test_a_date_is_read_on_the_subscriptions_clock() -> None:
    sandbox = started(BASE, SEATS, timezone="America/New_York")
    sandbox.subscribe(quantities={"seats": "3"})
    sandbox.clock("2026-01-11T00:00:00Z")
    client, row = agent(sandbox), row_of(sandbox)
    given = {**given_for("set_quantity"), "effective_at": "2026-01-20T09:30"}
    assert "20 Jan 2026, 09:30 America/New_York" in words(
        submit(client, "set_quantity", row, **given)
    )
    confirmed(client, "set_quantity", row, **given)
    assert latest().effective_at.isoformat() == "2026-01-20T14:30:00+00:00"


def test_a_scheduled_change_is_withdrawn_after_it_was_shown(sandbox: Sandbox) -> None:
    client, row = agent(sandbox, "support"), row_of(sandbox)
    confirmed(client, "cancel", row, at="period_end")
    number = str(latest().number)
    before = stored()
    first = submit(client, "withdraw", row, change=number)
    assert "Cancels with the period" in words(first)
    assert "The next invoice (1 Jan 2026 – 31 Jan 2026) comes to 60.00 USD then" in words(first)
    assert stored() == before
    done = submit(client, "withdraw", row, change=number, **shown(first))
    assert "HX-Redirect" in done.headers
    row.refresh_from_db()
    assert row.end_at is None
    assert latest().type == "withdraw"
    page = words(client.get(done.headers["HX-Redirect"]))  # type: ignore[arg-type]
    assert "withdrawn" in page


def test_support_serves_but_does_not_agree_anew_nor_reach_back(sandbox: Sandbox) -> None:
    client, row, before = agent(sandbox, "support"), row_of(sandbox), stored()
    for act in MINIMAL.keys() - set(SEAT_ACTS):
        assert submit(client, act, row, **given_for(act)).status_code == 403, act
    back = {**given_for("set_quantity"), "effective_at": "2026-01-05T00:00"}
    assert "changes nothing in the past" in words(submit(client, "set_quantity", row, **back))
    assert stored() == before
    forged = {"as_of": "2026-01-05T00:00:00Z", "confirmed": "x"}
    again = submit(client, "set_quantity", row, **given_for("set_quantity"), **forged)
    assert shown(again)["as_of"] == "2026-01-11T00:00:00.000000Z"
    assert stored() == before
    assert "HX-Redirect" in confirmed(client, "pause", row, **given_for("pause")).headers
    assert "HX-Redirect" in confirmed(client, "resume", row).headers


@pytest.mark.parametrize("role", ["developer", "auditor"])
def test_others_look_and_change_nothing(sandbox: Sandbox, role: str) -> None:
    client, row, before = agent(sandbox, role), row_of(sandbox), stored()
    for act in MINIMAL:
        assert submit(client, act, row, **given_for(act)).status_code == 403, act
    assert submit(client, "withdraw", row, change="1").status_code == 403
    assert stored() == before
    page = client.get(reverse("admin:billing_subscription_change", args=[row.pk]))
    assert "Set seats" not in page.content.decode()


def test_a_subscription_of_another_project_is_not_found(sandbox: Sandbox) -> None:
    other = started(BASE)
    client, row, before = agent(other), row_of(sandbox), stored()
    for act in MINIMAL:
        assert submit(client, act, row, **given_for(act)).status_code == 404, act
    assert stored() == before


def test_finance_lets_a_change_reach_back(sandbox: Sandbox) -> None:
    client, row = agent(sandbox), row_of(sandbox)
    given = {**given_for("set_quantity"), "effective_at": "2026-01-05T00:00"}
    assert "it reaches back" in words(submit(client, "set_quantity", row, **given))
    confirmed(client, "set_quantity", row, **given)
    assert latest().effective_at.isoformat() == "2026-01-05T00:00:00+00:00"


def test_only_what_the_state_allows_is_offered(sandbox: Sandbox) -> None:
    client, row = agent(sandbox), row_of(sandbox)
    page = reverse("admin:billing_subscription_change", args=[row.pk])
    html = client.get(page).content.decode()
    assert address("pause", row) in html
    assert address("resume", row) not in html
    assert address("withdraw", row) not in html
    confirmed(client, "pause", row, **given_for("pause"))
    html = client.get(page).content.decode()
    assert address("pause", row) not in html
    assert address("resume", row) in html


def test_the_service_does_nothing_but_what_was_shown(sandbox: Sandbox) -> None:
    row, at = row_of(sandbox), clock.now(sandbox.project)
    asked: dict[str, Any] = {"price": "seats", "quantity": "5"}
    common: dict[str, Any] = {"subscription": row, "type": "set_quantity", "actor": SYSTEM}
    hashes = show_change(**common, given=asked, at=at).hashes
    other = show_change(**common, given={**asked, "quantity": "6"}, at=at).hashes
    assert hashes != other
    before = stored()
    with pytest.raises(OvertakenError):
        run_atomic(partial(change_as_shown, **common, given=asked, shown=other, reason="x", at=at))
    assert stored() == before
    run_atomic(partial(change_as_shown, **common, given=asked, shown=hashes, reason="x", at=at))
    assert latest().reason == "x"


def test_the_invoice_of_a_scheduled_change_does_not_hide_the_next_one(sandbox: Sandbox) -> None:
    scheduled = {"type": "set_quantity", "price": "seats", "quantity": "5", "invoice": "now"}
    at = {"effective_at": "2026-01-21T00:00:00Z"}
    sandbox.post("/subscriptions/sub/changes", {**scheduled, **at})
    said = words(submit(agent(sandbox), "pause", row_of(sandbox), **given_for("pause")))
    assert "The invoice of a scheduled change" in said
    assert "The next invoice (1 Jan 2026 – 31 Jan 2026) comes to" in said
    assert said.count("Without the change it would come to") == 2
