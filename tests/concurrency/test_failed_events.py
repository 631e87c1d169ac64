"""Two operators and one failed event; the event itself comes while it is being mended."""

from functools import partial
from typing import Any

import pytest

from ingest.errors import FailedEventStateError
from ingest.models import FailedEvent, UsageEvent
from ingest.services.events import accept_events
from ingest.services.resubmission import Resubmitted, discard_failed, resubmit_failed
from neruba.actor import Actor
from neruba.edge import run_atomic
from neruba.models import AuditRecord, Project
from tests import factories
from tests.concurrency.rivals import at_once, needs_row_locks
from tests.factories import START, event_body

pytestmark = [needs_row_locks, pytest.mark.django_db(transaction=True)]

RIVALS = 6
ROUNDS = 8


def failed_event(project: Project, **attributes: Any) -> FailedEvent:
    factories.accept(event_body(**attributes, time="soon"), project=project)
    return FailedEvent.objects.select_related("project").latest("pk")


def mend(failed: FailedEvent, body: dict[str, Any], name: str = "ada") -> Resubmitted:
    work = partial(
        resubmit_failed,
        failed=failed,
        event=body,
        actor=Actor("operator", name),
        reason="r",
        at=START,
    )
    return run_atomic(work)


def discard(failed: FailedEvent) -> FailedEvent:
    actor = Actor("operator", "bob")
    return run_atomic(partial(discard_failed, failed=failed, actor=actor, reason="r", at=START))


def test_one_of_several_operators_wins_and_the_others_are_told() -> None:
    failed = failed_event(factories.project(), id="a")
    # Each of them mends it into another event, so that nothing but the row stands between them.
    works = [partial(mend, failed, event_body(id=f"a{n}"), f"operator {n}") for n in range(RIVALS)]
    answers = at_once(works)
    (won,) = [answer for answer in answers if isinstance(answer, Resubmitted)]
    told = [answer for answer in answers if isinstance(answer, FailedEventStateError)]
    assert len(told) == RIVALS - 1
    assert {error.detail for error in told} == {
        f"It was resubmitted already, as event {won.event.event_id!r} of 'test'."
    }
    assert UsageEvent.objects.get() == won.event
    assert FailedEvent.objects.get().resubmitted_as == won.event
    assert AuditRecord.objects.filter(object_type="failed_event").count() == 1


def test_mending_and_discarding_at_once_is_one_of_both() -> None:
    project = factories.project()
    for number in range(ROUNDS):
        failed = failed_event(project, id=f"a{number}")
        body = event_body(id=f"a{number}")
        works: list[Any] = [partial(mend, failed, body), partial(discard, failed)]
        answers = at_once(works)
        assert sum(isinstance(answer, FailedEventStateError) for answer in answers) == 1, answers
        failed.refresh_from_db()
        there = UsageEvent.objects.filter(event_id=f"a{number}").exists()
        assert there == (failed.state == FailedEvent.State.RESUBMITTED)
    assert AuditRecord.objects.filter(object_type="failed_event").count() == ROUNDS


def test_the_event_and_its_faulty_body_come_while_it_is_mended() -> None:
    project = factories.project()
    for number in range(ROUNDS):
        faulty = event_body(id=f"a{number}", time="soon")
        good = {**faulty, "time": "2026-01-01T00:00:00Z"}
        factories.accept(faulty, project=project)
        failed = FailedEvent.objects.select_related("project").latest("pk")
        sent = partial(accept_events, project=project, bodies=[faulty, good], at=START)
        works: list[Any] = [partial(mend, failed, good), *[partial(run_atomic, sent)] * 3]
        answers = at_once(works)
        assert not [one for one in answers if isinstance(one, Exception)], answers
        failed.refresh_from_db()
        event = UsageEvent.objects.get(event_id=f"a{number}")
        assert (failed.state, failed.resubmitted_as, failed.count) == ("resubmitted", event, 4)
