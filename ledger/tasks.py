"""Background work of the ledger."""

from celery import shared_task

from ledger.selectors.wallets import projects_with_expired_grants
from ledger.services.wallets import expire_grants
from neruba import clock


@shared_task
def expire() -> int:
    """Write off what is left of expired grants of live projects; returns in how many projects.

    Two at once do no harm: each grant is looked at again under its lock.
    """
    projects = projects_with_expired_grants(clock.wall())
    for project in projects:
        expire_grants(project, clock.now(project), lambda: True)
    return len(projects)
