"""Rivals at the door: each event once, no error for anyone, nothing slips under a bound."""

import threading
from collections import Counter
from functools import partial
from random import Random
from typing import Any

import pytest
from django.db import connection, transaction

from ingest.models import (
    DirtyMark,
    EventRetraction,
    FailedEvent,
    Fence,
    UsageEvent,
    WindowFence,
)
from ingest.selectors.bounds import ArrivalBound, known_bound
from ingest.selectors.usage import UsageNeed, usage_of
from ingest.services.events import Outcome, accept_events
from ingest.services.fence import take_bound
from ingest.services.void import Voided, void_event
from ingest.services.windows import rebuild_windows
from neruba.actor import SYSTEM
from neruba.edge import run_atomic
from neruba.models import Project, Subject
from tests import factories
from tests.concurrency.rivals import at_once, needs_row_locks
from tests.factories import START, event_body

pytestmark = [needs_row_locks, pytest.mark.django_db(transaction=True)]

RIVALS = 6


def send(project: Project, bodies: list[Any]) -> list[Outcome]:
    return run_atomic(lambda: accept_events(project=project, bodies=bodies, at=START))


def test_overlapping_batches_store_each_event_once() -> None:
    project = factories.project()
    bodies = [event_body(subject=f"s{n % 9}") for n in range(400)]
    works = []
    for seed in range(RIVALS):
        mine = Random(seed).sample(bodies, 300)
        works.append(lambda mine=mine: [send(project, mine[n : n + 60]) for n in range(0, 300, 60)])
    counts: Counter[str] = Counter()
    for batches in at_once(works):
        assert not isinstance(batches, Exception), batches
        counts.update(outcome.outcome for batch in batches for outcome in batch)
    stored = UsageEvent.objects.count()
    assert stored == counts["accepted"]
    assert counts["accepted"] + counts["duplicate"] == RIVALS * 300
    assert Subject.objects.count() == 9


def test_rivals_with_other_content_conflict() -> None:
    project = factories.project()
    works = [
        partial(send, project, [event_body(id=f"e{n}", data={"n": rival}) for n in range(20)])
        for rival in range(RIVALS)
    ]
    counts: Counter[str] = Counter()
    for outcomes in at_once(works):
        assert not isinstance(outcomes, Exception), outcomes
        counts.update(outcome.outcome for outcome in outcomes)
    assert counts == {"accepted": 20, "conflict": 20 * (RIVALS - 1)}


def test_the_same_failure_from_rivals_is_kept_once() -> None:
    project = factories.project()
    body = event_body(id="")
    for outcomes in at_once([partial(send, project, [body]) for _ in range(RIVALS)]):
        assert not isinstance(outcomes, Exception), outcomes
    assert FailedEvent.objects.get().count == RIVALS


def test_rivals_void_an_event_once() -> None:
    project = factories.project()
    send(project, [event_body(id="a")])

    def void() -> Voided:
        return run_atomic(
            partial(
                void_event,
                project=project,
                source="test",
                event_id="a",
                reason="r",
                actor=SYSTEM,
                at=START,
            )
        )

    answers = at_once([void] * RIVALS)
    assert sorted(answer.replayed for answer in answers if isinstance(answer, Voided)) == [
        False,
        *[True] * (RIVALS - 1),
    ]
    assert EventRetraction.objects.count() == 1
    assert DirtyMark.objects.count() == 2


def test_a_bound_waits_for_what_holds_the_order_of_arrival_open() -> None:
    project = factories.project()
    send(project, [event_body()])
    stored, commit, taken = threading.Event(), threading.Event(), threading.Event()
    bounds: list[ArrivalBound] = []

    def slow() -> None:
        with transaction.atomic():
            accept_events(project=project, bodies=[event_body(id="slow")], at=START)
            stored.set()
            assert commit.wait(timeout=20)
        connection.close()

    def bound() -> None:
        bounds.append(take_bound(project))
        taken.set()
        connection.close()

    threads = [threading.Thread(target=slow), threading.Thread(target=bound)]
    threads[0].start()
    assert stored.wait(timeout=20)
    send(project, [event_body(id="quick")])
    threads[1].start()
    assert not taken.wait(timeout=0.3)
    commit.set()
    for thread in threads:
        thread.join(timeout=20)
    assert bounds[0].event >= UsageEvent.objects.get(event_id="slow").pk


def test_nothing_below_a_bound_commits_after_it_was_taken() -> None:
    project = factories.project()
    senders = 4
    finished = threading.Event()
    running = threading.Semaphore(0)

    def sender(number: int) -> None:
        try:
            for n in range(40):
                send(project, [event_body(id=f"{number}-{n}-{k}") for k in range(5)])
        finally:
            running.release()

    def bounds() -> list[tuple[int, int]]:
        seen = []
        while not finished.is_set():
            bound = take_bound(project)
            seen.append((bound.event, UsageEvent.objects.filter(pk__lte=bound.event).count()))
        return seen

    def end() -> None:
        for _ in range(senders):
            running.acquire(timeout=60)
        finished.set()

    works: list[Any] = [partial(sender, number) for number in range(senders)]
    results = at_once([*works, bounds, end])
    assert not [one for one in results if isinstance(one, Exception)]
    seen: Any = results[senders]
    assert len(seen) > 1
    for event, then in seen:
        assert UsageEvent.objects.filter(pk__lte=event).count() == then


def test_windows_rebuilt_while_events_arrive_end_up_right() -> None:
    project = factories.project()
    meter = factories.meter(project=project, aggregation="sum", value_property="n")
    finished = threading.Event()

    def sender() -> None:
        try:
            for n in range(60):
                send(project, [event_body(data={"n": 1}, subject=f"s{n % 3}")])
        finally:
            finished.set()

    def builder() -> None:
        while not finished.is_set():
            run_atomic(partial(rebuild_windows, project))

    results = at_once([sender, builder, builder])
    assert not [one for one in results if isinstance(one, Exception)]
    end = START.replace(day=2)
    for last_rebuild in (False, True):
        if last_rebuild:
            run_atomic(partial(rebuild_windows, project))
        needs = [
            UsageNeed(pk, meter.pk, "UTC", START, end, None)
            for pk in Subject.objects.values_list("id", flat=True)
        ]
        bound = known_bound(project)
        windows = usage_of(project, needs, bound=bound, source="windows")
        assert windows == usage_of(project, needs, bound=bound, source="raw")
        assert [usage.quantity for usage in windows] == [20, 20, 20]
    assert Fence.objects.count() == 1
    assert WindowFence.objects.count() == 3


def test_windows_of_two_subjects_are_rebuilt_at_once_and_of_one_in_turn() -> None:
    project = factories.project()
    factories.meter(project=project)
    send(project, [event_body(subject="first"), event_body(subject="second")])
    first, second = Subject.objects.order_by("external_id")
    held, go_on = threading.Event(), threading.Event()
    again = threading.Event()

    def slow() -> None:
        with transaction.atomic():
            rebuild_windows(project, subject_ids=[first.pk])
            held.set()
            assert go_on.wait(timeout=20)
        connection.close()

    def same() -> None:
        run_atomic(partial(rebuild_windows, project, subject_ids=[first.pk]))
        again.set()
        connection.close()

    threads = [threading.Thread(target=slow), threading.Thread(target=same)]
    threads[0].start()
    assert held.wait(timeout=20)
    assert run_atomic(partial(rebuild_windows, project, subject_ids=[second.pk])) == 1
    # Nor does ingest wait: what it stores holds the subject's own row.
    send(project, [event_body(subject="first")])
    threads[1].start()
    assert not again.wait(timeout=0.3)
    go_on.set()
    for thread in threads:
        thread.join(timeout=20)
    assert again.is_set()
    assert DirtyMark.objects.count() == 0
