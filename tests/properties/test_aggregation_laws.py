"""Laws of aggregations: what each makes of any events, against the plainest way to say it."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from itertools import count
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from ingest.aggregation.registry import AGGREGATIONS
from ingest.aggregation.rounding import QUANTITY, Rounding
from ingest.aggregation.state import Entry, State
from ingest.models import Meter
from ingest.selectors.reports import Size, usage_rows
from ingest.selectors.usage import GroupUsage, UsageNeed, usage_of
from ingest.services.windows import rebuild_windows
from neruba.decimals import exact, plain
from neruba.models import Customer, Project, Subject
from neruba.period import Interval, rfc3339
from tests import factories
from tests.properties.test_usage_laws import AFTER, ZONES, Parts, parts_of

KINDS = [
    (kind, carries)
    for kind, one in AGGREGATIONS.items()
    for carries in ((False, True) if one.carries else (False,))
]
MINUTES = 14 * 24 * 60
FIRST = datetime(2026, 10, 22, tzinfo=UTC)  # the clocks change on 25 October and 1 November
MICROSECOND = timedelta(microseconds=1)
# Each builds meters by the dozen: a fraction of the examples of a plain law.
EXAMPLES = max(5, int(os.environ.get("NERUBA_EXAMPLES", "50")) // 4)
_ids = count(1)


def at(minutes: int, micros: int) -> datetime:
    return FIRST + timedelta(minutes=minutes, microseconds=micros)


instants = st.builds(at, st.integers(0, MINUTES), st.sampled_from([0, 0, 1, 999_999]))
# Half a level of numbers that need every digit, half of those with which levels go up and down.
numbers = st.decimals(-(10**18), 10**18, places=9) | st.integers(-3, 3).map(Decimal)
use = st.fixed_dictionaries(
    {
        "at": instants,
        "n": numbers,
        "item": st.sampled_from(["x", "y", "1", 1]),
        "removes": st.booleans(),
        "model": st.sampled_from(["a", "b"]),
    }
)
# In the order of their identities, which is the order in which a batch arrives.
usages = st.lists(use, max_size=10)
spans = (
    st.tuples(instants, instants)
    .filter(lambda pair: pair[0] != pair[1])
    .map(lambda pair: (min(pair), max(pair)))
)
Span = tuple[datetime, datetime]
Used = dict[str, Any]


def said_plainly(
    kind: str,
    used: Sequence[Used],
    start: datetime,
    end: datetime,
    *,
    carries: bool,
    parts: Parts = (),
) -> Fraction:
    """The quantity by the words of docs/usage.md."""
    parts = parts or (Interval(start, end),)
    ordered = sorted(used, key=lambda one: one["at"])  # stable: then by arrival
    own = [one for one in ordered if any(one["at"] in part for part in parts)]
    known = evidence(kind, ordered, start, carries=carries, parts=parts)
    values = [Fraction(one["n"]) for one in own]
    if kind == "count":
        return Fraction(len(own))
    if kind == "sum":
        return sum((Fraction(one["n"]) for one in known), Fraction())
    if kind in {"max", "min"}:
        return {"max": max, "min": min}[kind](values, default=Fraction())
    if kind == "latest":
        return max(Fraction(), values[-1]) if values else Fraction()
    if kind == "unique_count":
        present: set[Any] = set()
        for one in known:
            (present.discard if one["removes"] else present.add)(one["item"])
        return Fraction(len(present))
    assert kind == "weighted_sum"
    # The level between one change and the next, held for as long as that is.
    level, since, area = Fraction(), start, Fraction()
    for one in known:
        moment = max(one["at"], start)
        area += level * held(since, moment, parts)
        level, since = level + Fraction(one["n"]), moment
    return (area + level * held(since, end, parts)) / ((end - start) // MICROSECOND)


def evidence(
    kind: str, used: Sequence[Used], start: datetime, *, carries: bool, parts: Parts
) -> list[Used]:
    """The events that the quantity of these parts follows from."""
    if carries or kind == "weighted_sum":
        until = parts[-1].end
        return [one for one in used if one["at"] < until and (carries or one["at"] >= start)]
    return [one for one in used if any(one["at"] in part for part in parts)]


def held(start: datetime, end: datetime, parts: Parts) -> int:
    """The microseconds of these instants that lie in the parts."""
    shared = (part.intersection(Interval(start, end)) for part in parts)
    return sum(one.duration // MICROSECOND for one in shared if one is not None)


def body(used: Used, number: int) -> dict[str, Any]:
    operation = {"operation": "remove"} if used["removes"] else {}
    return {
        "id": f"{number:03}",
        "source": "s",
        "type": "call",
        "subject": "acme",
        "time": rfc3339(used["at"]),
        "data": {
            "n": plain(used["n"]),
            "item": used["item"],
            "model": used["model"],
            **operation,
        },
    }


def world(zone: str = "UTC", **more: Any) -> tuple[Project, Customer, list[Meter]]:
    project = factories.project(clock_at=AFTER, slug=f"laws-{next(_ids)}")
    customer = factories.customer(project=project, external_id="acme", timezone=zone)
    values = {"count": "", "unique_count": "item"}
    meters = [
        factories.meter(
            project=project,
            aggregation=kind,
            value_property=values.get(kind, "n"),
            group_by=["model"],
            carry_over=carries,
            **more,
        )
        for kind, carries in KINDS
    ]
    return project, customer, meters


def subject_of(project: Project) -> int:
    return Subject.objects.get(project=project, external_id="acme").pk


class AggregationLaws(TestCase):
    @given(usages, spans, st.sampled_from(ZONES), st.booleans(), st.data())
    def test_each_aggregation_is_what_its_words_say(
        self,
        used: list[Used],
        span: Span,
        zone: str,
        is_built: bool,  # noqa: FBT001 - drawn
        data: st.DataObject,
    ) -> None:
        cuts = st.sampled_from([one["at"] for one in used] or [span[0]])
        parts = data.draw(parts_of(span, instants | cuts))
        project, _, meters = world(zone)
        if used:
            factories.accept(*(body(one, n) for n, one in enumerate(used)), project=project)
        if is_built:
            rebuild_windows(project)
        subject = subject_of(project)
        needs = [
            UsageNeed(subject, meter.pk, zone, *span, None, detail="groups", parts=parts)
            for meter in meters
        ]
        found = usage_of(project, needs, bound=None, source="windows")
        for (kind, carries), usage in zip(KINDS, found, strict=True):
            plainly = said_plainly(kind, used, *span, carries=carries, parts=parts)
            assert usage.quantity == QUANTITY.apply(plainly), (kind, carries)
            groups = []
            for model in ("a", "b"):
                of = [one for one in used if one["model"] == model]
                counted = parts or (Interval(*span),)
                events = len(evidence(kind, of, span[0], carries=carries, parts=counted))
                if events:
                    plainly = said_plainly(kind, of, *span, carries=carries, parts=parts)
                    groups.append(GroupUsage({"model": model}, QUANTITY.apply(plainly), events))
            assert usage.events == sum(group.events for group in groups), (kind, carries)
            assert list(usage.groups) == groups, (kind, carries)

    @settings(max_examples=EXAMPLES)
    @given(
        # Of two at one instant the order of arrival decides, by design.
        st.lists(use, min_size=1, max_size=8, unique_by=lambda one: one["at"]),
        spans,
        st.randoms(use_true_random=False),
    )
    def test_the_order_of_arrival_changes_nothing(
        self, used: list[Used], span: Span, random: Any
    ) -> None:
        bodies = [body(one, n) for n, one in enumerate(used)]
        answers = []
        for shuffled in (False, True):
            project, _, meters = world()
            if shuffled:
                random.shuffle(bodies)
            for one in bodies:
                factories.accept(one, project=project)
                if random.random() < 0.3:
                    rebuild_windows(project)
            subject = subject_of(project)
            needs = [UsageNeed(subject, meter.pk, "UTC", *span, None) for meter in meters]
            answers.append(usage_of(project, needs, bound=None, source="windows"))
        assert answers[0] == answers[1]

    @settings(max_examples=EXAMPLES)
    @given(usages, spans, st.sampled_from(ZONES), st.sampled_from(["day", "week", "month"]))
    def test_rows_of_usage_are_the_usage_of_their_windows(
        self, used: list[Used], span: Span, zone: str, size: Size
    ) -> None:
        project, customer, meters = world(zone)
        if used:
            factories.accept(*(body(one, n) for n, one in enumerate(used)), project=project)
        rebuild_windows(project)
        subject = subject_of(project)
        for meter in meters:
            for group_by in ([], ["model"]):
                rows = usage_rows(
                    *(customer, meter, Interval(*span)), size=size, group_by=group_by, at=AFTER
                )
                windows = list(dict.fromkeys((row.window.start, row.window.end) for row in rows))
                needs = [
                    UsageNeed(subject, meter.pk, zone, *window, None, detail="groups")
                    for window in windows
                ]
                asked = usage_of(project, needs, bound=None, source="raw")
                expected: list[tuple[Any, ...]] = []
                for window, usage in zip(windows, asked, strict=True):
                    if group_by:
                        expected += [
                            (window, dict(one.by), one.quantity, one.events) for one in usage.groups
                        ]
                    else:
                        expected.append((window, {}, usage.quantity, usage.events))
                assert [
                    ((row.window.start, row.window.end), row.group, row.quantity, row.events)
                    for row in rows
                ] == expected


entries = st.lists(
    st.builds(
        lambda minutes, number, value, item, removes: Entry(
            f"{at(minutes, 0):%Y-%m-%d %H:%M:%S}", number, value, ("other", item), removes
        ),
        st.integers(0, MINUTES - 1),
        st.integers(1, 10**6),
        numbers,
        st.sampled_from("xyz"),
        st.booleans(),
    ),
    unique_by=lambda entry: entry.id,
    max_size=9,
)


@given(
    st.sampled_from(sorted(AGGREGATIONS)), entries, st.lists(st.integers(0, MINUTES), max_size=3)
)
def test_what_is_carried_from_window_to_window_is_what_was_there(
    kind: str, given_entries: list[Entry], cuts: list[int]
) -> None:
    aggregation = AGGREGATIONS[kind]
    if not aggregation.carries:
        return
    bounds = sorted({0, *cuts, MINUTES})
    carried, start = State(), at(0, 0)
    for minutes in bounds[1:]:
        end = at(minutes, 0)
        before = state_of(given_entries, at(0, 0), start)
        window = state_of(given_entries, start, end)
        with exact():
            expected = aggregation.result(before, window, start=start, end=end)
            assert aggregation.result(carried, window, start=start, end=end) == expected
        carried, start = aggregation.carried(carried, window), end


def state_of(several: list[Entry], start: datetime, end: datetime) -> State:
    state = State()
    for entry in several:
        if start <= datetime.fromisoformat(entry.at).replace(tzinfo=UTC) < end:
            state.add(entry.value, entry.id.to_bytes(32, "big"))
            state.entries.append(entry)
    return state


roundings = st.builds(Rounding, st.sampled_from(["half_up", "up", "down"]), st.integers(-18, 9))
PYTHONS = {"half_up": ROUND_HALF_UP, "up": ROUND_CEILING, "down": ROUND_FLOOR}


@given(roundings, st.decimals(-(10**19), 10**19, places=12))
def test_a_rounding_is_the_one_of_its_name(rounding: Rounding, value: Decimal) -> None:
    unit = Decimal(1).scaleb(-rounding.places)
    expected = value.quantize(unit, PYTHONS[rounding.mode], Context(prec=60))
    found = rounding.apply(value)
    assert found == expected
    assert found == rounding.apply(Fraction(value)) == rounding.apply(found)


@given(roundings, st.integers(-(10**20), 10**20), st.integers(1, 10**9))
def test_what_has_no_end_is_rounded_once(rounding: Rounding, above: int, below: int) -> None:
    value = Fraction(above, below)
    step = Fraction(10) ** -rounding.places
    found = Fraction(rounding.apply(value))
    assert (found / step).denominator == 1
    off = found - value
    nothing = Fraction()
    low, high = {
        "half_up": (-step / 2, step / 2),
        "up": (nothing, step),
        "down": (-step, nothing),
    }[rounding.mode]
    assert low <= off <= high
    assert abs(off) < step
