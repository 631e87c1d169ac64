"""Laws of usage in parts of a window: what a price that changed in between is rated by."""

import os
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from ingest.aggregation.registry import AGGREGATIONS
from ingest.aggregation.state import CHECKSUM_MODULUS, Entry, State
from ingest.models import Meter
from ingest.selectors.readings import Source
from ingest.selectors.usage import Detail, Usage, UsageNeed, usage_of
from ingest.services.windows import rebuild_windows
from neruba.models import Project
from neruba.period import Interval
from tests import factories
from tests.properties.test_aggregation_laws import (
    KINDS,
    Span,
    Used,
    at,
    body,
    entries,
    instants,
    numbers,
    spans,
    state_of,
    subject_of,
    usages,
    world,
)
from tests.properties.test_usage_laws import ZONES, Parts, tiles_of

# Each builds meters by the dozen: a fraction of the examples of a plain law.
EXAMPLES = max(5, int(os.environ.get("NERUBA_EXAMPLES", "50")) // 4)
# What a quantity keeps of a mean.
HALF_A_UNIT = Decimal("0.0000000005")

details: st.SearchStrategy[Detail] = st.sampled_from(["total", "groups", "events"])
sources: st.SearchStrategy[Source] = st.sampled_from(["windows", "raw"])


def used_by(used: list[Used], zone: str) -> tuple[Project, list[Meter]]:
    """A world where this was used; windows hold the first half of what arrived."""
    project, _, meters = world(zone)
    bodies = [body(one, n) for n, one in enumerate(used)]
    half = (len(bodies) + 1) // 2
    if bodies[:half]:
        factories.accept(*bodies[:half], project=project)
    rebuild_windows(project)
    if bodies[half:]:
        factories.accept(*bodies[half:], project=project)
    return project, meters


def asked(
    project: Project,
    meters: list[Meter],
    zone: str,
    several: list[tuple[Span, Parts]],
    *,
    source: Source,
    detail: Detail = "total",
) -> Iterator[tuple[str, bool, list[Usage]]]:
    """The aggregations, whether they carry over, and the usage of these parts of windows."""
    subject = subject_of(project)
    needs = [
        UsageNeed(subject, meter.pk, zone, *span, None, detail=detail, parts=parts)
        for meter in meters
        for span, parts in several
    ]
    found = usage_of(project, needs, bound=None, source=source)
    for index, (kind, carries) in enumerate(KINDS):
        yield kind, carries, found[index * len(several) :][: len(several)]


class PartsLaws(TestCase):
    @settings(max_examples=EXAMPLES)
    @given(usages, spans, st.sampled_from(ZONES), st.data())
    def test_one_part_is_a_window_of_its_own_but_for_a_mean(
        self, used: list[Used], span: Span, zone: str, data: st.DataObject
    ) -> None:
        project, meters = used_by(used, zone)
        source, detail = data.draw(sources), data.draw(details)
        part = data.draw(tiles_of(span, cuts_at(used)).flatmap(st.sampled_from))
        several = [(span, (part,)), ((part.start, part.end), ())]
        for kind, carries, (as_part, alone) in asked(
            project, meters, zone, several, source=source, detail=detail
        ):
            if kind != "weighted_sum":
                assert as_part == alone, (kind, carries)

    @settings(max_examples=EXAMPLES)
    @given(usages, spans, st.sampled_from(ZONES), st.data())
    def test_all_parts_together_are_the_window(
        self, used: list[Used], span: Span, zone: str, data: st.DataObject
    ) -> None:
        project, meters = used_by(used, zone)
        source, detail = data.draw(sources), data.draw(details)
        tiles = data.draw(tiles_of(span, cuts_at(used)))
        for kind, carries, (as_parts, whole) in asked(
            project, meters, zone, [(span, tiles), (span, ())], source=source, detail=detail
        ):
            assert as_parts == whole, (kind, carries)

    @settings(max_examples=EXAMPLES)
    @given(usages, spans, st.sampled_from(ZONES), st.data())
    def test_plans_that_take_turns_sum_to_the_window(
        self, used: list[Used], span: Span, zone: str, data: st.DataObject
    ) -> None:
        project, meters = used_by(used, zone)
        source = data.draw(sources)
        tiles = data.draw(tiles_of(span, cuts_at(used)))
        turns = [(span, parts) for parts in (tiles[::2], tiles[1::2]) if parts]
        for kind, carries, (whole, *plans) in asked(
            project, meters, zone, [(span, ()), *turns], source=source, detail="events"
        ):
            own = (kind, carries)
            values = [value for plan in plans for value in plan.values]
            assert sorted(values) == sorted(whole.values), own
            if kind == "weighted_sum":
                off = sum(plan.quantity for plan in plans) - whole.quantity
                assert abs(off) <= HALF_A_UNIT * (len(plans) + 1), own
            elif carries:
                (last,) = (plan for plan, turn in zip(plans, turns, strict=True) if ends(turn))
                assert last.quantity == whole.quantity, own
            else:
                check_additive(kind, whole, plans)


def cuts_at(used: list[Used]) -> st.SearchStrategy[datetime]:
    """Half of the cuts lie at the very instant of an event."""
    return instants | st.sampled_from([one["at"] for one in used]) if used else instants


def ends(turn: tuple[Span, Parts]) -> bool:
    (_, end), parts = turn
    return parts[-1].end == end


def check_additive(kind: str, whole: Usage, plans: list[Usage]) -> None:
    assert sum(plan.events for plan in plans) == whole.events, kind
    checksum = sum(int(plan.checksum, 16) for plan in plans) % CHECKSUM_MODULUS
    assert checksum == int(whole.checksum, 16), kind
    quantities = [plan.quantity for plan in plans if plan.events]
    if kind in {"count", "sum"}:
        assert sum(quantities) == whole.quantity, kind
    elif kind in {"max", "min"}:
        assert {"max": max, "min": min}[kind](quantities, default=0) == whole.quantity, kind


@given(
    entries,
    numbers,
    st.lists(st.integers(1, 14 * 24 * 60 - 1), unique=True, max_size=5),
)
def test_a_mean_level_is_cut_without_loss(
    given_entries: list[Entry], level: Decimal, cuts: list[int]
) -> None:
    aggregation = AGGREGATIONS["weighted_sum"]
    bounds = [at(minutes, 0) for minutes in sorted({0, *cuts, 14 * 24 * 60})]
    start, end = bounds[0], bounds[-1]
    tiles = [Interval(*pair) for pair in pairwise(bounds)]
    opening = State(total=level)
    whole = aggregation.result(opening, state_of(given_entries, start, end), start=start, end=end)
    found = [
        aggregation.result_of_parts(
            opening,
            state_of(given_entries, start, parts[-1].end),
            start=start,
            end=end,
            parts=parts,
        )
        for parts in (tiles[::2], tiles[1::2])
        if parts
    ]
    assert sum(Fraction(one) for one in found) == whole
