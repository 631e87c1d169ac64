"""The first page: what waits, project by project, and what to do first."""

import pytest
from django.urls import reverse

from tests import factories
from tests.support.console import looking, superuser, world

pytestmark = [pytest.mark.django_db, pytest.mark.once]


def shown(query: str = "") -> str:
    answer = looking(superuser()).get(reverse("admin:index") + query)
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
    html = shown("?project=one&books")
    books = sandbox.get("/ledger/trial-balance")["data"]
    (owed,) = [one for one in books if one["code"] == "1100"]
    assert f"{owed['balance']} USD" in html.replace(",", "")
    drafts = [one for one in sandbox.invoices() if one["status"] == "draft"]
    assert f'<div class="n-value">{len(drafts)}</div>' in html
    assert "Failed events" in html
    assert "The way to the first invoice" not in html


def test_each_project_is_shown_by_itself_and_no_currencies_are_added() -> None:
    world(slug="one")
    factories.project(slug="other", currency="JPY")
    html = shown("?project=other&books")
    assert '<div class="n-value">0 JPY</div>' in html
    assert "USD" not in html
    assert 'href="?project=one"' in html
    assert "USD" in shown("?project=one")


def test_the_books_are_added_up_after_the_page_is_shown() -> None:
    world(slug="one")
    html = shown()
    assert "?project=one&amp;books" in html
    assert "Owed to us" not in html


def test_an_unknown_project_shows_the_first() -> None:
    factories.project(slug="one")
    assert "(one, sandbox)" in shown("?project=nothing")
