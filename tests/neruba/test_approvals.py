"""A second person decides on what is above the limit of the first: by service, API and console."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from neruba.actor import SYSTEM, Actor
from neruba.approvals import ApprovalKind, register_kind, unregister_kind
from neruba.errors import ConflictError, RefusedError
from neruba.identity import Identity
from neruba.models import Approval, AuditRecord, Membership, Project, User
from neruba.money import Money
from neruba.roles import ROLES, Role
from neruba.services.approvals import approve, exceeds_limit, limit_of, refuse, withdraw
from neruba.services.audit import record
from neruba.services.erasure import erase_from_platform
from tests import factories, traces
from tests.factories import START

pytestmark = pytest.mark.django_db

GIVE = "test.give"


def give(project: Project, payload: Any, actor: Actor, at: datetime) -> str:
    record(project=project, actor=actor, action="test.given", on=("customer", "acme"), at=at)
    if payload["customer"] != "acme":
        raise ConflictError("The customer is gone.")
    return "grt_1"


@pytest.fixture(autouse=True)
def kind() -> Iterator[None]:
    register_kind(
        ApprovalKind(
            operation=GIVE,
            title="Give",
            permission="neruba.change_customer",
            perform=give,
            summary=lambda _project, payload: [("Customer", str(payload["customer"]))],
        )
    )
    yield
    unregister_kind(GIVE)


@pytest.fixture
def project() -> Project:
    return factories.project(slug="one")


def person(project: Project, role: str) -> User:
    return factories.operator(project=project, role=role, email=f"{role}@op.example")


def actor_of(user: User) -> Actor:
    return Actor("operator", user.email)


def given() -> list[str]:
    rows = AuditRecord.objects.filter(action="test.given")
    return list(rows.order_by("id").values_list("actor", flat=True))


def asked(project: Project, amount: str = "500.00") -> Approval:
    support = User.objects.filter(email="support@op.example").first() or person(project, "support")
    return factories.approval(project=project, actor=actor_of(support), amount=amount)


def test_each_role_has_its_limit_and_keys_have_none(project: Project) -> None:
    limits = {
        role: limit_of(project=project, actor=actor_of(person(project, role.value)))
        for role in Role
    }
    assert limits == {role: ROLES[role].limit for role in Role}
    assert (limits[Role.SUPPORT], limits[Role.FINANCE]) == (Decimal(100), Decimal(5000))
    assert limit_of(project=project, actor=Actor("api_key", "a key")) is None
    support = Actor("operator", "support@op.example")
    for amount, above in (("100.00", False), ("100.01", True)):
        money = Money.parse(amount, "USD")
        assert exceeds_limit(project=project, actor=support, amount=money) is above
    assert exceeds_limit(project=project, actor=support, amount=Money(101, "JPY"))
    with pytest.raises(RefusedError):
        limit_of(project=project, actor=Actor("operator", "stranger@op.example"))


def test_what_is_approved_is_done_by_who_asked_with_both_names(project: Project) -> None:
    approval = asked(project)
    assert given() == []
    finance = actor_of(person(project, "finance"))
    done = approve(approval=approval, reason="checked", actor=finance, at=START)
    assert (done.state, done.result, done.decided_by) == ("approved", "grt_1", "finance@op.example")
    assert given() == ["support@op.example"]
    row = AuditRecord.objects.get(action="approval.approved")
    assert (row.actor, row.reason) == ("finance@op.example", "checked")
    assert '"asked_by":"support@op.example"' in row.details
    with pytest.raises(ConflictError, match=r"approved already, by finance@op\.example: checked"):
        approve(approval=approval, reason="again", actor=finance, at=START)
    assert given() == ["support@op.example"]


def test_nobody_approves_their_own(project: Project) -> None:
    owner = person(project, "owner")
    approval = factories.approval(project=project, actor=actor_of(owner))
    for decide in (approve, refuse):
        with pytest.raises(RefusedError, match="own request"):
            decide(approval=approval, reason="me", actor=actor_of(owner), at=START)
    withdraw(approval=approval, reason="changed my mind", actor=actor_of(owner), at=START)
    assert (given(), Approval.objects.get().state) == ([], "withdrawn")


@pytest.mark.parametrize(
    ("role", "amount", "words"),
    [
        ("finance", "5000.01", "above the limit of the role finance"),
        ("developer", "1.00", "may not decide"),
        ("auditor", "1.00", "may not decide"),
    ],
)
def test_an_approval_needs_right_and_limit(
    project: Project, role: str, amount: str, words: str
) -> None:
    approval = asked(project, amount)
    with pytest.raises(RefusedError, match=words):
        approve(approval=approval, reason="x", actor=actor_of(person(project, role)), at=START)
    assert (given(), Approval.objects.get().state) == ([], "requested")


@pytest.mark.parametrize("actor", [SYSTEM, Actor("api_key", "a key")])
def test_a_key_decides_nothing(project: Project, actor: Actor) -> None:
    approval = asked(project)
    for decide in (approve, refuse, withdraw):
        with pytest.raises(RefusedError):
            decide(approval=approval, reason="x", actor=actor, at=START)
    assert Approval.objects.get().state == "requested"


def test_another_projects_finance_decides_nothing(project: Project) -> None:
    approval = asked(project)
    stranger = factories.operator(project=factories.project(), role="owner", email="f@op.example")
    with pytest.raises(RefusedError, match="no member"):
        approve(approval=approval, reason="x", actor=actor_of(stranger), at=START)
    client = APIClient(headers={"Authorization": f"Bearer {factories.token_of(stranger).secret}"})
    client.credentials(HTTP_NERUBA_PROJECT=Membership.objects.get(user=stranger).project.slug)
    for act in ("", "/approve", "/refuse", "/withdraw"):
        path = f"/api/v1/approvals/{approval.public_id}{act}"
        answer = client.post(path, {"reason": "x"}, "json") if act else client.get(path)
        assert answer.status_code == 404
    assert Approval.objects.get().state == "requested"


def test_one_who_may_not_do_it_any_more_gets_nothing_approved(project: Project) -> None:
    approval = asked(project)
    finance = actor_of(person(project, "finance"))
    member = Membership.objects.get(user__email="support@op.example")
    member.role = "auditor"
    member.save()
    with pytest.raises(ConflictError, match="may not do this any more"):
        approve(approval=approval, reason="x", actor=finance, at=START)
    member.delete()
    with pytest.raises(ConflictError, match="may not do this any more"):
        approve(approval=approval, reason="x", actor=finance, at=START)
    assert given() == []
    refuse(approval=approval, reason="left", actor=finance, at=START)
    assert Approval.objects.get().state == "refused"


def test_a_request_lapses_after_fourteen_days(project: Project) -> None:
    approval = asked(project)
    finance = actor_of(person(project, "finance"))
    late = START + timedelta(days=14, microseconds=1)
    with pytest.raises(ConflictError, match="14 days"):
        approve(approval=approval, reason="x", actor=finance, at=late)
    assert given() == []
    approve(approval=approval, reason="x", actor=finance, at=START + timedelta(days=14))
    assert given() == ["support@op.example"]


def test_what_cannot_be_done_any_more_changes_nothing_and_goes_on_waiting(
    project: Project,
) -> None:
    approval = asked(project)
    Approval.objects.update(payload='{"customer":"gone"}')
    with pytest.raises(ConflictError, match="gone"):
        approve(approval=approval, reason="x", actor=actor_of(person(project, "finance")), at=START)
    assert (given(), Approval.objects.get().state) == ([], "requested")
    assert not AuditRecord.objects.filter(action="approval.approved").exists()


def caller(user: User) -> APIClient:
    client = APIClient()
    secret = factories.token_of(user).secret
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}", HTTP_NERUBA_PROJECT="one")
    return client


def test_the_api_lists_and_decides(project: Project) -> None:
    approval = asked(project)
    finance = caller(person(project, "finance"))
    (row,) = finance.get("/api/v1/approvals?state=requested").json()["data"]
    assert (row["id"], row["amount"], row["asked_by"], row["asked_for"]) == (
        approval.public_id,
        "500.00",
        "support@op.example",
        {"customer": "acme"},
    )
    path = f"/api/v1/approvals/{approval.public_id}"
    refused = caller(User.objects.get(email="support@op.example")).post(
        f"{path}/approve", {"reason": "me"}, "json"
    )
    assert (refused.status_code, given()) == (403, [])
    key = factories.client(project=project)
    assert key.post(f"{path}/approve", {"reason": "x"}, "json").status_code == 403
    assert finance.post(f"{path}/approve", {}, "json").status_code == 400
    done = finance.post(f"{path}/approve", {"reason": "checked"}, "json")
    assert (done.status_code, done.json()["result"], given()) == (
        200,
        "grt_1",
        ["support@op.example"],
    )
    assert finance.post(f"{path}/refuse", {"reason": "x"}, "json").status_code == 409


@pytest.mark.once
def test_the_console_shows_what_waits_and_asks_the_second_person(
    client: Client, project: Project
) -> None:
    approval = asked(project)
    row = reverse("admin:neruba_approval_change", args=[approval.pk])
    client.force_login(User.objects.get(email="support@op.example"))
    assert "somebody else decides" in client.get(row).content.decode()
    form = {"_form_submitted": "1", "reason": "please"}
    client.post(reverse("admin:neruba_approval_approve", args=[approval.pk]), form)
    assert given() == []

    client.force_login(person(project, "finance"))
    listed = client.get(reverse("admin:neruba_approval_changelist")).content.decode()
    assert "500.00 USD" in listed
    page = client.get(row).content.decode()
    assert "they waited long" in page
    shown = client.post(
        reverse("admin:neruba_approval_approve", args=[approval.pk]), {**form, "reason": ""}
    )
    assert (shown.status_code, given()) == (200, [])
    client.post(reverse("admin:neruba_approval_approve", args=[approval.pk]), form)
    assert given() == ["support@op.example"]
    assert "finance@op.example" in client.get(row).content.decode()


@pytest.mark.once
def test_the_navigation_counts_what_waits_for_the_one_who_looks(
    client: Client, project: Project
) -> None:
    asked(project)
    factories.approval(project=factories.project(), actor=Actor("operator", "other@op.example"))
    from neruba.admin.approvals import badge

    found = {}
    for role in ("support", "finance", "auditor"):
        user = User.objects.filter(email=f"{role}@op.example").first() or person(project, role)
        client.force_login(user)
        found[role] = badge(client.get(reverse("admin:index")).wsgi_request)
    assert found == {"support": 0, "finance": 1, "auditor": 0}


@pytest.mark.once
def test_nothing_stands_beside_the_entry_where_nothing_waits(
    client: Client, project: Project
) -> None:
    client.force_login(person(project, "finance"))
    assert beside(client.get(reverse("admin:index"))) == "Approvals"
    approval = asked(project)
    assert beside(client.get(reverse("admin:index"))) == "Approvals 1"
    asked(project, "5000.01")  # above the limit of finance
    assert beside(client.get(reverse("admin:index"))) == "Approvals 1"
    Approval.objects.filter(pk=approval.pk).update(asked_at=START - timedelta(days=15))
    assert beside(client.get(reverse("admin:index"))) == "Approvals"


def beside(page: Any) -> str:
    """The words of the navigation's entry."""
    entry = re.search(r"how_to_reg(.*?)</a>", page.content.decode(), re.DOTALL)
    assert entry is not None
    return " ".join(re.sub("<[^>]*>", " ", entry[1]).split())


@pytest.mark.once
def test_the_page_offers_what_can_be_done_and_no_more(client: Client, project: Project) -> None:
    approval = asked(project)
    finance = person(project, "finance")
    people = {"support": User.objects.get(email="support@op.example"), "finance": finance}

    def offered() -> dict[str, set[str]]:
        found = {}
        for name, user in people.items():
            client.force_login(user)
            page = client.get(reverse("admin:neruba_approval_change", args=[approval.pk]))
            acts = {"approve", "refuse", "withdraw"}
            text = page.content.decode()
            found[name] = {
                act
                for act in acts
                if reverse(f"admin:neruba_approval_{act}", args=[approval.pk]) in text
            }
        return found

    assert offered() == {"support": {"withdraw"}, "finance": {"approve", "refuse"}}
    dialog = client.get(reverse("admin:neruba_approval_approve", args=[approval.pk]))
    assert all(word in dialog.content.decode() for word in ("acme", "500.00 USD", "support@op"))
    Approval.objects.filter(pk=approval.pk).update(asked_at=START - timedelta(days=15))
    assert offered() == {"support": {"withdraw"}, "finance": {"refuse"}}
    refuse(approval=approval, reason="late", actor=actor_of(finance), at=START)
    assert offered() == {"support": set(), "finance": set()}


def test_what_lapsed_is_said_and_found_as_such(project: Project) -> None:
    old, new = asked(project), asked(project)
    Approval.objects.filter(pk=old.pk).update(asked_at=START - timedelta(days=14, microseconds=1))
    Approval.objects.filter(pk=new.pk).update(asked_at=START - timedelta(days=14))
    finance = caller(person(project, "finance"))
    found = {
        state: [
            (row["id"], row["state"])
            for row in finance.get(f"/api/v1/approvals?state={state}").json()["data"]
        ]
        for state in ("requested", "lapsed", "approved")
    }
    assert found == {
        "requested": [(new.public_id, "requested")],
        "lapsed": [(old.public_id, "lapsed")],
        "approved": [],
    }


def test_only_a_person_asks(project: Project) -> None:
    with pytest.raises(RefusedError, match="Only a person"):
        factories.approval(project=project, actor=Actor("api_key", "a key"))
    assert not Approval.objects.exists()


def test_of_an_erased_customer_no_word_is_left_in_requests(project: Project) -> None:
    customer = factories.customer(project=project, external_id="acme", name="Änne Müller")
    approval = asked(project)
    long = f"{'x' * 980} Änne Müller"
    Approval.objects.filter(pk=approval.pk).update(
        payload='{"customer":"acme","reason":"for Änne Müller"}', reason=long
    )
    refuse(
        approval=approval,
        reason="Änne Müller called",
        actor=actor_of(person(project, "finance")),
        at=START,
    )
    erase_from_platform(customer, Identity(["Änne Müller"]), at=START)
    approval.refresh_from_db()
    assert "Müller" not in traces.everything_stored()
    assert approval.payload == '{"customer":"acme","reason":"for [erased]"}'
    assert approval.decision_reason == "[erased] called"
