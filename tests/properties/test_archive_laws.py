"""Laws of archives: usage is the same at every bound, and restoring gives back the same bytes."""

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from ingest.models import UsageEvent
from ingest.selectors.archives import archives_in
from ingest.services.archive import archive_events, restore_events
from ingest.services.void import void_event
from ingest.services.windows import rebuild_windows
from neruba.actor import SYSTEM
from neruba.models import Project
from tests import factories
from tests.properties.test_usage_laws import (
    ZONES,
    bodies,
    everything,
    intervals,
    new_project,
    reaching,
)

pytestmark = pytest.mark.once

LONG_AFTER = datetime(2027, 6, 1, tzinfo=UTC)
COLUMNS = [field.attname for field in UsageEvent._meta.concrete_fields]

names = st.text(min_size=1, max_size=8).filter(lambda text: "\x00" not in text)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.text(st.characters(codec="utf-8"), max_size=20)
    | st.decimals(-(10**9), 10**9, places=9).map(str)
)
more_data = st.dictionaries(names, scalars, max_size=4)
arrivals = st.lists(st.tuples(bodies, more_data, st.booleans()), min_size=1, max_size=15)
cuts = st.integers(-2, 20).map(lambda days: datetime(2026, 10, 20, tzinfo=UTC) + timedelta(days))


def rows(project: Project) -> list[tuple[Any, ...]]:
    return list(UsageEvent.objects.filter(project=project).order_by("id").values_list(*COLUMNS))


class Archives(TestCase):
    @given(st.data(), arrivals, cuts, intervals, st.sampled_from(ZONES))
    def test_archiving_changes_no_usage_and_restoring_is_its_inverse(
        self, data: st.DataObject, sent: Any, cut: datetime, between: Any, zone: str
    ) -> None:
        project, meters = new_project()
        for body, more, is_voided in sent:
            factories.accept({**body, "data": {**more, **body["data"]}}, project=project)
            if is_voided and UsageEvent.objects.filter(event_id=body["id"]).exists():
                void_event(
                    project=project,
                    source=body["source"],
                    event_id=body["id"],
                    reason="a test",
                    actor=SYSTEM,
                    at=LONG_AFTER,
                )
        rebuild_windows(project)
        bound = data.draw(reaching(project))
        before = rows(project)

        def usage() -> Any:
            return [
                everything(project, meters, zone=zone, between=between, bound=one, source=source)
                for one in (None, bound)
                for source in ("windows", "raw")
            ]

        counted = usage()
        with tempfile.TemporaryDirectory() as name, archives_in(Path(name)):
            for _ in archive_events(
                project=project, before=cut, reason="old", actor=SYSTEM, at=LONG_AFTER
            ):
                pass
            old = UsageEvent.objects.filter(project=project, effective_at__lt=cut)
            assert set(old.values_list("data", flat=True)) <= {""}
            assert usage() == counted
            for path in Path(name).glob("*.gz"):
                restore_events(
                    project=project, path=path, reason="back", actor=SYSTEM, at=LONG_AFTER
                )
            assert rows(project) == before
