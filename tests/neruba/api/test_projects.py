"""Projects and a sandbox's clock over HTTP."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from neruba.models import AuditRecord, Project, User
from tests import factories
from tests.neruba.api.people import acting, caller, said, token_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return factories.project(slug="demo", timezone="Europe/Berlin")


@pytest.fixture
def client(project: Project) -> APIClient:
    return factories.client(project=project)


def test_a_project_is_shown_with_all_its_settings(client: APIClient) -> None:
    assert client.get("/api/v1/projects/demo").json() == {
        "slug": "demo",
        "name": "Demo",
        "currency": "USD",
        "timezone": "Europe/Berlin",
        "mode": "sandbox",
        "clock": "2026-01-01T00:00:00.000000Z",
        "settings": {
            "proration_basis": "day",
            "termination_day": "exclusive",
            "rounding": "half_up",
            "finalization_grace": "PT1H",
            "late_event_policy": "next_invoice",
            "payment_terms_days": 30,
            "usage_by_subscription": False,
            "promotional_credit": "after_tax",
            "bad_debt_tax_relief": False,
            "future_event_tolerance": "PT5M",
        },
    }


def test_some_settings_are_changed_and_the_others_stay(client: APIClient, project: Project) -> None:
    for settings in ({"payment_terms_days": 14}, {"rounding": "half_even"}):
        body = {"settings": settings}
        shown = client.patch("/api/v1/projects/demo", body, format="json").json()["settings"]
    assert (shown["payment_terms_days"], shown["rounding"]) == (14, "half_even")
    project.refresh_from_db()
    assert project.settings == {"payment_terms_days": 14, "rounding": "half_even"}
    assert AuditRecord.objects.filter(action="project.changed").count() == 2
    assert project.history.count() == 3


def test_a_default_is_not_stored(client: APIClient, project: Project) -> None:
    client.patch("/api/v1/projects/demo", {"settings": {"rounding": "half_up"}}, format="json")
    project.refresh_from_db()
    assert project.settings == {}


@pytest.mark.parametrize(
    ("settings", "pointer"),
    [
        ({"payment_terms_days": 366}, "/settings/payment_terms_days"),
        ({"payment_terms_days": "30"}, "/settings/payment_terms_days"),
        ({"payment_terms_days": True}, "/settings/payment_terms_days"),
        ({"finalization_grace": "1h"}, "/settings/finalization_grace"),
        ({"finalization_grace": 3600}, "/settings/finalization_grace"),
        ({"rounding": "up"}, "/settings/rounding"),
        ({"rounding": ["half_up"]}, "/settings/rounding"),
        ({"nothing": 1}, "/settings/nothing"),
        ({"rounding": "half_even", "proration_basis": "week"}, "/settings/proration_basis"),
    ],
)
def test_a_wrong_setting_is_refused_and_none_is_stored(
    client: APIClient, project: Project, settings: dict[str, object], pointer: str
) -> None:
    response = client.patch("/api/v1/projects/demo", {"settings": settings}, format="json")
    assert response.status_code == 400
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]
    project.refresh_from_db()
    assert project.settings == {}


def test_another_projects_name_is_not_found(client: APIClient) -> None:
    factories.project(slug="other")
    assert client.get("/api/v1/projects/other").status_code == 404
    assert client.patch("/api/v1/projects/other", {}, format="json").status_code == 404


def test_the_clock_moves_forward(client: APIClient) -> None:
    assert client.get("/api/v1/clock").json() == {
        "now": "2026-01-01T00:00:00.000000Z",
        "mode": "sandbox",
    }
    moved = client.post("/api/v1/clock", {"to": "2026-03-01T01:00:00+01:00"}, format="json")
    assert moved.status_code == 200
    assert moved.json()["now"] == "2026-03-01T00:00:00.000000Z"
    assert client.get("/api/v1/clock").json() == moved.json()


def test_the_clock_stays_where_it_is_asked_to(client: APIClient) -> None:
    response = client.post("/api/v1/clock", {"to": "2026-01-01T00:00:00Z"}, format="json")
    assert response.status_code == 200


def test_the_clock_never_moves_back(client: APIClient, project: Project) -> None:
    response = client.post("/api/v1/clock", {"to": "2025-12-31T23:59:59.999999Z"}, format="json")
    assert response.status_code == 409
    project.refresh_from_db()
    assert project.clock_at == factories.START


def test_a_live_project_runs_on_the_real_clock() -> None:
    client = factories.client(project=factories.project(mode="live"))
    shown = client.get("/api/v1/clock").json()
    now = datetime.fromisoformat(shown["now"])
    assert shown["mode"] == "live"
    assert abs(now - datetime.now(UTC)) < timedelta(minutes=1)
    assert client.post("/api/v1/clock", {"to": shown["now"]}, format="json").status_code == 409


def test_a_move_of_the_clock_is_no_change_of_configuration(
    client: APIClient, project: Project
) -> None:
    client.post("/api/v1/clock", {"to": "2026-02-01T00:00:00Z"}, format="json")
    assert project.history.count() == 1


# Made by operators

NEW: dict[str, object] = {
    "slug": "new",
    "name": "New",
    "currency": "USD",
    "timezone": "Europe/Berlin",
    "mode": "sandbox",
    "clock": "2026-01-01T00:00:00Z",
    "settings": {"payment_terms_days": 14, "rounding": "half_up"},
}


@pytest.fixture
def root() -> APIClient:
    return caller(token_of(User.objects.create_superuser("root@op.example")))


def make(client: APIClient, **changes: object) -> Any:
    return client.post("/api/v1/projects", {**NEW, **changes}, format="json")


def test_a_superuser_makes_a_project_and_owns_it(root: APIClient) -> None:
    answer = make(root)
    assert answer.status_code == 201
    made = answer.json()
    assert (made["slug"], made["role"], made["clock"]) == (
        "new",
        "owner",
        "2026-01-01T00:00:00.000000Z",
    )
    assert root.get("/api/v1/projects").json()["data"] == [made]
    assert root.get("/api/v1/projects/new").json() == {k: v for k, v in made.items() if k != "role"}
    rows = AuditRecord.objects.filter(project__slug="new").order_by("pk")
    assert [(row.action, row.actor) for row in rows] == [
        ("project.created", "root@op.example"),
        ("member.added", "root@op.example"),
    ]


def test_little_is_needed(root: APIClient) -> None:
    answer = root.post("/api/v1/projects", {"slug": "new", "currency": "EUR"}, format="json")
    made = answer.json()
    assert (made["name"], made["mode"], made["timezone"]) == ("new", "live", "UTC")


def test_the_same_again_changes_nothing(root: APIClient) -> None:
    first = make(root)
    root.post(
        "/api/v1/clock", {"to": "2026-02-01T00:00:00Z"}, format="json", HTTP_NERUBA_PROJECT="new"
    )
    again = make(root)
    assert again.status_code == 200
    assert again.json() == {**first.json(), "clock": "2026-02-01T00:00:00.000000Z"}
    assert make(root, clock=None).status_code == 200
    assert Project.objects.count() == 1


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Other"},
        {"currency": "EUR"},
        {"timezone": "UTC"},
        {"mode": "live", "clock": None},
        {"clock": "2026-01-02T00:00:00Z"},
        {"settings": {}},
    ],
)
def test_other_content_under_the_same_slug_is_refused(
    root: APIClient, change: dict[str, object]
) -> None:
    make(root)
    assert make(root, **change).status_code == 409


def test_who_is_no_member_learns_only_that_the_slug_is_taken(root: APIClient) -> None:
    make(root)
    stranger = caller(token_of(User.objects.create_superuser("other@op.example")))
    same, different = make(stranger), make(stranger, name="Other", currency="EUR")
    assert same.status_code == different.status_code == 409
    assert said(same) == said(different)


def test_only_superusers_make_projects(project: Project, client: APIClient) -> None:
    refused = make(acting("owner", project))
    assert (refused.status_code, refused.json()["code"]) == (403, "superusers_only")
    by_key = make(client)
    assert (by_key.status_code, by_key.json()["code"]) == (403, "operators_only")
    assert client.get("/api/v1/projects").status_code == 403
    assert Project.objects.count() == 1


@pytest.mark.parametrize(
    "change",
    [
        {"slug": "a b"},
        {"slug": ""},
        {"currency": "XXX"},
        {"timezone": "Mars"},
        {"mode": "other"},
        {"mode": "live"},  # with a clock of its own
        {"settings": {"nothing": 1}},
        {"surprise": 1},
    ],
)
def test_a_wrong_project_is_refused(root: APIClient, change: dict[str, object]) -> None:
    assert make(root, **change).status_code == 400
    assert Project.objects.count() == 0


def test_a_project_is_changed_by_its_admins(project: Project) -> None:
    body = {"name": "Renamed"}
    assert (
        acting("admin", project).patch("/api/v1/projects/demo", body, format="json").json()["name"]
        == "Renamed"
    )
    answer = acting("finance", project).patch("/api/v1/projects/demo", body, format="json")
    assert answer.status_code == 403
