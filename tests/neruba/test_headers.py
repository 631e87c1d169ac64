"""What every answer says to a browser, and what it says of a fault: nothing of the inside."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path, reverse
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from neruba.api.views import ProjectView
from neruba.models import User
from neruba.urls import *  # noqa: F403 - its handlers
from neruba.urls import urlpatterns as served
from tests import factories
from tests.api.outcome import assert_problem
from tests.support.console import looking, superuser

pytestmark = [pytest.mark.django_db, pytest.mark.once]

SECRET_OF_INSIDE = "a-value-of-a-variable"


def broken(_request: HttpRequest) -> HttpResponse:
    raise RuntimeError(SECRET_OF_INSIDE)


class BrokenApi(ProjectView):
    scopes = {"GET": "billing:read"}

    def get(self, _request: Request) -> Response:
        raise RuntimeError(SECRET_OF_INSIDE)


urlpatterns = [
    path("broken", broken),
    path("admin/broken", broken),
    path("api/v1/broken", BrokenApi.as_view()),
    path("api/v1/broken-outside", broken),
    *served,
]
faults = pytest.mark.urls(__name__)


def policy(answer: Any) -> dict[str, set[str]]:
    parts = [part.split() for part in answer["Content-Security-Policy"].split(";") if part.strip()]
    return {name: set(values) for name, *values in parts}


@pytest.fixture
def quiet() -> Any:
    return Client(raise_request_exception=False)


# Headers


def test_the_api_lets_a_browser_load_nothing() -> None:
    answer = factories.client(project=factories.project()).get("/api/v1/customers")
    assert policy(answer) == {
        name: {"'none'"} for name in ("default-src", "base-uri", "form-action", "frame-ancestors")
    }


def test_the_console_runs_no_script_of_a_page_and_nothing_of_elsewhere() -> None:
    client = looking(superuser())
    for page in (reverse("admin:index"), reverse("admin:login")):
        said = policy(client.get(page))
        assert said["default-src"] == {"'none'"}
        assert said["script-src"] == {"'self'", "'unsafe-eval'"}
        assert said["frame-ancestors"] == said["base-uri"] == {"'none'"}
        assert said["form-action"] == {"'self'"}
        assert not {source for each in said.values() for source in each if ":" in source} - {
            "data:"
        }


@pytest.mark.parametrize("address", ["/admin/", "/admin/login/", "/api/v1/customers", "/nothing"])
def test_no_answer_is_kept_framed_sniffed_or_told_of(quiet: Any, address: str) -> None:
    answer = quiet.get(address)
    assert "no-store" in answer["Cache-Control"]
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=()" in answer["Permissions-Policy"]


# Faults


@faults
@pytest.mark.parametrize("address", ["/api/v1/broken", "/api/v1/broken-outside"])
def test_a_fault_of_the_api_is_a_problem_with_its_incident(address: str) -> None:
    client = factories.client(project=factories.project())
    problem = assert_problem(client.get(address), 500, "internal")
    assert re.fullmatch(r"[0-9a-f]{32}", problem["incident"])
    assert SECRET_OF_INSIDE not in str(problem)


@faults
@pytest.mark.parametrize("address", ["/broken", "/admin/broken"])
def test_a_fault_of_a_page_is_a_page_with_its_incident(
    quiet: Any, address: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = quiet.get(address)
    page = answer.content.decode()
    found = re.search(r"<code>([0-9a-f]{32})</code>", page)
    assert answer.status_code == 500
    assert found is not None
    assert f"incident {found[1]}" in caplog.text
    for inside in (SECRET_OF_INSIDE, "Traceback", "RuntimeError", __file__):
        assert inside not in page
    assert policy(answer)["style-src"] == {"'self'"}


def test_errors_of_pages_are_pages(quiet: Any) -> None:
    operator = looking(User.objects.create_user("new@example.com", is_staff=True))
    strict = Client(enforce_csrf_checks=True)
    answers: dict[str, tuple[Callable[[], Any], int]] = {
        "There is nothing here": (lambda: quiet.get("/nothing"), 404),
        "Not allowed": (lambda: operator.get(reverse("admin:neruba_project_changelist")), 403),
        "Load its page again": (lambda: strict.post("/admin/login/", {"username": "x"}), 403),
        "cannot be read": (lambda: quiet.get("/admin/login/", HTTP_HOST="evil.example"), 400),
    }
    for words, (ask, status) in answers.items():
        answer = ask()
        assert answer.status_code == status, words
        assert words in answer.content.decode()
        assert "neruba/error.css" in answer.content.decode()


def test_errors_of_the_api_are_problems_before_a_view_is_found(quiet: Any) -> None:
    assert_problem(quiet.get("/api/v1/nothing"), 404)
    assert_problem(quiet.get("/api/v1/customers", HTTP_HOST="evil.example"), 400)


def test_more_query_parameters_than_are_read_are_a_problem() -> None:
    client = factories.client(project=factories.project())
    assert_problem(client.get("/api/v1/customers?" + "&".join(["limit=1"] * 2000)), 400)


def test_a_body_in_chunks_is_refused_and_not_taken_for_an_empty_one() -> None:
    client = factories.client(project=factories.project())
    answer = client.post("/api/v1/billing-runs", {}, HTTP_TRANSFER_ENCODING="chunked")
    assert_problem(answer, 411, "length_required")


# The pages of the API's contract


@pytest.mark.parametrize("page", ["schema", "docs"])
def test_the_contract_is_for_staff_unless_a_setting_says_otherwise(page: str) -> None:
    assert django_settings.API_DOCS == "staff"
    place = reverse(page)
    customer = User.objects.create_user("customer@example.com")
    assert Client().get(place).status_code == 403
    assert looking(customer).get(place).status_code == 403
    assert looking(superuser()).get(place).status_code == 200


def test_views_without_a_limit_of_their_own_have_one() -> None:
    assert [one.__name__ for one in APIView.throttle_classes] == ["CallerThrottle"]
