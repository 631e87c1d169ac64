"""Background work of payments. Tasks are thin; what they do is derivable from the database."""

from datetime import timedelta
from functools import partial

from celery import shared_task

from neruba import clock
from neruba.edge import Failure, outcome_of
from neruba.models import Project
from neruba.nudge import nudge
from payments.selectors.checkout import projects_with_open_sessions
from payments.selectors.inbox import due_subjects, project_named
from payments.selectors.transactions import fetch_from, projects_at_provider
from payments.services.checkout import close_at_provider, needless_sessions
from payments.services.inbox import Hands, work_on_subject
from payments.services.transactions import fetch_transactions
from payments.stripe_gateway import stripe_gateway_of

SUBJECTS_A_TASK = 200
# The provider's clock may be ahead of this one.
AHEAD = timedelta(hours=1)
HANDS = Hands(stripe_gateway_of, clock.now)


@shared_task
def work_on_event(project_id: int, subject: str) -> None:
    """Work on what was received about a subject, as one."""
    project = project_named(project_id)
    work_on_subject(project, subject, hands=HANDS, wall=clock.wall())


@shared_task
def work_on_due_events() -> int:
    """Find what was received and not worked on: its message was lost, its attempt failed, or its
    worker died. Returns how many subjects came to an end.

    Two at once do no harm: events are claimed under their locks.
    """
    due = due_subjects(clock.wall(), SUBJECTS_A_TASK)
    done = 0
    for project_id, subject in due:
        work = partial(
            work_on_subject,
            project_named(project_id),
            subject,
            hands=HANDS,
            wall=clock.wall(),
        )
        done += outcome_of(work) is True
    if done and len(due) == SUBJECTS_A_TASK:
        nudge(work_on_due_events)
    return done


@shared_task
def close_needless_sessions() -> int:
    """Close the checkout pages of invoices that were settled otherwise, and book how those ended of
    which nobody has told; returns how many.
    """
    closed = 0
    for project in projects_with_open_sessions():
        for session in needless_sessions(project, wall=clock.wall()):
            work = partial(
                close_at_provider,
                stripe_gateway_of(project),
                project,
                session.provider_id,
                at=clock.now(project),
            )
            closed += not isinstance(outcome_of(work), Failure)
    return closed


@shared_task
def fetch_all_transactions() -> int:
    """Keep what the provider booked since the last fetch; returns how many transactions are new."""
    new = 0
    for project in projects_at_provider():
        outcome = outcome_of(partial(_fetch_new, project))
        new += 0 if isinstance(outcome, Failure) else outcome
    return new


def _fetch_new(project: Project) -> int:
    wall = clock.wall()
    since = fetch_from(project, wall)
    to = wall + AHEAD
    gateway = stripe_gateway_of(project)
    return fetch_transactions(project, gateway=gateway, since=since, to=to, wall=wall).new
