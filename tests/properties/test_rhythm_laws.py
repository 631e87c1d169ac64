"""Laws of rhythms that go together, and of the boundaries that they share."""

from datetime import UTC, datetime, timedelta
from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.rating.decisions import Decision
from billing.rating.plan import parse_plan_price
from billing.rating.proration import Basis
from billing.rating.rhythm import Anchor, Rhythm, UnnestedError, from_finest, nests
from billing.rating.terms import Terms
from billing.rating.timeline import Timeline
from neruba.canonical import canonical_json

rhythms = st.builds(
    Rhythm,
    st.sampled_from(["day", "week", "month", "year"]),
    st.sampled_from([1, 2, 3, 4, 6, 7, 12, 14]),
)
anchors = st.sampled_from(["calendar", "anniversary"])
FIRST = datetime(2023, 12, 25, tzinfo=UTC)
starts = st.sampled_from([datetime(2028, 2, 29, tzinfo=UTC), datetime(2027, 1, 31, 12, tzinfo=UTC)])
starts |= st.integers(0, 1500 * 24 * 60).map(lambda minutes: FIRST + timedelta(minutes=minutes))
zones = st.sampled_from(["UTC", "Europe/Berlin", "America/Sao_Paulo", "America/Havana"])


def terms(
    plan: Rhythm, *own: Rhythm, anchor: Anchor, zone: str, start: datetime, basis: Basis = "day"
) -> Terms:
    prices = [
        {"code": f"p{i}", "kind": "recurring", "model": "flat", "amount": "1",
         "interval": rhythm.interval, "interval_count": rhythm.count}
        for i, rhythm in enumerate(own)
    ]  # fmt: skip
    return Terms(
        plan="p", plan_version=1, currency="USD", rhythm=plan, anchor=anchor, billing_day=None,
        zone=zone, basis=basis, start=start, prices=tuple(map(parse_plan_price, prices)),
    )  # fmt: skip


@given(st.tuples(rhythms, rhythms), anchors, zones, starts, st.sampled_from(["day", "second"]))
def test_every_boundary_of_a_nested_rhythm_is_one_of_the_finer(
    pair: tuple[Rhythm, Rhythm], anchor: Anchor, zone: str, start: datetime, basis: Basis
) -> None:
    one, other = pair
    try:
        agreed = terms(one, other, anchor=anchor, zone=zone, start=start, basis=basis)
        fine, *coarser = agreed.schedules.values()
    except UnnestedError:
        assert not nests(one, other, anchor)
        assert not nests(other, one, anchor)
        return
    for coarse in coarser:
        numbers = [fine.number_at(coarse.boundary(n)) for n in range(6)]
        assert [fine.boundary(n) for n in numbers] == [coarse.boundary(n) for n in range(6)]
        # The turns say the same, and name no boundary of the coarser one twice.
        code = coarse.rhythm.code
        creation = Decision(1, "create", start, start, canonical_json(agreed.content()))
        timeline = Timeline.of([creation])
        boundaries = [timeline.boundary(n) for n in range(min(numbers[-1], 400) + 1)]
        begun = [(one.number, one.begun[code].number) for one in boundaries if code in one.begun]
        assert [own for _, own in begun] == list(range(len(begun)))
        for (_, own), (number, _) in pairwise(begun):
            assert timeline.boundary_ending(code, coarse.period(own)) == number
            assert boundaries[number].ended[code] == coarse.period(own)


@given(st.lists(rhythms, min_size=1, max_size=4), anchors)
def test_rhythms_stand_from_the_finest_on_or_two_of_them_do_not_nest(
    several: list[Rhythm], anchor: Anchor
) -> None:
    pairs = list(combinations(several, 2))
    if not all(nests(one, other, anchor) or nests(other, one, anchor) for one, other in pairs):
        with pytest.raises(UnnestedError) as refused:
            from_finest(several, anchor)
        assert not nests(refused.value.rhythm, refused.value.other, anchor)
        return
    order = from_finest(several, anchor)
    assert set(order) == set(several)
    assert len(order) == len(set(order))
    assert all(nests(order[i], coarse, anchor) for i in range(len(order)) for coarse in order[i:])


@given(rhythms, rhythms, zones, starts)
def test_terms_come_back_from_their_text(
    plan: Rhythm, own: Rhythm, zone: str, start: datetime
) -> None:
    agreed = terms(plan, own, anchor="anniversary", zone=zone, start=start)
    assert Terms.read(canonical_json(agreed.content())) == agreed
