"""Windows: built from marks, exact at every bound, never in the way of what arrives."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from ingest.models import DirtyMark, Meter, UsageEvent, UsageWindow, WindowSeries
from ingest.selectors.bounds import ArrivalBound, known_bound
from ingest.selectors.usage import Usage, UsageNeed, usage_of
from ingest.services.fence import take_bound
from ingest.services.void import void_event
from ingest.services.windows import rebuild_windows
from neruba.actor import SYSTEM
from neruba.models import Project, Subject
from neruba.period import parse_instant
from tests import factories
from tests.factories import event_body

pytestmark = pytest.mark.django_db

JANUARY = (parse_instant("2026-01-01T00:00:00Z"), parse_instant("2026-02-01T00:00:00Z"))


@pytest.fixture
def project() -> Project:
    return factories.project(clock_at=JANUARY[1])


@pytest.fixture
def meter(project: Project) -> Meter:
    return factories.meter(project=project, aggregation="sum", value_property="n")


def send(project: Project, *days: int, n: int = 1, **attributes: Any) -> None:
    bodies = [
        event_body(time=f"2026-01-{day:02}T12:00:00Z", data={"n": n}, **attributes) for day in days
    ]
    factories.accept(*bodies, project=project)


def subject_id(name: str = "acme") -> int:
    return Subject.objects.get(external_id=name).pk


def both(
    meter: Meter,
    bound: ArrivalBound | None = None,
    *,
    zone: str = "UTC",
    between: tuple[datetime, datetime] = JANUARY,
    subscription: str | None = None,
) -> Usage:
    """The usage of acme, which both sources must agree on."""
    need = UsageNeed(subject_id(), meter.pk, zone, *between, subscription)
    raw = usage_of(meter.project, [need], bound=bound, source="raw")
    assert usage_of(meter.project, [need], bound=bound, source="windows") == raw
    return raw[0]


def test_marks_become_windows(project: Project, meter: Meter) -> None:
    send(project, 3, 3, 5)
    assert DirtyMark.objects.count() == 2
    assert rebuild_windows(project) == 2
    assert not DirtyMark.objects.exists()
    assert list(UsageWindow.objects.order_by("day").values_list("day", "count", "sum")) == [
        (date(2026, 1, 3), 2, "2"),
        (date(2026, 1, 5), 1, "1"),
    ]
    assert both(meter).quantity == 3


def test_rebuilding_again_changes_nothing(project: Project, meter: Meter) -> None:
    send(project, 3, 5)
    rebuild_windows(project)
    before = list(UsageWindow.objects.order_by("id").values())
    assert rebuild_windows(project) == 0
    assert rebuild_windows(project, subject_ids=[subject_id()]) == 0
    assert list(UsageWindow.objects.order_by("id").values()) == before


def test_only_what_changed_is_written(project: Project, meter: Meter) -> None:
    send(project, 3, 5)
    rebuild_windows(project)
    untouched = UsageWindow.objects.get(day="2026-01-03").pk
    send(project, 5)
    assert rebuild_windows(project) == 1
    assert UsageWindow.objects.get(day="2026-01-03").pk == untouched


def test_windows_follow_the_zone_of_the_customer(project: Project, meter: Meter) -> None:
    factories.customer(project=project, external_id="acme", timezone="Pacific/Kiritimati")
    send(project, 3)
    rebuild_windows(project)
    assert UsageWindow.objects.get().zone == "Pacific/Kiritimati"
    assert UsageWindow.objects.get().day == date(2026, 1, 4)


def test_a_zone_asked_for_gets_its_series_and_keeps_it(project: Project, meter: Meter) -> None:
    send(project, 3)
    rebuild_windows(project, zones={subject_id(): ["Asia/Kolkata"]})
    send(project, 4)
    rebuild_windows(project)
    assert WindowSeries.objects.count() == 2
    assert UsageWindow.objects.filter(zone="Asia/Kolkata").count() == 2
    assert both(meter, zone="Asia/Kolkata").quantity == 2


def test_a_meter_made_after_the_events_is_built_from_all_of_them(project: Project) -> None:
    send(project, 3, 5)
    rebuild_windows(project)
    late = factories.meter(project=project)
    assert both(late).quantity == 2
    assert rebuild_windows(project, subject_ids=[subject_id()]) == 2
    assert both(late).quantity == 2


def test_a_new_meter_is_built_whole_although_only_one_day_is_marked(project: Project) -> None:
    send(project, 3, 5)
    rebuild_windows(project)
    late = factories.meter(project=project)
    send(project, 7)
    rebuild_windows(project)
    assert WindowSeries.objects.filter(meter=late).exists()
    assert both(late).quantity == 3


def test_values_that_a_later_meter_cannot_use_are_left_out_and_counted(project: Project) -> None:
    factories.accept(
        event_body(data={"n": 2}), event_body(data={"n": "x"}), event_body(), project=project
    )
    late = factories.meter(project=project, aggregation="max", value_property="n")
    rebuild_windows(project)
    assert both(late) == Usage(Decimal(2), 2, both(late).checksum)
    assert UsageWindow.objects.get().unusable == 1


def test_a_bound_is_kept_whatever_comes_after(project: Project, meter: Meter) -> None:
    send(project, 3, 5)
    rebuild_windows(project)
    bound = take_bound(project)
    then = both(meter, bound)
    send(project, 5, 7, n=100)
    assert both(meter, bound) == then
    rebuild_windows(project)
    assert both(meter, bound) == then
    assert both(meter).quantity == 202
    assert both(meter, take_bound(project)) == both(meter)


def test_a_bound_before_a_retraction_still_counts_the_event(project: Project, meter: Meter) -> None:
    send(project, 3, id="a")
    bound = take_bound(project)
    void_event(
        project=project, source="test", event_id="a", reason="r", actor=SYSTEM, at=JANUARY[1]
    )
    for _ in range(2):
        assert both(meter, bound).quantity == 1
        assert both(meter, take_bound(project)) == Usage(Decimal(0), 0, "0" * 64)
        rebuild_windows(project)
    assert UsageWindow.objects.get().last_retraction == known_bound(project).retraction


def test_parts_of_days_are_read_from_raw_events(project: Project, meter: Meter) -> None:
    send(project, 1, 2, 3, 4)
    rebuild_windows(project)
    noon = parse_instant("2026-01-01T12:00:00Z")
    later_noon = parse_instant("2026-01-04T12:00:00Z")
    assert both(meter, between=(noon, later_noon)).quantity == 3
    assert both(meter, between=(noon, noon)).quantity == 0


def test_usage_of_a_subscription_is_its_own_and_what_names_none(
    project: Project, meter: Meter
) -> None:
    send(project, 3, n=1)
    send(project, 3, n=10, subscription="one")
    send(project, 3, n=100, subscription="two")
    for _ in range(2):
        quantities = [both(meter, subscription=name).quantity for name in ("one", "two", "", None)]
        assert quantities == [11, 101, 1, 111]
        rebuild_windows(project)


def test_marks_of_types_that_nobody_reads_go(project: Project, meter: Meter) -> None:
    send(project, 3, type="sms")
    assert rebuild_windows(project) == 0
    assert not DirtyMark.objects.exists()


def test_only_the_subjects_asked_for_are_rebuilt(project: Project, meter: Meter) -> None:
    send(project, 3)
    send(project, 3, subject="other")
    assert rebuild_windows(project, subject_ids=[subject_id()]) == 1
    assert DirtyMark.objects.get().subject_id == subject_id("other")


def test_other_projects_are_left_alone(project: Project, meter: Meter) -> None:
    send(project, 3)
    rebuild_windows(factories.project())
    assert DirtyMark.objects.count() == 1


@pytest.mark.parametrize("source", ["windows", "raw"])
def test_hundreds_of_needs_take_as_many_queries_as_two(
    project: Project, meter: Meter, source: Any, django_assert_max_num_queries: Any
) -> None:
    factories.accept(*(event_body(subject=f"s{n}") for n in range(300)), project=project)
    rebuild_windows(project)
    needs = [
        UsageNeed(pk, meter.pk, "UTC", *JANUARY, "")
        for pk in Subject.objects.filter(project=project).values_list("id", flat=True)
    ]
    with django_assert_max_num_queries(6):
        usages = usage_of(project, needs, bound=None, source=source)
    assert [usage.quantity for usage in usages] == [1] * 300


def test_clean_windows_need_no_raw_events(
    project: Project, meter: Meter, django_assert_num_queries: Any
) -> None:
    send(project, *range(1, 29))
    rebuild_windows(project)
    need = UsageNeed(subject_id(), meter.pk, "UTC", *JANUARY, "")
    bound = known_bound(project)
    with django_assert_num_queries(4) as asked:
        usage_of(project, [need], bound=bound, source="windows")
    read = [query["sql"] for query in asked.captured_queries]
    assert not [sql for sql in read if UsageEvent._meta.db_table in sql]


def test_bounds_know_only_their_project(project: Project, meter: Meter) -> None:
    send(project, 3)
    assert take_bound(factories.project()) == ArrivalBound(0, 0)
    assert take_bound(project) == known_bound(project)
