"""Laws of subscriptions through time: whatever is decided, periods tile, and boundaries that were
drafted stay.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from billing.rating.decisions import Decision, DecisionError
from billing.rating.plan import parse_plan_price
from billing.rating.rhythm import Rhythm
from billing.rating.schedule import BillingPeriod
from billing.rating.terms import Terms
from billing.rating.timeline import Timeline
from tests.properties.test_period_laws import anchors, bases, instants, near_midnight, zones

YEARS = timedelta(days=3653)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
# How plans bill; of each the finest comes first.
RHYTHMS: Sequence[Sequence[Rhythm]] = (
    (Rhythm("month"),),
    (Rhythm("month"), Rhythm("year")),
    (Rhythm("month"), Rhythm("month", 3), Rhythm("year")),
    (Rhythm("month", 3), Rhythm("year", 2)),
    (Rhythm("year"),),
    (Rhythm("week"),),
    (Rhythm("week", 2),),
    (Rhythm("day", 10),),
)
LONG_ENOUGH_TO_TILE = 130


def terms_of(rhythms: Sequence[Rhythm], **more: Any) -> Terms:
    """The terms of a plan with a fee of each rhythm."""
    prices = [
        {
            "code": f"fee-{rhythm.code}",
            "kind": "recurring",
            "model": "flat",
            "amount": "1",
            **({"interval": rhythm.interval, "interval_count": rhythm.count} if place else {}),
        }
        for place, rhythm in enumerate(rhythms)
    ]
    return Terms(
        plan="pro",
        plan_version=1,
        currency="USD",
        rhythm=rhythms[0],
        prices=tuple(map(parse_plan_price, prices)),
        **more,
    )


@st.composite
def created(draw: st.DrawFn) -> Terms:
    anchor = draw(anchors)
    start = draw(instants | near_midnight)
    trial_end = None
    if draw(st.sampled_from([False, False, True])):
        trial_end = start + draw(st.integers(1, 24 * 100)) * HOUR
    return terms_of(
        draw(st.sampled_from(RHYTHMS)),
        anchor=anchor,
        billing_day=draw(st.none() | st.integers(1, 31)) if anchor == "calendar" else None,
        zone=draw(zones),
        basis=draw(bases),
        start=start,
        trial_end=trial_end,
    )


Asked = tuple[str, timedelta, timedelta, Mapping[str, Any]]
# Most are asked for when they take effect, some before it.
leads = st.just(timedelta()) | st.timedeltas(timedelta(), timedelta(days=200))
laters = st.timedeltas(timedelta(), YEARS) | st.integers(0, 3600).map(lambda days: days * DAY)
asked: st.SearchStrategy[Asked] = st.one_of(
    st.tuples(st.just("set_timezone"), laters, leads, zones.map(lambda one: {"timezone": one})),
    st.tuples(
        st.just("change_plan"),
        laters,
        leads,
        st.builds(
            lambda rhythms, proration: {"rhythms": rhythms, "proration": proration},
            st.sampled_from(RHYTHMS),
            st.sampled_from(["prorate", "none", "full_period"]),
        ),
    ),
    st.tuples(st.just("end_trial"), st.timedeltas(timedelta(), 100 * DAY), leads, st.just({})),
    st.tuples(st.just("pause"), laters, leads, st.just({})),
    st.tuples(st.just("resume"), laters, leads, st.just({})),
)
ends = st.none() | st.none() | laters


def decided(terms: Terms, several: Sequence[Asked], end: timedelta | None) -> list[Decision]:
    """Decisions about a subscription, those that the ones before them forbid left out; as the
    service asks for them, a new zone begins at a boundary.
    """
    text = json.dumps(terms.content())
    found = [Decision(1, "create", terms.start, terms.start, text)]
    for type, later, lead, given_ in several:
        at = terms.start + later
        timeline = Timeline.of(found)
        content = dict(given_)
        if type == "set_timezone":
            at = next_boundary(timeline, at)
        if type == "change_plan":
            content = {"proration": content["proration"], "terms": new_plan(terms, content)}
        if type == "end_trial" and not timeline.state_at(at).in_trial:
            continue
        one = decision(timeline, type, at, max(at - lead, terms.start), content)
        try:
            Timeline.of([*found, one]).stretches  # noqa: B018 - computes all states
        except DecisionError:
            continue
        found.append(one)
    if end is not None:
        at = terms.start + end
        found.append(decision(Timeline.of(found), "cancel", at, at, {}))
    return found


def decision(
    timeline: Timeline, type: str, at: datetime, asked_at: datetime, content: Mapping[str, Any]
) -> Decision:
    return Decision(timeline.changes + 1, type, at, asked_at, json.dumps(content))


def new_plan(terms: Terms, content: Mapping[str, Any]) -> dict[str, Any]:
    rhythms = content["rhythms"]
    return terms_of(
        rhythms,
        anchor=terms.anchor,
        billing_day=terms.billing_day,
        zone=terms.zone,
        basis=terms.basis,
        start=terms.start,
    ).content()


def next_boundary(timeline: Timeline, at: datetime) -> datetime:
    """The first boundary at or after an instant."""
    stretch = next(one for one in reversed(timeline.stretches) if one.start <= at)
    own = stretch.finest.number_at(at)
    found = stretch.finest.boundary(own)
    return found if found == at else stretch.finest.boundary(own + 1)


timelines = st.builds(
    lambda terms, several, end: Timeline.of(decided(terms, several, end)),
    created(),
    st.lists(asked, max_size=5),
    ends,
)


def came_in(timeline: Timeline, rhythm: str, period: BillingPeriod) -> bool:
    """Whether a rhythm came with a change inside of its period, which so was never billed ahead."""
    return rhythm not in {one.code for one in timeline.terms_at(period.start).rhythms}


def boundaries(timeline: Timeline) -> list[datetime]:
    """The boundaries of ten years."""
    found: list[datetime] = []
    while len(found) < LONG_ENOUGH_TO_TILE:
        at = timeline.boundary_at(len(found))
        if at is None or at > timeline.start + YEARS:
            break
        found.append(at)
    return found


@given(timelines)
def test_boundaries_ascend_and_periods_tile_whatever_is_decided(timeline: Timeline) -> None:
    instants_of_boundaries = boundaries(timeline)
    for first, second in pairwise(instants_of_boundaries):
        assert first < second
    open_until: dict[str, datetime] = {}
    numbers: dict[str, list[int]] = defaultdict(list)
    for number, at in enumerate(instants_of_boundaries):
        boundary = timeline.boundary(number)
        assert boundary.at == at
        for rhythm, period in boundary.ended.items():
            assert period.end == at, (rhythm, period)
            assert period.start < at or number == 0
            began = open_until.pop(rhythm, None)
            assert began == period.start or (began is None and came_in(timeline, rhythm, period))
        for rhythm, period in boundary.begun.items():
            assert period.start == at
            assert rhythm not in open_until, "the one before it has ended"
            open_until[rhythm] = at
            numbers[rhythm].append(period.number)
    for several in numbers.values():
        assert several == sorted(set(several)), "each number once, in order"
    if timeline.final is not None and len(instants_of_boundaries) > timeline.final:
        assert open_until == {}, "nothing is open after the end"
        assert instants_of_boundaries[timeline.final] == timeline.end_at


@given(timelines)
def test_a_stored_period_ends_at_the_boundary_that_says_so(timeline: Timeline) -> None:
    stored: dict[tuple[str, int], BillingPeriod] = {}
    for number, at in enumerate(boundaries(timeline)):
        boundary = timeline.boundary(number)
        for rhythm, period in boundary.ended.items():
            opened = stored.pop((rhythm, period.number), period.uncut())
            assert timeline.boundary_ending(rhythm, opened) == number
            assert timeline.cut(opened, at).interval == period.interval
        for rhythm, period in boundary.begun.items():
            stored[rhythm, period.number] = period
    if timeline.final is not None and timeline.boundary_at(timeline.final) == at:
        assert stored == {}, "nothing is open after the end"


@given(created(), st.lists(asked, max_size=4), asked, st.timedeltas(timedelta(), YEARS))
def test_what_is_decided_after_a_boundary_does_not_move_it(
    terms: Terms, several: Sequence[Asked], last: Asked, ahead: timedelta
) -> None:
    before = Timeline.of(decided(terms, several, None))
    now = terms.start + ahead
    drafted = [at for at in boundaries(before) if at <= now]
    type, later, _, content = last
    at = terms.start + later
    assume(at > now)
    if type == "set_timezone":
        at = next_boundary(before, at)
    if type == "change_plan":
        content = {"proration": content["proration"], "terms": new_plan(terms, content)}
    assume(type != "end_trial" or before.state_at(at).in_trial)
    try:
        after = Timeline.of([*before.decisions, decision(before, type, at, now, content)])
        after.stretches  # noqa: B018 - computes all states
    except DecisionError:
        return
    assert [after.boundary_at(number) for number in range(len(drafted))] == drafted


@given(timelines)
def test_boundaries_do_not_depend_on_what_is_effective_later(timeline: Timeline) -> None:
    first, *later = timeline.decisions
    known = [first]
    for one in later:
        earlier = Timeline.of(known)
        known.append(one)
        after = Timeline.of(known)
        assume(earlier.trial_end == after.trial_end)
        for number, at in enumerate(boundaries(after)):
            if at >= one.effective_at:
                break
            assert earlier.boundary_at(number) == at
