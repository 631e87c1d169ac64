"""Many rows by one statement are as many statements by one row."""

from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

from django.db import connection
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from ingest.models import FailedEvent, UsageWindow
from neruba.inserts import insert_rows, insert_rows_for_ids
from neruba.models import Project, Subject
from neruba.updates import update_rows
from tests import factories

COLUMNS = (
    *("project_id", "body_hash", "body", "source", "event_id", "type", "subject", "code"),
    *("detail", "count", "first_seen_at", "last_seen_at", "state", "resubmitted_as_id"),
)
CHANGED = ("body", "source", "count", "last_seen_at", "resubmitted_as_id")
# What escaping could get wrong, and characters beyond the first plane.
texts = st.text("ab\\'\"`%_\n\r\t\x1a\x00;-/*é\u20ac\U0001f600", max_size=12) | st.text(
    st.characters(exclude_categories=["Cs"]), max_size=12
)
instants = st.builds(
    lambda seconds, micro: (
        datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds, microseconds=micro)
    ),
    st.integers(-(10**9), 10**9),
    st.sampled_from([0, 0, 1, 999_999, 500_000]),
)
contents = st.tuples(texts, texts, st.integers(0, 2**31 - 1), instants, st.none())
many = st.lists(contents, min_size=1, max_size=7)


def row_of(project: Project, number: int, content: tuple[Any, ...]) -> tuple[Any, ...]:
    body, source, count, at, _ = content
    rest = ("e", "t", "s", "code", "detail")
    return (project.pk, f"hash-{number}", body, source, *rest, count, at, at, "open", None)


def stored(project: Project) -> list[tuple[Any, ...]]:
    rows = FailedEvent.objects.filter(project=project).order_by("body_hash")
    return list(rows.values_list(*CHANGED))


class TestManyRows(TestCase):
    @given(many, st.booleans(), st.integers(1, 3))
    def test_ids_come_in_the_order_of_the_rows(
        self, given_contents: list[tuple[Any, ...]], returning: Any, at_once: int
    ) -> None:
        project = factories.project()
        rows = [row_of(project, n, content) for n, content in enumerate(given_contents)]
        feature = mock.patch.object(
            type(connection.features), "can_return_rows_from_bulk_insert", new=returning
        )
        with feature, mock.patch("neruba.inserts.ROWS_A_STATEMENT", at_once):
            ids = insert_rows_for_ids(FailedEvent, COLUMNS, rows)
        found = FailedEvent.objects.in_bulk(ids)
        assert [found[pk].body_hash for pk in ids] == [row[1] for row in rows]
        assert stored(project) == given_contents

    @given(many, st.data())
    def test_one_update_of_many_is_one_update_each(
        self, given_contents: list[tuple[Any, ...]], data: st.DataObject
    ) -> None:
        together, apart = factories.project(), factories.project()
        for project in (together, apart):
            rows = [row_of(project, n, content) for n, content in enumerate(given_contents)]
            insert_rows(FailedEvent, COLUMNS, rows)
        size = len(given_contents)
        chosen = data.draw(st.lists(st.integers(0, size - 1), unique=True, max_size=size))
        new = {number: data.draw(contents) for number in chosen}
        update_rows(
            FailedEvent,
            CHANGED,
            [
                (FailedEvent.objects.get(project=together, body_hash=f"hash-{n}").pk, *content)
                for n, content in new.items()
            ],
        )
        for number, content in new.items():
            row = FailedEvent.objects.filter(project=apart, body_hash=f"hash-{number}")
            row.update(**dict(zip(CHANGED, content, strict=True)))
        assert stored(together) == stored(apart)

    @given(st.binary(min_size=32, max_size=32), st.dates())
    def test_digests_and_dates_come_back_as_they_were(self, digest: bytes, day: Any) -> None:
        meter = factories.meter(project=factories.project())
        subject = Subject.objects.create(project=meter.project, external_id="acme")
        day = max(day, day.replace(year=1000))
        columns = (
            *("project_id", "subject_id", "meter_id", "zone", "day", "group_key", "group"),
            *("subscription", "count", "sum", "min", "max", "checksum", "unusable"),
            *("last_event", "last_retraction"),
        )
        row = (meter.project_id, subject.pk, meter.pk, "UTC", day, "", "{}", "", 1, "1", "", "")
        insert_rows(UsageWindow, columns, [(*row, digest, 0, 2**40, 0)])
        window = UsageWindow.objects.get(meter=meter)
        assert (window.checksum, window.day, window.last_event) == (digest, day, 2**40)
