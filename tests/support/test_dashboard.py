"""The first page: what waits, project by project, and what to do first."""

import pytest
from django.urls import reverse

from neruba.models import Project
from tests import factories
from tests.support.console import looking, superuser, world

pytestmark = [pytest.mark.django_db, pytest.mark.once]


def shown(query: str = "", project: Project | None = None) -> str:
    answer = looking(superuser(), project).get(reverse("admin:index") + query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_new_installation_is_told_what_to_do_first() -> None:
    html = shown()
    assert "What to do first" in html
    assert "manage.py create_project" in html


def test_a_new_project_is_shown_the_way_to_its_first_invoice() -> None:
    factories.project()
    html = shown()
    assert "The way to the first invoice" in html
    assert "none yet" in html
    assert "Nothing was posted yet." in shown("?books")


def test_a_project_shows_what_waits() -> None:
    sandbox = world(slug="one")
    html = shown("?books")
    books = sandbox.get("/ledger/trial-balance")["data"]
    (owed,) = [one for one in books if one["code"] == "1100"]
    assert f"{owed['balance']} USD" in html.replace(",", "")
    drafts = [one for one in sandbox.invoices() if one["status"] == "draft"]
    assert f'<div class="n-value">{len(drafts)}</div>' in html
    assert "Failed events" in html
    assert "The way to the first invoice" not in html


def test_each_project_is_shown_by_itself_and_no_currencies_are_added() -> None:
    one = world(slug="one").project
    other = factories.project(slug="other", currency="JPY")
    html = shown("?books", other)
    assert '<div class="n-value">0 JPY</div>' in html
    assert "USD" not in html
    assert "USD" in shown("?books", one)


def test_the_books_are_added_up_after_the_page_is_shown() -> None:
    world(slug="one")
    html = shown()
    assert "?books" in html
    assert "Owed to us" not in html


def test_who_stands_nowhere_is_asked_to_choose_and_shown_nothing() -> None:
    one = world(slug="one").project
    factories.project(slug="other")
    html = shown()
    assert "Projects that you are no member of" in html
    assert "Open invoices" not in html
    assert "(one, sandbox)" in shown(project=one)
