"""Archiving is killed at a point and run again: no event has lost what it carried."""

from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from ingest.models import EventArchive, UsageEvent
from ingest.selectors.archives import with_data
from ingest.services import archive as service
from ingest.services.archive import archive_events
from ingest.services.windows import rebuild_windows
from neruba.actor import SYSTEM
from neruba.models import Project
from neruba.period import parse_instant
from tests import factories
from tests.billing.sandbox import Sandbox, started
from tests.crash.operations import CALLS, FEE, Operation, move_clock, run_billing
from tests.crash.stage import Stage

pytestmark = [
    pytest.mark.usefixtures("shared_database"),
    pytest.mark.filterwarnings("ignore:This process:DeprecationWarning"),
]

BEFORE = parse_instant("2026-02-01T00:00:00Z")
AT = parse_instant("2026-02-20T00:00:00Z")
EVENTS = 12


@pytest.fixture(autouse=True)
def small_files(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.ARCHIVE_DIR = tmp_path / "archive"
    settings.RETENTION_MIN_DAYS = 0
    monkeypatch.setattr(service, "EVENTS_A_FILE", 5)
    monkeypatch.setattr(service, "ROWS_AT_ONCE", 3)


def billed() -> Sandbox:
    made = started(FEE)
    made.plan(FEE, CALLS, code="usage")
    made.subscribe(plan="usage", anchor="calendar")
    move_clock(made, parse_instant("2026-01-20T00:00:00Z"))
    bodies = [
        factories.event_body(
            id=f"e{number}", type="calls", time=f"2026-01-{1 + number:02}T10:00:00Z"
        )
        for number in range(EVENTS)
    ]
    factories.accept(*bodies, project=Project.objects.get(pk=made.project.pk))
    move_clock(made, AT)
    run_billing(made.project, AT)
    rebuild_windows(made.project)
    return made


def archive(made: Sandbox) -> None:
    for _ in archive_events(project=made.project, before=BEFORE, reason="old", actor=SYSTEM, at=AT):
        pass


ARCHIVE = Operation("archive", billed, archive, archive, end=parse_instant("2026-03-02T00:00:00Z"))


def test_killed_and_run_again_nothing_is_lost() -> None:
    stage = Stage(ARCHIVE)
    for point in stage.each_kind():
        assert stage.killed_at(point) == stage.expected, f"{point}: {stage.points[point - 1]}"
        project = Project.objects.latest("pk")
        resting = UsageEvent.objects.filter(project=project).select_related("archive__project")
        assert {with_data(event).data for event in resting} == {'{"n":1}'}
        assert resting.filter(archive__isnull=True).count() == 0
        assert EventArchive.objects.filter(project=project).count() == 3
