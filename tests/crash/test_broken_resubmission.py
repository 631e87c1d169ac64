"""A resubmission breaks off at a statement and is sent again: one event, one decision."""

from functools import partial
from itertools import count
from typing import Any

import pytest
from django.db import connection

from ingest.models import DirtyMark, FailedEvent, UsageEvent
from ingest.services.resubmission import resubmit_failed
from neruba.actor import SYSTEM
from neruba.edge import run_atomic
from neruba.models import AuditRecord, Project
from tests import factories
from tests.factories import START, event_body

MODELS = (UsageEvent, DirtyMark, AuditRecord)


class BrokenOffError(Exception):
    """What stands in for the crash."""


def failed_in(project: Project) -> FailedEvent:
    factories.accept(event_body(id="a", time="soon"), project=project)
    return FailedEvent.objects.select_related("project").get(project=project)


def mend(failed: FailedEvent, break_at: int) -> int:
    """Mend it, or break off at a statement (0: at none); returns how many there were."""
    numbers = count(1)

    def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:  # noqa: FBT001 - Django calls it so
        if next(numbers) == break_at:
            raise BrokenOffError
        return execute(sql, params, many, context)

    work = partial(
        resubmit_failed,
        failed=failed,
        event=event_body(id="a"),
        actor=SYSTEM,
        reason="r",
        at=START,
    )
    with connection.execute_wrapper(watch):
        run_atomic(work)
    return next(numbers) - 1


def counts(project: Project) -> list[int]:
    return [model._default_manager.filter(project=project).count() for model in MODELS]


@pytest.mark.django_db(transaction=True)
def test_a_resubmission_that_broke_off_at_any_statement_is_one_when_it_is_sent_again() -> None:
    undisturbed = factories.project()
    before = counts(undisturbed)
    statements = mend(failed_in(undisturbed), 0)
    after = counts(undisturbed)
    assert statements > len(MODELS)
    for broken in range(1, statements + 1):
        project = factories.project()
        failed = failed_in(project)
        with pytest.raises(BrokenOffError):
            mend(failed, broken)
        failed.refresh_from_db()
        assert (failed.state, counts(project)) == ("open", before), f"statement {broken}"
        mend(failed, 0)
        failed.refresh_from_db()
        assert failed.resubmitted_as == UsageEvent.objects.get(project=project)
        assert (failed.state, counts(project)) == ("resubmitted", after), f"statement {broken}"
