"""Rows inserted by hand-written statements read back as the values that were given."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from billing.models import InvoiceTax
from billing.services.lines import TAX_COLUMNS
from ingest.models import DirtyMark, FailedEvent, UsageEvent
from ingest.services.events import COLUMNS
from neruba.inserts import insert_rows
from neruba.models import Project, Subject, TaxRate
from tests import factories

pytestmark = pytest.mark.django_db

AWKWARD = (
    *("", "it's", '"quoted"', "a\\b", "\\' OR 1=1 -- ", "50% of %s and %(name)s", "a), (b"),
    *("line\nline\ttab\r", "nul\x00byte\x1a", "é ü ß", "日本", "\U0001f600", "NULL", "0x41", "²"),
)
INSTANTS = (
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
    datetime(2999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
)


def failed_rows(project: Project, texts: list[str]) -> list[tuple[Any, ...]]:
    return [
        (project.pk, f"{number:064x}", text, "", "", "", "", "code", text, number, at, at, "open")
        for number, text in enumerate(texts)
        for at in [INSTANTS[number % len(INSTANTS)]]
    ]


FAILED = (
    *("project_id", "body_hash", "body", "source", "event_id", "type", "subject", "code", "detail"),
    *("count", "first_seen_at", "last_seen_at", "state"),
)


def test_texts_numbers_and_instants_come_back_as_given() -> None:
    project = factories.project()
    rows = failed_rows(project, list(AWKWARD))
    insert_rows(FailedEvent, FAILED, rows)
    assert list(FailedEvent.objects.order_by("id").values_list(*FAILED)) == rows


def test_digests_days_and_nothing_come_back_as_given() -> None:
    project = factories.project()
    insert_rows(Subject, ("project_id", "external_id", "customer_id"), [(project.pk, "a", None)])
    subject = Subject.objects.get(project=project)
    assert subject.customer_id is None
    digests = [bytes(32), bytes(range(32, 64)), bytes(range(224, 256))]
    rows = [
        (project.pk, "s", str(n), subject.pk, "t", *INSTANTS[:2], "{}", "{}", "", digest, 0)
        for n, digest in enumerate(digests)
    ]
    insert_rows(UsageEvent, COLUMNS, rows)
    assert list(UsageEvent.objects.order_by("id").values_list(*COLUMNS)) == rows
    days = [date(1970, 1, 1), date(2026, 2, 28)]
    marks = ("project_id", "subject_id", "type", "day")
    insert_rows(DirtyMark, marks, [(project.pk, subject.pk, "t", day) for day in days])
    assert list(DirtyMark.objects.order_by("id").values_list("day", flat=True)) == days


def test_yes_and_no_come_back_as_given() -> None:
    project = factories.project()
    columns = ("project_id", "code", "name", "rate_percent", "inclusive", "country", "created_at")
    rows = [
        (project.pk, code, code, "20", inclusive, "", INSTANTS[1])
        for code, inclusive in (("a", True), ("b", False), ("c", True))
    ]
    insert_rows(TaxRate, columns, rows)
    assert list(TaxRate.objects.order_by("id").values_list(*columns)) == rows


def test_thousands_of_rows_keep_their_order_and_none_is_no_statement() -> None:
    project = factories.project()
    rows = failed_rows(project, [str(number) for number in range(2001)])
    insert_rows(FailedEvent, FAILED, rows)
    insert_rows(FailedEvent, FAILED, [])
    found = FailedEvent.objects.order_by("id").values_list("body", flat=True)
    assert list(found) == [str(number) for number in range(2001)]


def test_a_duplicate_key_leaves_nothing_within_a_savepoint() -> None:
    project = factories.project()
    rows = failed_rows(project, ["a", "b"])
    with pytest.raises(IntegrityError), transaction.atomic():
        insert_rows(FailedEvent, FAILED, [*rows, rows[0]])
    assert not FailedEvent.objects.exists()


def test_an_instant_in_another_zone_is_refused() -> None:
    project = factories.project()
    local = datetime(2026, 1, 1).astimezone()
    row = failed_rows(project, ["a"])[0]
    with pytest.raises(AssertionError, match="in UTC"):
        insert_rows(FailedEvent, FAILED, [(*row[:10], local, local, "open")])
    assert not FailedEvent.objects.exists()


def test_true_and_false_come_back_as_given() -> None:
    project = factories.project()
    customer = factories.customer(project=project)
    row = factories.invoice(customer=customer)
    rows = [
        (project.pk, row.pk, n, n, "line", "vat", "VAT", "20", flag, "", "", None)
        for n, flag in enumerate((True, False, True))
    ]
    insert_rows(InvoiceTax, TAX_COLUMNS, rows)
    found = InvoiceTax.objects.order_by("position").values_list("inclusive", flat=True)
    assert list(found) == [True, False, True]
