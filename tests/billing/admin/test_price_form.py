"""The price form: a version is written with its result beside it, and refused at its fields."""

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from billing.models import Plan, PlanVersion
from neruba.models import AuditRecord, Project
from neruba.roles import Role
from tests import factories
from tests.billing.admin.price_form import Form
from tests.billing.sandbox import BASE, CALLS, Sandbox, started
from tests.isolation.walk import fingerprint
from tests.support.console import looking

pytestmark = [pytest.mark.django_db, pytest.mark.once]

TIERS = "/prices/1/tiers"
WRITERS = {Role.OWNER, Role.ADMIN, Role.FINANCE}


def opened(*prices: dict[str, Any], role: Role = Role.FINANCE) -> tuple[Sandbox, Form]:
    """A plan of a fee and graduated calls, and its form as an operator of the role sees it."""
    sandbox = started(*prices)
    client = looking(factories.operator(project=sandbox.project, role=role))
    return sandbox, Form(client, Plan.objects.get(project=sandbox.project))


def versions(project: Project) -> list[int]:
    rows = PlanVersion.objects.filter(project=project).order_by("version")
    return list(rows.values_list("version", flat=True))


def latest(sandbox: Sandbox) -> Any:
    return sandbox.get("/plans/pro")


@pytest.mark.parametrize("role", Role)
def test_only_who_sets_prices_sees_the_form(role: Role) -> None:
    sandbox, form = opened(role=role)
    status = 200 if role in WRITERS else 403
    assert form.answer.status_code == status
    before = fingerprint(sandbox.project)
    new = {"view": "json", "definition": "{}", "reason": "x", "based_on": "1"}
    for act in ("show", "what-if", "save"):
        sent = form.client.post(form.address, {**new, "act": act})
        assert sent.status_code in ({200, 400} if role in WRITERS else {403}), act
    page = form.client.get(reverse("admin:billing_plan_change", args=[Plan.objects.get().pk]))
    assert ("next-version" in page.content.decode()) == (role in WRITERS)
    assert fingerprint(sandbox.project) == before


def test_a_form_of_another_site_is_refused() -> None:
    sandbox, form = opened()
    careful = Client(enforce_csrf_checks=True)
    careful.force_login(factories.operator(project=sandbox.project, role=Role.OWNER))
    assert careful.post(form.address, {**form.values, "act": "save"}).status_code == 403
    assert versions(sandbox.project) == [1]


def test_another_projects_plan_is_not_there() -> None:
    sandbox, form = opened()
    stranger = looking(factories.operator(project=factories.project(), role=Role.OWNER))
    assert stranger.get(form.address).status_code == 404
    assert stranger.post(form.address, {**form.values, "act": "save"}).status_code == 404
    assert stranger.get("/admin/billing/plan/nothing/next-version/").status_code == 404
    assert versions(sandbox.project) == [1]


def test_the_result_stands_beside_the_price_with_its_steps() -> None:
    _, form = opened()
    form.fill({"quantities": "7 10+2.5"}, "show", "shown")
    text = form.text
    # Nothing, one, the bound and one past it, ten times the last, and the own ones.
    for quantity in ("0", "1", "2", "3", "20", "7", "10 + 2.5"):
        assert f'<td class="n-number">{quantity}</td>' in text
    assert "the next 5, above 2, at 0.5 each = 2.5" in text
    assert '<td class="n-number">7.25</td>' in text  # 2 × 1 + 10.5 × 0.5
    assert "<polyline" in text
    assert "<title" in text
    assert "3 cost 2.5 USD" in text
    assert "<html" not in text


def test_the_chart_changes_with_the_price() -> None:
    _, form = opened()
    before = form.text
    form.fill({f"{TIERS}/1/unit_amount": "25"}, "show", "shown")
    line = form.text.split('points="')[1].split('"')[0]
    assert line not in before
    assert "452.00" in form.text  # 2 × 1 + 18 × 25
    assert form.faults == {}


def test_a_fee_has_one_amount_and_no_chart() -> None:
    _, form = opened()
    form.fill({}, "edit:0")
    assert "<polyline" not in form.text
    assert "a fixed 30" in form.text
    assert "/prices/0/amount" in form.values
    # The other price travels whole in the form, as it was.
    assert json.loads(form.values["/prices/1"])["tiers"][0]["up_to"] == "2"


WRONG: list[tuple[dict[str, str], str, str]] = [
    ({f"{TIERS}/0/up_to": ""}, f"{TIERS}/0/up_to", "only the last tier is open"),
    ({f"{TIERS}/1/up_to": "9"}, f"{TIERS}/1/up_to", "the last tier is open"),
    ({f"{TIERS}/0/up_to": "0"}, f"{TIERS}/0/up_to", "up_to is above 0"),
    ({f"{TIERS}/0/unit_amount": "-1"}, f"{TIERS}/0/unit_amount", "zero or more"),
    ({f"{TIERS}/0/unit_amount": ""}, f"{TIERS}/0/unit_amount", "is missing"),
    ({f"{TIERS}/0/unit_amount": "1,5"}, f"{TIERS}/0/unit_amount", "plain notation"),
    ({"/prices/1/meter": ""}, "/prices/1/meter", "meter is missing"),
    ({"/prices/1/meter": "nobody"}, "/prices/1/meter", "There is no meter"),
    ({"/prices/1/code": "base"}, "/prices/1/code", "two prices"),
    ({"/prices/1/code": ""}, "/prices/1/code", "code is missing"),
    ({"/prices/1/billing": "in_advance"}, "/prices/1/billing", "billed in_arrears"),
    ({"/prices/1/kind": "recurring"}, "/prices/1/meter", "only a usage price has a meter"),
    ({"/currency": "XXX"}, "/currency", "currency"),
    ({"/interval_count": "0"}, "/interval_count", "1"),
    ({"/interval_count": "two"}, "/interval_count", "integer"),
    ({"/minimum_commitment": "1.234"}, "/minimum_commitment", "USD has 2 decimals"),
    ({"quantities": "many"}, "/quantities", "not a decimal number"),
]


def test_what_is_wrong_stands_at_its_field(subtests: pytest.Subtests) -> None:
    sandbox, form = opened()
    good = dict(form.values)
    for changes, place, words in WRONG:
        with subtests.test(place, changes=changes):
            form.values = dict(good)
            form.fill(changes, "show", "shown")
            assert list(form.faults) == [place]
            assert words.lower() in form.faults[place].lower()
            if "quantities" not in changes:
                form.fill({"reason": "try"}, "save")
                assert (form.answer.status_code, list(form.faults)) == (400, [place])
    assert versions(sandbox.project) == [1]


def test_what_is_wrong_with_a_price_that_is_not_open_stands_at_its_row() -> None:
    sandbox, form = opened()
    carried = json.dumps({**BASE, "amount": "-1"})
    form.fill({"/prices/0": carried, "reason": "try"}, "save")
    assert form.faults == {"/prices/0": "amount: Amount is zero or more, not -1."}
    assert versions(sandbox.project) == [1]


def test_a_version_is_made_with_a_reason_that_stands_in_the_audit() -> None:
    sandbox, form = opened()
    changes = {f"{TIERS}/0/up_to": "100", "/name": "Pro 2027", "reason": "prices of 2027"}
    made = form.fill(changes, "save")
    assert made.status_code == 302
    assert made["Location"] == reverse("admin:billing_plan_change", args=[Plan.objects.get().pk])
    found = latest(sandbox)
    assert (found["version"], found["name"]) == (2, "Pro 2027")
    assert found["prices"][1]["tiers"][0]["up_to"] == "100"
    rows = AuditRecord.objects.filter(project=sandbox.project, action="plan.version_created")
    row = rows.get(reason__gt="")
    assert row.reason == "prices of 2027"
    assert row.actor_kind == "operator"
    assert "Version 2 was made." in form.client.get(made["Location"]).content.decode()


def test_entitlements_are_carried_over_and_the_json_changes_them() -> None:
    sandbox, form = opened()
    granted = [
        {"feature": "sso", "type": "boolean"},
        {"feature": "calls", "type": "limit", "limit": "1000"},
    ]
    sandbox.plan(BASE, CALLS, entitlements=granted)
    form = Form(form.client, Plan.objects.get(project=sandbox.project))
    assert "<li>calls: up to 1000, by meter calls</li>" in form.text
    form.fill({"/name": "Pro 2027", "reason": "another name"}, "save")
    found = latest(sandbox)
    assert (found["version"], found["name"]) == (3, "Pro 2027")
    assert [one["limit"] for one in found["entitlements"]] == [None, "1000"]
    form = Form(form.client, Plan.objects.get(project=sandbox.project))
    form.fill({}, "view:json")
    definition = json.loads(form.values["definition"])
    definition["entitlements"][1]["meter"] = "nobody"
    form.fill({"definition": json.dumps(definition), "reason": "a limit"}, "save")
    assert "There is no meter &#x27;nobody&#x27;." in form.text
    form.fill({}, "view:form")
    assert list(form.faults) == ["/entitlements"]
    form.fill({}, "view:json")
    definition["entitlements"][1] |= {"meter": "calls", "limit": "2000"}
    form.fill({"definition": json.dumps(definition), "reason": "a limit"}, "save")
    assert latest(sandbox)["entitlements"][1]["limit"] == "2000"
    assert versions(sandbox.project) == [1, 2, 3, 4]


def test_without_a_reason_nothing_is_made() -> None:
    sandbox, form = opened()
    before = fingerprint(sandbox.project)
    form.fill({f"{TIERS}/0/up_to": "100", "reason": "  "}, "save")
    assert (form.answer.status_code, list(form.faults)) == (400, ["/reason"])
    assert form.values[f"{TIERS}/0/up_to"] == "100"
    assert fingerprint(sandbox.project) == before


def test_a_version_that_was_made_meanwhile_is_not_passed_over() -> None:
    sandbox, form = opened()
    sandbox.plan({**BASE, "amount": "31"}, CALLS)
    form.fill({f"{TIERS}/0/up_to": "100", "reason": "mine"}, "save")
    assert form.answer.status_code == 400
    assert "has version 2 by now" in form.text
    assert versions(sandbox.project) == [1, 2]


def test_what_stands_already_makes_no_version() -> None:
    sandbox, form = opened()
    made = form.fill({"reason": "nothing new"}, "save")
    assert (
        "It says what version 1 says already." in form.client.get(made["Location"]).content.decode()
    )
    assert versions(sandbox.project) == [1]


def test_tiers_are_added_above_the_open_one_and_taken_out() -> None:
    _, form = opened()
    form.fill({}, f"add:{TIERS}")
    assert form.values[f"{TIERS}/1/up_to"] == ""
    assert form.values[f"{TIERS}/2/unit_amount"] == "0.5"
    assert list(form.faults) == [f"{TIERS}/1/unit_amount"]
    assert f'data-focus="{TIERS}/1"' in form.text
    form.fill({f"{TIERS}/1/up_to": "10", f"{TIERS}/1/unit_amount": "0.75"})
    assert form.faults == {}
    form.fill({}, f"remove:{TIERS}/0")
    assert [form.values[f"{TIERS}/{index}/up_to"] for index in (0, 1)] == ["10", ""]
    assert f"{TIERS}/2/up_to" not in form.values


def test_prices_are_added_and_taken_out() -> None:
    sandbox, form = opened()
    form.fill({}, "add:/prices")
    assert form.values["at"] == "2"
    form.fill({
        "/prices/2/code": "eu", "/prices/2/meter": "calls", "/prices/2/unit_amount": "0.1",
        "/prices/2/free_units": "5",
    })  # fmt: skip
    assert form.faults == {}
    form.fill({"reason": "two ways"}, "remove:/prices/0")
    assert (form.values["at"], form.values["/prices/1/code"]) == ("1", "eu")
    form.fill({"reason": "two ways"}, "save")
    assert [price["code"] for price in latest(sandbox)["prices"]] == ["calls", "eu"]


def test_another_model_has_other_fields() -> None:
    _, form = opened()
    form.fill({"/prices/1/model": "per_unit"})
    assert f"{TIERS}/0/up_to" not in form.values
    assert list(form.faults) == ["/prices/1/unit_amount"]
    form.fill({"/prices/1/unit_amount": "2", "/prices/1/model": "graduated"})
    assert form.values[f"{TIERS}/0/up_to"] == ""
    assert "/prices/1/unit_amount" not in form.values
    assert list(form.faults) == [f"{TIERS}/0/unit_amount"]


def test_the_text_and_the_fields_are_never_there_together() -> None:
    sandbox, form = opened()
    form.fill({f"{TIERS}/0/up_to": "5"}, "view:json")
    assert not [name for name in form.values if name.startswith("/")]
    definition = json.loads(form.values["definition"])
    assert definition["prices"][1]["tiers"][0]["up_to"] == "5"
    definition["prices"][1]["tiers"][0]["up_to"] = "6"
    definition["prices"][1]["wrong"] = True
    form.fill({"definition": json.dumps(definition)}, "show", "shown")
    assert form.faults == {"": "prices/1/wrong: 'wrong' is not a field here."}
    form.fill({"definition": json.dumps(definition)}, "view:form")
    # Nothing is lost unseen: what no field is known for has one of its own.
    assert form.values["/prices/1/wrong"] == "true"
    assert list(form.faults) == ["/prices/1/wrong"]
    form.fill({"/prices/1/wrong": "", "reason": "six"}, "save")
    assert latest(sandbox)["prices"][1]["tiers"][0]["up_to"] == "6"


def test_a_text_that_is_no_definition_is_said_to_be_none(subtests: pytest.Subtests) -> None:
    sandbox, form = opened()
    texts = ["{", "[]", '"x"', "nul", '{"prices": 5}', '{"prices": [1]}', "[" * 100_000, ""]
    form.fill({}, "view:json")
    for text in texts:
        with subtests.test(text[:20]):
            form.fill({"definition": text, "reason": "x"}, "save")
            assert (form.answer.status_code, bool(form.faults)) == (400, True)
            form.fill({"definition": text}, "view:form")
            assert form.answer.status_code == 200
            assert "definition" in form.values
    assert versions(sandbox.project) == [1]


ODD: list[dict[str, str]] = [
    {"/a": "1", "/a/b": "2", "/a/b/c/d/e/f/g/h": "3"},
    {"/prices": "5"},
    {"/prices/x/code": "5", "/prices/0/tiers/0": "5"},
    {"at": "99999999999", "/prices/0": "[", "/prices/1": "[1]"},
    {"/prices/0/transform": "5", "act": "remove:/prices/9/tiers/9"},
    {"act": "add:/prices/0/nothing"},
    {"act": "add:/prices/7/tiers"},
    {"act": "remove:/../../x", "based_on": "²"},
    {"act": "save", "based_on": "9" * 5000, "reason": "x"},
]


def test_what_no_form_of_ours_sends_is_no_fault_of_ours(subtests: pytest.Subtests) -> None:
    sandbox, form = opened()
    before = fingerprint(sandbox.project)
    for sent in ODD:
        with subtests.test(str(sent)[:60]):
            for base in ({}, form.values):
                answer = form.client.post(form.address, {**base, "act": "show", **sent})
                assert answer.status_code in {200, 400}
    assert fingerprint(sandbox.project) == before


def test_a_new_plan_is_written_from_nothing() -> None:
    sandbox, _ = opened()
    client = looking(factories.operator(project=sandbox.project, role=Role.OWNER))
    listed = client.get(reverse("admin:billing_plan_changelist")).content.decode()
    assert reverse("admin:billing_plan_write") in listed
    form = Form(client)
    form.fill({"code": "lite", "/name": "Lite"}, "add:/prices")
    form.fill({
        "/prices/0/code": "calls", "/prices/0/meter": "calls", "/prices/0/unit_amount": "0.5",
    })  # fmt: skip
    assert form.faults == {}
    form.fill({"code": "pro", "reason": "a start"}, "save")
    assert list(form.faults) == ["/code"]
    form.fill({"code": "lite", "reason": "a start"}, "save")
    made = sandbox.get("/plans/lite")
    assert (made["version"], made["name"], made["currency"]) == (1, "Lite", "USD")


def test_what_it_would_have_been_stands_beside_the_form() -> None:
    sandbox, form = opened()
    sandbox.subscribe("sub", anchor="calendar")
    sandbox.clock("2026-01-10T00:00:00Z")
    for day in range(1, 8):
        sandbox.event(f"2026-01-0{day}T10:00:00Z")
    sandbox.clock("2026-02-01T02:00:00Z")
    before = fingerprint(sandbox.project)
    span = {"since": "2026-01-01", "until": "2026-02-02", f"{TIERS}/1/unit_amount": "0.1"}
    form.fill(span, "what-if", "what-if")
    # 30 + 2 × 1 + 5 × 0.5 = 34.50 was; with 5 × 0.1 it is 32.50.
    for words in ("34.50 USD", "32.50 USD", "−2.00 USD", "−5.8 %", "Would have paid less", "acme"):
        assert words in form.text
    assert "Would have paid more" not in form.text
    assert "<rect" in form.text
    form.fill({"until": "2025-01-01"}, "what-if", "what-if")
    assert "It ends before it begins." in form.text
    form.fill({**span, f"{TIERS}/0/up_to": "-3"}, "what-if", "what-if")
    assert "The draft has a fault" in form.text
    assert list(form.faults) == [f"{TIERS}/0/up_to"]
    assert fingerprint(sandbox.project) == before


def test_the_form_keeps_the_trial_of_a_plan_and_changes_it() -> None:
    sandbox, form = opened()
    sandbox.plan(BASE, CALLS, trial_days=14)
    form = Form(form.client, Plan.objects.get(project=sandbox.project))
    assert form.values["/trial_days"] == "14"
    form.fill({"/name": "Pro+", "reason": "a name"}, "save")
    kept = latest(sandbox)
    assert (kept["version"], kept["name"], kept["trial_days"]) == (3, "Pro+", 14)
    form = Form(form.client, Plan.objects.get(project=sandbox.project))
    form.fill({"/trial_days": "30", "reason": "longer"}, "save")
    assert latest(sandbox)["trial_days"] == 30
    (change,) = sandbox.get("/plans/pro/diff?from=3&to=4")["changes"]
    assert (change["field"], change["old"], change["new"]) == ("/trial_days", 14, 30)
    page = form.client.get(
        reverse("admin:billing_plan_change", args=[Plan.objects.get(project=sandbox.project).pk])
    )
    assert "30 days of trial" in page.content.decode()
