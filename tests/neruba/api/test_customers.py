"""Customers over HTTP."""

from typing import Any
from urllib.parse import quote

import pytest
from rest_framework.test import APIClient

from neruba.models import AuditRecord, Customer, Project, Subject
from tests import factories

pytestmark = pytest.mark.django_db

ACME: dict[str, Any] = {
    "external_id": "acme",
    "name": "Acme Ltd",
    "email": "books@acme.example",
    "currency": "EUR",
    "timezone": "Europe/Berlin",
    "billing_address": {"city": "Berlin", "country": "DE"},
    "tax_ids": ["DE123456789"],
    "metadata": {"tier": "gold"},
}


@pytest.fixture
def project() -> Project:
    return factories.project()


@pytest.fixture
def client(project: Project) -> APIClient:
    return factories.client(project=project, scopes=["billing:read", "billing:write"])


def post(client: APIClient, body: dict[str, Any], status: int) -> dict[str, Any]:
    response = client.post("/api/v1/customers", body, format="json")
    assert response.status_code == status, response.content
    answer: dict[str, Any] = response.json()
    return answer


def test_a_customer_is_made_and_read(client: APIClient) -> None:
    made = post(client, ACME, 201)
    stored: dict[str, object] = {
        "created_at": "2026-01-01T00:00:00.000000Z",
        "erased_at": None,
        "tax_rates": [],
        "tax_exempt": "none",
    }
    assert made == {**ACME, **stored}
    assert client.get("/api/v1/customers/acme").json() == made
    assert client.get("/api/v1/customers").json() == {"data": [made], "next_cursor": None}


def test_a_name_is_all_that_is_needed(client: APIClient) -> None:
    made = post(client, {"external_id": "a", "name": "A"}, 201)
    assert (made["currency"], made["timezone"], made["metadata"]) == ("", "", {})


def test_the_same_content_again_answers_what_stands(client: APIClient) -> None:
    first = post(client, ACME, 201)
    assert post(client, ACME, 200) == first
    assert Customer.objects.count() == 1


@pytest.mark.parametrize("name", sorted(ACME.keys() - {"external_id"}))
def test_other_content_is_a_conflict(client: APIClient, name: str) -> None:
    first = post(client, ACME, 201)
    other = {"name": "B", "email": "b@b.example", "currency": "USD", "timezone": "UTC"}
    changed = {**ACME, name: other.get(name, {} if isinstance(ACME[name], dict) else [])}
    assert post(client, changed, 409)["code"] == "conflict"
    assert client.get("/api/v1/customers/acme").json() == first


@pytest.mark.parametrize("names", [("a1", "A1"), ("A1", "Á1"), ("e", "é"), ("x y", "x  y")])
def test_names_are_compared_byte_for_byte(client: APIClient, names: tuple[str, str]) -> None:
    for name in names:
        post(client, {"external_id": name, "name": name}, 201)
    assert {row["name"] for row in client.get("/api/v1/customers").json()["data"]} == {*names}


@pytest.mark.parametrize("name", ["mail:a@b.example", "a.b-c_d~e", "ünï", "100%", "a?b#c", "💸"])
def test_any_name_leads_to_its_customer(client: APIClient, name: str) -> None:
    post(client, {"external_id": name, "name": "N"}, 201)
    assert client.get(f"/api/v1/customers/{quote(name, safe='')}").json()["external_id"] == name


def test_a_change_leaves_the_rest_and_an_audit_record(client: APIClient) -> None:
    made = post(client, ACME, 201)

    changed = client.patch("/api/v1/customers/acme", {"name": "Acme GmbH"}, format="json").json()

    assert changed == {**made, "name": "Acme GmbH"}
    row = AuditRecord.objects.get(action="customer.changed")
    assert (row.object_id, row.actor_kind, row.details) == (
        "acme",
        "api_key",
        '{"fields":["name"]}',
    )
    assert list(Customer.history.values_list("name", flat=True)) == ["Acme GmbH", "Acme Ltd"]


def test_a_change_of_nothing_leaves_no_trace(client: APIClient) -> None:
    post(client, ACME, 201)
    client.patch("/api/v1/customers/acme", {"name": "Acme Ltd"}, format="json")
    assert not AuditRecord.objects.filter(action="customer.changed").exists()
    assert Customer.history.count() == 1


def test_the_external_id_cannot_be_changed(client: APIClient) -> None:
    post(client, ACME, 201)
    response = client.patch("/api/v1/customers/acme", {"external_id": "b"}, format="json")
    assert response.status_code == 400
    assert response.json()["errors"][0]["pointer"] == "/external_id"


def test_a_subject_that_came_first_becomes_the_customers(
    client: APIClient, project: Project
) -> None:
    subject = Subject.objects.create(project=project, external_id="acme")
    post(client, ACME, 201)
    subject.refresh_from_db()
    assert subject.customer == Customer.objects.get()


def test_two_projects_have_a_customer_each_of_one_name(client: APIClient) -> None:
    other = factories.client(project=factories.project())
    post(client, ACME, 201)
    post(other, {**ACME, "name": "Another"}, 201)
    assert client.get("/api/v1/customers/acme").json()["name"] == "Acme Ltd"
    assert other.get("/api/v1/customers/acme").json()["name"] == "Another"


def test_lists_are_oldest_first_and_stable_under_inserts(client: APIClient) -> None:
    def make(*numbers: int) -> None:
        for number in numbers:
            post(client, {"external_id": f"c{number}", "name": "N"}, 201)

    make(*range(5))
    first = client.get("/api/v1/customers?limit=3").json()
    make(5)
    second = client.get(f"/api/v1/customers?limit=3&cursor={first['next_cursor']}").json()

    names = [row["external_id"] for page in (first, second) for row in page["data"]]
    assert names == ["c0", "c1", "c2", "c3", "c4", "c5"]
    assert second["next_cursor"] is None
    again = client.get(f"/api/v1/customers?limit=3&cursor={first['next_cursor']}").json()
    assert again == second


@pytest.mark.parametrize(
    ("limit", "length"), [("1", 1), ("2", 2), ("3", 3), ("1000", 3), ("", 0), ("1001", 0)]
)
def test_the_limit_is_kept(client: APIClient, limit: str, length: int) -> None:
    for number in range(3):
        post(client, {"external_id": f"c{number}", "name": "N"}, 201)
    response = client.get(f"/api/v1/customers?limit={limit}")
    assert response.status_code == (200 if length else 400)
    if length:
        body = response.json()
        assert len(body["data"]) == length
        assert (body["next_cursor"] is None) == (length == 3)
