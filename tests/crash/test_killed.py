"""The process is killed at a point and the work run again: the end is that of an undisturbed run.

All points, on both databases: bin/bench crash.
"""

from collections.abc import Callable

import pytest
from django.db import connection, transaction

from neruba.models import Customer
from tests import factories
from tests.crash.killing import (
    AFTER_COMMIT,
    BEFORE_COMMIT,
    END,
    NotKilledError,
    kill_at,
    points_of,
)
from tests.crash.operations import OPERATIONS, Operation
from tests.crash.stage import Stage

pytestmark = [
    pytest.mark.usefixtures("shared_database"),
    # Python 3.12 and later warn where another test left a thread, such as a progress bar's.
    pytest.mark.filterwarnings("ignore:This process:DeprecationWarning"),
]

# A prime, so that the sample falls on every kind of statement in turn; short operations are killed
# at each of their points.
EVERY = 11
SHORT = 60


def two_customers() -> Callable[[], None]:
    """Work of two transactions, each of which makes a customer."""
    project = factories.project()

    def work() -> None:
        for name in ("first", "second"):
            with transaction.atomic():
                factories.customer(project=project, external_id=name)

    return work


def stored() -> list[str]:
    return list(Customer.objects.order_by("pk").values_list("external_id", flat=True))


def test_the_parent_sees_what_a_child_committed() -> None:
    points = points_of(two_customers())
    assert stored() == ["first", "second"]
    assert points.count(BEFORE_COMMIT) == points.count(AFTER_COMMIT) == 2
    assert "INSERT neruba_customer" in points
    assert points[-1] == END


def test_a_killed_child_leaves_what_it_had_committed_and_no_more() -> None:
    points = points_of(two_customers())
    firsts, seconds = [
        [number for number, kind in enumerate(points, 1) if kind == wanted]
        for wanted in (BEFORE_COMMIT, AFTER_COMMIT)
    ]
    between = [
        number
        for number, kind in enumerate(points, 1)
        if kind == "INSERT neruba_customer" and number > seconds[0]
    ]
    for point, names in (
        (firsts[0], []),
        (seconds[0], ["first"]),
        (between[0], ["first"]),
        (firsts[1], ["first"]),
        (seconds[1], ["first", "second"]),
        (len(points), ["first", "second"]),
    ):
        before = len(stored())
        assert kill_at(point, two_customers()) == points[point - 1]
        assert stored()[before:] == names, f"point {point}"


def test_work_that_ends_before_its_point_was_not_killed() -> None:
    points = points_of(two_customers())
    with pytest.raises(NotKilledError):
        kill_at(len(points) + 1, two_customers())


def test_work_that_fails_before_its_point_was_not_killed() -> None:
    work = two_customers()
    work()

    def fails() -> None:
        work()
        raise RuntimeError("this is why")

    with pytest.raises(NotKilledError, match="this is why"):
        kill_at(1000, fails)
    with pytest.raises(AssertionError, match="this is why"):
        points_of(fails)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_killed_and_run_again_it_ends_like_an_undisturbed_run(operation: Operation) -> None:
    stage = Stage(operation)
    for point in sample(stage):
        assert stage.killed_at(point) == stage.expected, f"{point}: {stage.points[point - 1]}"


def sample(stage: Stage) -> list[int]:
    if connection.vendor != "sqlite":
        return stage.each_kind()
    every = 1 if len(stage.points) < SHORT else EVERY
    return list(range(1, len(stage.points) + 1, every))
