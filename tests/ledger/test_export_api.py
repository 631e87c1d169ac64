"""The export over HTTP."""

import pytest

from neruba.models import Project
from tests import factories
from tests.ledger.books import books
from tests.ledger.test_export import exported

pytestmark = pytest.mark.django_db

PATH = "/api/v1/ledger/export"


@pytest.mark.parametrize(
    ("form", "media_type", "suffix"),
    [
        ("beancount", "text/plain; charset=utf-8", "beancount"),
        ("hledger", "text/plain; charset=utf-8", "journal"),
        ("csv", "text/csv; charset=utf-8", "csv"),
    ],
)
def test_the_books_are_streamed_as_a_file(form: str, media_type: str, suffix: str) -> None:
    project = books()
    client = factories.client(project=project, scopes=["ledger:read"])
    answer = client.get(PATH, {"format": form}, HTTP_ACCEPT=media_type)
    assert (answer.status_code, answer["Content-Type"]) == (200, media_type)
    name = f'attachment; filename="{project.slug}-ledger.{suffix}"'
    assert answer["Content-Disposition"] == name
    assert answer.streaming
    assert b"".join(answer.streaming_content).decode() == exported(project, form)  # type: ignore[attr-defined]


@pytest.fixture
def project() -> Project:
    return books()


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 400),
        ("?format=ods", 400),
        ("?format=csv&from=yesterday", 400),
        ("?format=csv&from=2026-03-02T00:00:00Z&to=2026-03-02T00:00:00Z", 400),
        ("?format=csv&unknown=1", 400),
        ("?format=csv&from=2026-03-02T00:00:00Z&to=2026-03-03T00:00:00Z", 200),
    ],
)
def test_a_wrong_question_is_refused(project: Project, query: str, status: int) -> None:
    client = factories.client(project=project, scopes=["ledger:read"])
    answer = client.get(PATH + query)
    assert answer.status_code == status
    if status != 200:
        assert answer["Content-Type"] == "application/problem+json"


def test_the_scope_is_needed(project: Project) -> None:
    client = factories.client(project=project, scopes=["billing:write", "usage:read"])
    assert client.get(PATH, {"format": "csv"}).status_code == 403
