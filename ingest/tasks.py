"""Background work of ingest: windows follow usage as it arrives."""

from functools import partial

from celery import shared_task

from ingest.selectors.arrivals import marked_subjects, projects_with_marks
from ingest.services.windows import rebuild_marked
from neruba import clock
from neruba.edge import Failure, outcome_of, run_atomic
from neruba.errors import LeaseLostError
from neruba.models import Project
from neruba.nudge import nudge
from neruba.owner import worker_name
from neruba.services.leases import release_lease, renew_lease, take_lease

WINDOWS_LEASE = "windows"
SUBJECTS_A_TRANSACTION = 200


@shared_task
def rebuild_all_marked() -> None:
    """Find the projects whose windows are behind, and give them to the workers."""
    for pk in projects_with_marks():
        nudge(rebuild_project_windows, pk)


@shared_task
def rebuild_project_windows(project_id: int) -> int:
    """Rebuild what the marks of a project name, some subjects at a time; returns how many subjects.

    Stops when none is left, or another worker has the work.
    """
    project = Project.objects.get(pk=project_id)
    held = take_lease(project=project, name=WINDOWS_LEASE, owner=worker_name(), at=clock.wall())
    if held is None:
        return 0
    rebuilt = 0
    try:
        # Subjects in their order, once each: who is marked again meanwhile is for the next tick.
        last = 0
        while subjects := marked_subjects(project, after=last, limit=SUBJECTS_A_TRANSACTION):
            # Those that fail keep their marks, and hold back nobody.
            work = partial(run_atomic, partial(rebuild_marked, project, subjects))
            if not isinstance(outcome_of(work), Failure):
                rebuilt += len(subjects)
            last = subjects[-1]
            renew_lease(held, at=clock.wall())
    except LeaseLostError:
        return rebuilt
    finally:
        release_lease(held)
    return rebuilt
