"""The page of an invite: looking changes nothing, taking works once, all else is not found."""

from typing import Any

import pytest
import time_machine
from django.test import Client

from neruba.models import AuditRecord, Membership, Project, User
from neruba.services.invites import IssuedInvite
from tests import factories, traces

pytestmark = pytest.mark.django_db

PASSWORD = "a-long-enough-password"
NEW = {"name": "Ann Other", "password": PASSWORD, "again": PASSWORD}


@pytest.fixture
def project() -> Project:
    return factories.project(slug="demo")


@pytest.fixture
def offer(project: Project) -> IssuedInvite:
    return factories.invited(project=project, email="new@op.example", role="finance")


def look(token: str) -> Any:
    return Client().get(f"/invite/{token}")


def take(token: str, form: dict[str, str] | None = None) -> Any:
    return Client().post(f"/invite/{token}", NEW if form is None else form)


def test_it_shows_who_invites_to_what_as_what(offer: IssuedInvite) -> None:
    answer = look(offer.token)
    assert answer.status_code == 200
    text = answer.content.decode()
    for word in ("neruba", "new@op.example", "Demo", "finance", "bills, runs and corrects"):
        assert word in text
    assert "at least 12 characters" in text
    assert text.count('type="password"') == 2


def test_looking_changes_nothing(offer: IssuedInvite) -> None:
    before = traces.everything_stored()
    for _ in range(3):
        look(offer.token)
    Client().head(f"/invite/{offer.token}")
    assert traces.everything_stored() == before


def test_a_new_operator_comes_in(offer: IssuedInvite) -> None:
    answer = take(offer.token)
    assert answer.status_code == 200
    assert "/admin/login/" in answer.content.decode()
    member = Membership.objects.get()
    assert (member.user.email, member.role) == ("new@op.example", "finance")
    assert member.user.get_full_name() == "Ann Other"
    assert member.user.check_password(PASSWORD)
    assert AuditRecord.objects.get(action="member.added").origin == "127.0.0.1"
    assert PASSWORD not in traces.everything_stored()


def test_who_is_known_gives_their_password(offer: IssuedInvite) -> None:
    known = User.objects.create_user("new@op.example", "quite-another-password", is_staff=True)
    assert 'autocomplete="new-password"' not in look(offer.token).content.decode()
    refused = take(offer.token, {"password": PASSWORD})
    assert (refused.status_code, Membership.objects.count()) == (400, 0)
    assert "its own password is needed" in refused.content.decode()
    assert take(offer.token, {"password": "quite-another-password"}).status_code == 200
    known.refresh_from_db()
    assert known.check_password("quite-another-password")
    assert Membership.objects.get().user == known


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"again": PASSWORD + "x"}, "The two passwords differ."),
        ({"password": "short", "again": "short"}, "too short"),
        ({"password": "password1234", "again": "password1234"}, "too common"),
        ({"password": "new@op.example", "again": "new@op.example"}, "too similar"),
        ({"password": "", "again": ""}, "required"),
        ({"name": ""}, "required"),
    ],
)
def test_what_is_wrong_is_said_and_the_invite_stays(
    offer: IssuedInvite, change: dict[str, str], words: str
) -> None:
    answer = take(offer.token, {**NEW, **change})
    assert answer.status_code == 400
    text = answer.content.decode()
    assert words in text
    assert PASSWORD not in text
    assert not User.objects.exists()
    assert take(offer.token).status_code == 200


def test_one_page_for_every_token_that_is_not_good(offer: IssuedInvite, project: Project) -> None:
    replaced = offer.token
    taken = factories.invited(project=project, email="taken@op.example").token
    take(taken)
    sound = factories.invited(project=project, email="new@op.example")
    User.objects.create_user("off@op.example", is_active=False)
    off = factories.invited(project=project, email="off@op.example").token
    factories.operator(project=project, role="support", email="in@op.example")
    answers = []
    for token in (replaced, taken, off, "nri_nothing", sound.token[:-1]):
        answers += [look(token), take(token)]
    with time_machine.travel(sound.invite.expires_at, tick=False):
        answers += [look(sound.token), take(sound.token)]
    assert [answer.status_code for answer in answers] == [404] * len(answers)
    assert len({answer.content for answer in answers}) == 1
    assert take(sound.token).status_code == 200


def test_the_address_is_not_passed_on(offer: IssuedInvite) -> None:
    for answer in (look(offer.token), look("nri_nothing"), take(offer.token)):
        assert answer["Referrer-Policy"] == "strict-origin"
        assert "no-store" in answer["Cache-Control"]
        assert answer["X-Frame-Options"] == "DENY"


def test_a_forged_form_is_refused(offer: IssuedInvite) -> None:
    strict = Client(enforce_csrf_checks=True)
    assert strict.post(f"/invite/{offer.token}", NEW).status_code == 403
    assert not User.objects.exists()


def test_nothing_in_it_needs_more_than_our_own_files(offer: IssuedInvite) -> None:
    for answer in (look(offer.token), look("nri_nothing"), take(offer.token)):
        text = answer.content.decode()
        assert "<script" not in text
        assert "<style" not in text
        assert " style=" not in text
        assert "http" not in text


def test_other_methods_are_refused(offer: IssuedInvite) -> None:
    assert Client().delete(f"/invite/{offer.token}").status_code == 405
