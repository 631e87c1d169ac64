"""Failed logins lock an e-mail address out from one network address for a while, and no other."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from axes.models import AccessAttempt, AccessFailureLog
from django.contrib.auth import authenticate
from django.contrib.sessions.models import Session
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path, reverse
from django.views.decorators.csrf import csrf_exempt
from pytest_django import Settings

from neruba import clock
from neruba.models import AuditRecord, User
from neruba.tasks import forget_old_logins
from neruba.urls import urlpatterns as served
from tests.support.console import PASSWORD, looking, newcomer, superuser

pytestmark = pytest.mark.django_db

OPERATOR = "anna@example.com"
HERE, ELSEWHERE = "192.0.2.1", "192.0.2.2"
LIMIT = 5


@csrf_exempt
def token(request: HttpRequest) -> HttpResponse:
    """A login of a program, as an endpoint of the API does it."""
    user = authenticate(
        request, username=request.headers["X-User"], password=request.headers["X-Password"]
    )
    return HttpResponse(status=401 if user is None else 200)


urlpatterns = [path("api/v1/test-token", token), *served]


@pytest.fixture(autouse=True)
def anna(settings: Settings) -> User:
    # A hash that is meant to be slow would be most of the time of these tests.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    return User.objects.create_user(OPERATOR, PASSWORD, is_staff=True)


def log_in(password: str, name: str = OPERATOR, address: str = HERE, agent: str = "browser") -> Any:
    given = {"username": name, "password": password}
    place = reverse("admin:login") + "?next=/admin/"
    client = Client(REMOTE_ADDR=address, HTTP_USER_AGENT=agent)
    return client.post(place, given)


def lock_out(name: str = OPERATOR) -> Any:
    answers = [log_in("wrong", name) for _ in range(LIMIT)]
    assert [answer.status_code for answer in answers] == [200] * (LIMIT - 1) + [429]
    return answers[-1]


def test_after_five_failures_the_right_password_is_refused_and_says_for_how_long() -> None:
    with time_machine.travel(clock.wall(), tick=False) as now:
        page = lock_out()
        assert "Try again in 15 minutes." in page.content.decode()
        assert page["Retry-After"] == "900"
        now.shift(timedelta(minutes=10, seconds=30))
        refused = log_in(PASSWORD)
        assert refused.status_code == 429
        assert "Try again in 5 minutes." in refused.content.decode()
        assert "sessionid" not in refused.cookies
        # The lock is not prolonged by what is tried meanwhile.
        now.shift(timedelta(minutes=4, seconds=31))
        assert log_in(PASSWORD).status_code == 302


def test_another_spelling_or_browser_has_no_attempts_of_its_own() -> None:
    names = [OPERATOR, "Anna@example.com", " anna@EXAMPLE.com ", OPERATOR, "ANNA@example.com"]
    answers = [log_in("wrong", name, agent=f"no {n}") for n, name in enumerate(names)]
    assert answers[-1].status_code == 429
    assert log_in(PASSWORD).status_code == 429


def test_others_and_other_places_are_not_locked() -> None:
    User.objects.create_user("ben@example.com", PASSWORD, is_staff=True)
    lock_out()
    assert log_in(PASSWORD, "ben@example.com").status_code == 302
    assert log_in(PASSWORD, address=ELSEWHERE).status_code == 302


def test_a_success_forgets_the_failures_before_it() -> None:
    for _ in range(2):
        for _ in range(LIMIT - 1):
            log_in("wrong")
        assert log_in(PASSWORD).status_code == 302


def test_nobody_learns_whether_an_address_is_known() -> None:
    known, unknown = lock_out(), lock_out("nobody@example.com")
    assert known.content == unknown.content


@pytest.mark.urls(__name__)
def test_a_login_by_the_api_is_locked_with_the_consoles_and_answers_a_problem() -> None:
    client = Client(REMOTE_ADDR=HERE)

    def ask(password: str) -> Any:
        headers = {"HTTP_X_USER": OPERATOR, "HTTP_X_PASSWORD": password}
        return client.post("/api/v1/test-token", **headers)  # type: ignore[arg-type]

    assert ask(PASSWORD).status_code == 200
    answers = [ask("wrong") for _ in range(LIMIT)]
    assert [answer.status_code for answer in answers] == [401] * (LIMIT - 1) + [429]
    refused = ask(PASSWORD)
    assert refused["Content-Type"] == "application/problem+json"
    assert (refused.status_code, refused.json()["code"]) == (429, "locked_out")
    assert 0 < int(refused["Retry-After"]) <= 900
    assert log_in(PASSWORD).status_code == 429


def test_an_address_that_tries_many_names_is_refused_for_the_rest_of_a_minute(
    settings: Settings,
) -> None:
    settings.RATE_LIMIT_ANONYMOUS = 3
    with time_machine.travel(clock.wall(), tick=False) as now:
        for n in range(3):
            assert log_in("wrong", f"guess-{n}@example.com").status_code == 200
        assert log_in(PASSWORD).status_code == 429
        assert log_in(PASSWORD, address=ELSEWHERE).status_code == 302
        now.shift(timedelta(seconds=61))
        assert log_in(PASSWORD).status_code == 302


def test_a_superuser_unlocks_with_a_reason_that_stands_in_the_audit() -> None:
    lock_out()
    client = looking(superuser())
    attempt = AccessAttempt.objects.get()
    listed = client.get(reverse("admin:axes_accessattempt_changelist")).content.decode()
    assert OPERATOR in listed
    assert "locked until" in listed
    place = reverse("admin:axes_accessattempt_unlock", args=[attempt.pk])
    assert client.post(place, {"_form_submitted": "1", "reason": ""}).status_code == 200
    assert log_in(PASSWORD).status_code == 429
    client.post(place, {"_form_submitted": "1", "reason": "she called"})
    assert log_in(PASSWORD).status_code == 302
    noted = AuditRecord.objects.get(action="operator.unlocked")
    assert (noted.actor, noted.object_id, noted.reason) == (
        "root@example.com",
        OPERATOR,
        "she called",
    )
    failures = client.get(reverse("admin:axes_accessfailurelog_changelist"), {"q": OPERATOR})
    assert failures.content.decode().count(HERE) >= LIMIT


def test_others_cannot_unlock() -> None:
    lock_out()
    attempt = AccessAttempt.objects.get()
    place = reverse("admin:axes_accessattempt_unlock", args=[attempt.pk])
    answer = looking(newcomer()).post(place, {"_form_submitted": "1", "reason": "me"})
    assert answer.status_code == 403
    assert log_in(PASSWORD).status_code == 429


def test_no_password_is_kept_of_a_failure() -> None:
    log_in("my secret of elsewhere")
    kept = [*AccessAttempt.objects.values_list(), *AccessFailureLog.objects.values_list()]
    assert len(kept) == 2
    assert "my secret" not in str(kept)


def test_a_session_ends_after_hours_without_a_click_and_goes_on_with_them() -> None:
    with time_machine.travel(clock.wall(), tick=False) as now:
        client = Client()
        client.post(reverse("admin:login"), {"username": OPERATOR, "password": PASSWORD})
        assert not client.cookies["sessionid"]["max-age"]  # it ends with the browser
        for _ in range(3):
            now.shift(timedelta(hours=7))
            assert client.get("/admin/").status_code == 200
        now.shift(timedelta(hours=8, seconds=1))
        assert client.get("/admin/").status_code == 302


def test_a_changed_password_ends_the_other_sessions(anna: User) -> None:
    here, elsewhere = looking(anna), looking(anna)
    assert elsewhere.get("/admin/").status_code == 200
    other = f"{PASSWORD}-of-today"
    given = {"old_password": PASSWORD, "new_password1": other, "new_password2": other}
    assert here.post(reverse("admin:password_change"), given).status_code == 302
    assert here.get("/admin/").status_code == 200
    assert elsewhere.get("/admin/").status_code == 302


@pytest.mark.parametrize(
    "password", ["short-pw-11", "anna@example.com", "q1w2e3r4t5y6", "839201748302"]
)
def test_weak_passwords_are_refused(anna: User, password: str) -> None:
    given = {"old_password": PASSWORD, "new_password1": password, "new_password2": password}
    answer = looking(anna).post(reverse("admin:password_change"), given)
    anna.refresh_from_db()
    assert (answer.status_code, anna.check_password(PASSWORD)) == (200, True)


def test_old_failures_and_sessions_are_forgotten(anna: User) -> None:
    log_in("wrong")
    looking(anna)
    assert forget_old_logins() == 0
    with time_machine.travel(clock.wall() + timedelta(days=91)):
        assert forget_old_logins() == 2
    assert not AccessFailureLog.objects.exists()
    assert not Session.objects.exists()
