"""What a need may ask besides its interval, and what that costs."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from ingest.aggregation.meter import Filter
from ingest.aggregation.registry import AGGREGATIONS
from ingest.models import Meter, UsageEvent, UsageWindow, WindowSeries
from ingest.selectors.bounds import known_bound
from ingest.selectors.readings import Source
from ingest.selectors.usage import Detail, GroupUsage, Usage, UsageNeed, usage_of
from ingest.services.fence import take_bound
from ingest.services.windows import rebuild_windows
from neruba.models import Project, Subject
from neruba.period import Interval, parse_instant
from tests import factories
from tests.factories import event_body

pytestmark = pytest.mark.django_db

JANUARY = (parse_instant("2026-01-01T00:00:00Z"), parse_instant("2026-02-01T00:00:00Z"))
MARCH = (parse_instant("2026-03-01T00:00:00Z"), parse_instant("2026-04-01T00:00:00Z"))
KINDS = [
    (kind, carries)
    for kind, one in AGGREGATIONS.items()
    for carries in ((False, True) if one.carries else (False,))
]


@pytest.fixture
def project() -> Project:
    return factories.project(clock_at=MARCH[1])


def one_meter(project: Project, kind: str = "sum", **more: Any) -> Meter:
    value = {"count": "", "unique_count": "who"}.get(kind, "n")
    return factories.meter(project=project, aggregation=kind, value_property=value, **more)


def send(project: Project, day: str, **data: Any) -> None:
    body = event_body(time=f"2026-{day}T12:00:00Z", data={"n": 1, "who": "a", **data})
    factories.accept(body, project=project)


def need(meter: Meter, between: tuple[datetime, datetime] = JANUARY, **more: Any) -> UsageNeed:
    subject = Subject.objects.get(project=meter.project, external_id="acme")
    start, end = between
    return UsageNeed(subject.pk, meter.pk, "UTC", start, end, None, **more)


def both(asked: UsageNeed, project: Project) -> Usage:
    """From raw events, from windows that were not built yet, and from windows."""
    raw, unbuilt = (
        usage_of(project, [asked], bound=None, source=source) for source in ("raw", "windows")
    )
    rebuild_windows(project)
    assert raw == unbuilt == usage_of(project, [asked], bound=None, source="windows")
    return raw[0]


def holding(**properties: Any) -> tuple[Filter, ...]:
    return tuple(Filter.of({"property": name, "in": of}) for name, of in properties.items())


def grouped(project: Project) -> Meter:
    meter = one_meter(project, group_by=["model", "site"])
    for model, site, n, tier in (
        ("a", "eu", 1, "x"),
        ("a", "us", 2, "x"),
        ("b", "eu", 4, "y"),
        ("b", None, 8, "y"),
    ):
        send(project, "01-05", model=model, site=site, n=n, tier=tier)
    factories.accept(
        event_body(time="2026-01-05T12:00:00Z", data={"n": 16, "model": "b"}), project=project
    )
    return meter


@pytest.mark.parametrize(
    ("filters", "quantity", "of_wrong_windows"),
    [
        ({"model": ["a"]}, 3, 200),
        ({"model": ["a", "b"], "site": ["eu"]}, 5, 200),
        ({"model": ["c"]}, 0, 0),
        ({"site": [None]}, 8, 8),  # a property that is missing is not null
        ({"tier": ["y"]}, 12, 12),
        ({"model": ["b"], "tier": ["y"]}, 12, 12),
    ],
)
def test_filters_of_a_price_choose_groups_or_else_events(
    project: Project, filters: dict[str, Any], quantity: int, of_wrong_windows: int
) -> None:
    asked = need(grouped(project), filters=holding(**filters))
    assert both(asked, project).quantity == quantity
    UsageWindow.objects.update(sum="100")
    (usage,) = usage_of(project, [asked], bound=None, source="windows")
    assert usage.quantity == of_wrong_windows


def test_groups_are_told_apart_in_the_order_of_their_text(project: Project) -> None:
    usage = both(need(grouped(project), detail="groups"), project)
    assert usage.groups == (
        GroupUsage({"model": "a", "site": "eu"}, Decimal(1), 1),
        GroupUsage({"model": "a", "site": "us"}, Decimal(2), 1),
        GroupUsage({"model": "b", "site": "eu"}, Decimal(4), 1),
        GroupUsage({"model": "b", "site": None}, Decimal(24), 2),
    )
    assert usage.quantity == 31
    assert usage.events == 5


def test_values_are_those_of_the_window_in_the_order_of_time(project: Project) -> None:
    meter = one_meter(project, carry_over=True)
    for day, n in (("01-20", 3), ("01-05", 1), ("01-20", 2)):
        send(project, day, n=n)
    factories.accept(event_body(time="2025-12-01T00:00:00Z", data={"n": 100}), project=project)
    usage = both(need(meter, detail="events"), project)
    assert list(usage.values) == list(map(Decimal, (1, 3, 2)))
    assert usage.quantity == 106
    assert usage.events == 4
    assert both(need(meter), project).values == ()


def test_a_count_has_a_one_for_each_event(project: Project) -> None:
    meter = one_meter(project, "count")
    send(project, "01-05")
    send(project, "01-06")
    assert both(need(meter, detail="events"), project).values == (Decimal(1), Decimal(1))


@pytest.mark.parametrize(("kind", "carries"), KINDS)
@pytest.mark.parametrize("detail", ["total", "events"])
@pytest.mark.parametrize("source", ["windows", "raw"])
def test_hundreds_of_needs_take_as_many_queries_as_two(
    project: Project,
    kind: str,
    detail: Detail,
    source: Source,
    *,
    carries: bool,
    django_assert_max_num_queries: Any,
) -> None:
    meter = one_meter(project, kind, carry_over=carries)
    bodies = [
        event_body(subject=f"s{n}", time=time, data={"n": 2, "who": time[:7]})
        for n in range(300)
        for time in ("2025-12-05T00:00:00Z", "2026-01-05T00:00:00Z")
    ]
    factories.accept(*bodies, project=project)
    rebuild_windows(project)
    needs = [
        UsageNeed(pk, meter.pk, "UTC", *JANUARY, "", detail=detail)
        for pk in Subject.objects.filter(project=project).values_list("id", flat=True)
    ]
    with django_assert_max_num_queries(8):
        usages = usage_of(project, needs, bound=None, source=source)
    assert len(usages) == 300
    assert len(set(usages)) == 300  # each has a checksum of its own
    assert {usage.events for usage in usages} == {1 + carries}


def test_a_level_is_read_from_windows_alone(
    project: Project, django_assert_num_queries: Any
) -> None:
    meter = one_meter(project, carry_over=True)
    mean = one_meter(project, "weighted_sum", carry_over=True)
    for day in ("01-05", "01-06", "02-07"):
        send(project, day)
    rebuild_windows(project)
    UsageWindow.objects.update(sum="100")
    bound = known_bound(project)
    wanted = [need(meter, MARCH)]
    with django_assert_num_queries(5) as asked:
        (usage,) = usage_of(project, wanted, bound=bound, source="windows")
    read = [query["sql"] for query in asked.captured_queries]
    assert not [sql for sql in read if UsageEvent._meta.db_table in sql]
    # Of a mean level the events of the window besides, and none before it.
    (weighed,) = usage_of(project, [need(mean, MARCH)], bound=bound, source="windows")
    assert usage.quantity == weighed.quantity == 300


def test_days_before_that_changed_are_read_again_and_no_others(project: Project) -> None:
    meter = one_meter(project, carry_over=True)
    for day in ("01-05", "01-06", "02-07"):
        send(project, day)
    rebuild_windows(project)
    bound = take_bound(project)
    UsageWindow.objects.filter(day="2026-01-05").update(sum="100")
    send(project, "02-07")
    assert usage_of(project, [need(meter, MARCH)], bound=None, source="windows")[0].quantity == 103
    assert usage_of(project, [need(meter, MARCH)], bound=bound, source="windows")[0].quantity == 102
    rebuild_windows(project)  # now 7 February knows more than the bound
    assert usage_of(project, [need(meter, MARCH)], bound=bound, source="windows")[0].quantity == 102
    assert usage_of(project, [need(meter, MARCH)], bound=None, source="windows")[0].quantity == 103


def test_levels_of_several_windows_at_once_are_each_its_own(project: Project) -> None:
    meters = [one_meter(project, kind, carry_over=True) for kind in ("sum", "weighted_sum")]
    for day in ("01-05", "02-07", "03-01"):
        send(project, day)
    rebuild_windows(project)
    send(project, "01-06")
    february = (JANUARY[1], MARCH[0])
    for meter in meters:
        needs = [need(meter, between) for between in (MARCH, JANUARY, february)]
        found = usage_of(project, needs, bound=None, source="windows")
        assert found == usage_of(project, needs, bound=None, source="raw")
        assert [usage.events for usage in found] == [4, 2, 3]


def test_windows_are_kept_for_those_whom_they_serve(project: Project) -> None:
    for kind, carries in KINDS:
        one_meter(project, kind, carry_over=carries)
    send(project, "01-05")
    rebuild_windows(project)
    rebuild_windows(project, subject_ids=[Subject.objects.get(project=project).pk])
    kept = WindowSeries.objects.values_list("meter__aggregation", "meter__carry_over")
    assert sorted(kept) == [
        *(("count", False), ("max", False), ("min", False), ("sum", False), ("sum", True)),
        ("weighted_sum", True),
    ]


def test_a_window_without_length_has_the_level_that_it_opens_with(project: Project) -> None:
    meter = one_meter(project, "weighted_sum", carry_over=True)
    send(project, "01-05", n=7)
    noon = parse_instant("2026-01-05T12:00:00Z")
    later = noon + timedelta(microseconds=1)
    assert both(need(meter, (noon, noon)), project).quantity == 0
    assert both(need(meter, (later, later)), project).quantity == 7


def part(first: str, last: str) -> Interval:
    """From noon to noon: the days of both are cut."""
    return Interval(*(parse_instant(f"2026-{day}T12:00:00Z") for day in (first, last)))


def test_parts_count_what_lies_in_them_from_their_first_instant_to_before_their_last(
    project: Project,
) -> None:
    meter = one_meter(project)
    for day, n in (("01-05", 1), ("01-10", 2), ("01-20", 4), ("01-25", 8)):
        send(project, day, n=n)
    parts = (part("01-05", "01-10"), part("01-20", "01-25"))
    usage = both(need(meter, parts=parts, detail="events"), project)
    assert usage.quantity == 5
    assert usage.events == 2
    assert usage.values == (Decimal(1), Decimal(4))


def test_parts_of_a_level_name_its_events_between_them_and_price_only_their_own(
    project: Project,
) -> None:
    meters = [one_meter(project, kind, carry_over=True) for kind in ("sum", "weighted_sum")]
    factories.accept(event_body(time="2025-12-01T00:00:00Z", data={"n": 100}), project=project)
    for day, n in (("01-02", 1), ("01-10", 2), ("01-15", 4), ("01-20", 8), ("01-25", 16)):
        send(project, day, n=n)
    parts = (part("01-05", "01-15"), part("01-20", "01-25"))
    # The mean: 101 for 5 days, 103 for 5 and 115 for 5, over 31.
    for meter, quantity in zip(meters, ("115", "51.451612903"), strict=True):
        usage = both(need(meter, parts=parts, detail="events"), project)
        assert usage.quantity == Decimal(quantity)
        assert usage.events == 5
        assert usage.values == (Decimal(2), Decimal(8))


def test_groups_have_their_own_quantity_of_the_parts(project: Project) -> None:
    meter = one_meter(project, group_by=["model"])
    for day, model, n in (
        ("01-06", "a", 1),
        ("01-06", "b", 2),
        ("01-12", "a", 4),
        ("01-22", "b", 8),
    ):
        send(project, day, model=model, n=n)
    parts = (part("01-05", "01-10"), part("01-20", "01-25"))
    asked = need(meter, parts=parts, detail="groups", filters=holding(model=["a", "b"]))
    assert both(asked, project).groups == (
        GroupUsage({"model": "a"}, Decimal(1), 1),
        GroupUsage({"model": "b"}, Decimal(10), 2),
    )


def test_whole_days_of_parts_are_read_from_windows_and_days_that_are_cut_from_events(
    project: Project,
) -> None:
    meter = one_meter(project)
    for day in ("01-05", "01-07", "01-10", "01-15", "01-20", "01-22"):
        send(project, day)
    rebuild_windows(project)
    UsageWindow.objects.update(sum="100")
    # Noon of the 15th, where two parts touch, cuts nothing.
    parts = (part("01-05", "01-10"), part("01-10", "01-15"), part("01-15", "01-20"))
    asked = [need(meter, parts=parts), need(meter, parts=(parts[0], part("01-22", "01-23")))]
    found = usage_of(project, asked, bound=None, source="windows")
    assert [usage.quantity for usage in found] == [1 + 300, 1 + 100 + 1]


@pytest.mark.parametrize(("kind", "carries"), KINDS)
@pytest.mark.parametrize("source", ["windows", "raw"])
def test_hundreds_of_needs_for_parts_take_as_many_queries_as_two(
    project: Project,
    kind: str,
    source: Source,
    *,
    carries: bool,
    django_assert_max_num_queries: Any,
) -> None:
    meter = one_meter(project, kind, carry_over=carries)
    bodies = [
        event_body(subject=f"s{n}", time=f"2026-01-{day}T00:00:00Z", data={"n": 2, "who": day})
        for n in range(150)
        for day in ("05", "15", "25")
    ]
    factories.accept(*bodies, project=project)
    rebuild_windows(project)
    turns = [(part("01-01", "01-10"), part("01-20", "01-31")), (part("01-10", "01-20"),)]
    needs = [
        UsageNeed(pk, meter.pk, "UTC", *JANUARY, "", parts=parts)
        for pk in Subject.objects.filter(project=project).values_list("id", flat=True)
        for parts in turns
    ]
    with django_assert_max_num_queries(8):
        usages = usage_of(project, needs, bound=None, source=source)
    assert len(set(usages)) == 300  # each has a checksum of its own


@pytest.mark.parametrize(
    "parts",
    [
        (part("01-10", "01-15"), part("01-05", "01-10")),
        (part("01-05", "01-10"), part("01-09", "01-15")),
        (part("01-05", "01-05"),),
        (part("01-25", "02-25"),),
    ],
    ids=["out of order", "overlapping", "empty", "outside"],
)
def test_parts_that_are_none_of_the_time_are_refused(parts: tuple[Interval, ...]) -> None:
    with pytest.raises(ValueError, match="is empty, out of order, or outside"):
        UsageNeed(1, 1, "UTC", *JANUARY, None, parts=parts)
