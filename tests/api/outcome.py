"""What a refused request must leave: a problem document, and every table as it was."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, transaction
from django.http import HttpResponse

from tests.api.endpoints import Endpoint

# Bodies that were refused as events are kept, where an operator can see them.
MAY_GROW = {"ingest_failedevent"}
REQUIRED = {"type", "title", "status", "detail"}


def rows() -> dict[str, int]:
    """How many rows each table has; what changes a row leaves one of history or audit."""
    tables = sorted({model._meta.db_table for model in apps.get_models()} - MAY_GROW)
    counts = ", ".join(f"(SELECT COUNT(*) FROM {table})" for table in tables)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {counts}")
        return dict(zip(tables, cursor.fetchone(), strict=True))


@contextmanager
def nothing_changed() -> Iterator[None]:
    before = rows()
    yield
    assert rows() == before


def assert_problem(response: HttpResponse, status: int, code: str | None = None) -> dict[str, Any]:
    """The answer is a problem document as RFC 9457 and the contract say."""
    assert response.status_code == status, (response.status_code, response.content[:500])
    assert response["Content-Type"] == "application/problem+json"
    problem: dict[str, Any] = json.loads(response.content)
    assert problem.keys() >= REQUIRED
    assert problem["status"] == status
    assert all(isinstance(problem[name], str) and problem[name] for name in REQUIRED - {"status"})
    for error in problem.get("errors", []):
        assert error.keys() >= {"pointer", "code", "detail"}
        assert error["pointer"] == "" or error["pointer"].startswith("/")
    assert b"Traceback" not in response.content
    if code is not None:
        assert problem["code"] == code
    return problem


@contextmanager
def undone() -> Iterator[None]:
    """Roll back what happens inside, as Django's TestCase does: durable blocks may nest in it."""
    block = transaction.atomic()
    block._from_testcase = True  # type: ignore[attr-defined]
    with block:
        try:
            yield
        finally:
            transaction.set_rollback(True)


def check_everywhere(
    subtests: pytest.Subtests,
    chosen: list[Endpoint],
    check: Callable[[Endpoint], None],
) -> None:
    """Try each endpoint for itself; what one of them changed is undone before the next."""
    for endpoint in chosen:
        with subtests.test(str(endpoint)), undone():
            check(endpoint)
