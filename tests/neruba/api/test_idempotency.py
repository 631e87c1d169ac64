"""`Idempotency-Key`: the first answer for every repeat, and no second effect."""

import json
from datetime import timedelta

import pytest
import time_machine
from django.http import HttpResponse
from rest_framework.test import APIClient

from neruba.models import Customer, IdempotencyRecord, Project
from neruba.tasks import forget_old_answers
from tests import factories
from tests.concurrency.rivals import at_once, needs_row_locks

BODY = {"external_id": "acme", "name": "Acme"}


@pytest.fixture
def project(db: None) -> Project:
    return factories.project()


@pytest.fixture
def client(project: Project) -> APIClient:
    return factories.client(project=project)


def post(
    client: APIClient, body: object = BODY, *, key: str = "k1", path: str = "customers"
) -> HttpResponse:
    path = f"/api/v1/{path}"
    answer: HttpResponse = client.post(path, body, format="json", HTTP_IDEMPOTENCY_KEY=key)
    return answer


def test_a_repeat_gets_the_first_answer(client: APIClient) -> None:
    first, again = post(client), post(client)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert Customer.objects.count() == 1


def test_a_repeat_is_answered_as_it_was_then(client: APIClient) -> None:
    first = post(client)
    client.patch("/api/v1/customers/acme", {"name": "Changed"}, format="json")
    assert post(client).content == first.content


def test_the_order_of_members_and_white_space_do_not_matter(client: APIClient) -> None:
    post(client)
    raw = '{ "name" : "Acme",\n "external_id":"acme" }'
    again = client.generic(
        "POST", "/api/v1/customers", raw, "application/json", HTTP_IDEMPOTENCY_KEY="k1"
    )
    assert again.headers["Idempotent-Replayed"] == "true"


@pytest.mark.parametrize("body", [{**BODY, "name": "Other"}, {**BODY, "email": ""}])
def test_the_key_with_another_body_is_refused(client: APIClient, body: object) -> None:
    post(client)
    refused = post(client, body)
    assert refused.status_code == 422
    assert json.loads(refused.content)["code"] == "idempotency_key_reused"
    assert Customer.objects.get().name == "Acme"


def test_the_key_at_another_address_is_refused(client: APIClient) -> None:
    post(client)
    assert post(client, path="customers?x=1").status_code == 422
    assert post(client, path="meters").status_code == 422


def test_two_projects_use_one_key_each_for_itself(client: APIClient) -> None:
    other = factories.client(project=factories.project())
    assert [post(client).status_code, post(other).status_code] == [201, 201]


@pytest.mark.parametrize(("body", "status"), [({}, 400), ({**BODY, "external_id": "taken"}, 409)])
def test_a_refused_request_frees_its_key(
    client: APIClient, project: Project, body: object, status: int
) -> None:
    factories.customer(project=project, external_id="taken")
    assert post(client, body).status_code == status
    assert IdempotencyRecord.objects.count() == 0
    assert post(client).status_code == 201


def test_a_refused_move_of_the_clock_frees_its_key(client: APIClient) -> None:
    """The clock takes many transactions, and its claim is committed before them."""
    for to, status in (("2020-01-01T00:00:00Z", 409), ("2026-02-01T00:00:00Z", 200)):
        assert post(client, {"to": to}, path="clock").status_code == status


def test_without_a_key_nothing_is_kept(client: APIClient) -> None:
    client.post("/api/v1/customers", BODY, format="json")
    assert IdempotencyRecord.objects.count() == 0


def test_an_answer_without_a_body_is_replayed_too(client: APIClient, project: Project) -> None:
    prefix = factories.api_key(project=project).key.prefix
    path = f"/api/v1/projects/{project.slug}/api-keys/{prefix}"
    first, again = (client.delete(path, HTTP_IDEMPOTENCY_KEY="k1") for _ in range(2))
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.content == first.content


@needs_row_locks
@pytest.mark.django_db(transaction=True)
def test_rivals_with_one_key_have_one_effect() -> None:
    project = factories.project()
    secret = factories.api_key(project=project).secret

    def send() -> HttpResponse:
        return post(factories.client(project=project, secret=secret))

    answers = at_once([send] * 6)

    assert all(isinstance(answer, HttpResponse) for answer in answers), answers
    answered = [answer for answer in answers if isinstance(answer, HttpResponse)]
    assert {answer.status_code for answer in answered} == {201}
    replayed = [answer for answer in answered if "Idempotent-Replayed" in answer.headers]
    assert len(replayed) == len(answers) - 1
    assert len({answer.content for answer in answered}) == 1
    assert Customer.objects.count() == 1


def test_an_answer_is_kept_for_30_days(client: APIClient) -> None:
    with time_machine.travel("2026-03-01T00:00:00Z", tick=False) as traveller:
        post(client)
        traveller.shift(timedelta(days=30) - timedelta(seconds=1))
        assert forget_old_answers() == 0
        assert post(client).headers["Idempotent-Replayed"] == "true"
        traveller.shift(timedelta(seconds=1))
        assert forget_old_answers() == 1
    assert not IdempotencyRecord.objects.exists()
