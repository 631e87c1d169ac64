"""Laws of usage: order of arrival, batches, windows and rebuilding change no number."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count, pairwise
from typing import Any, Literal

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from ingest.aggregation.meter import Filter, MeterReader
from ingest.aggregation.registry import AGGREGATIONS
from ingest.aggregation.spans import Spans
from ingest.aggregation.state import State
from ingest.models import EventRetraction, Meter, UsageEvent, UsageWindow
from ingest.normalize import data_text, read_data
from ingest.selectors.bounds import ArrivalBound, known_bound
from ingest.selectors.raw import Group, RawEvent, count_events
from ingest.selectors.usage import Detail, Usage, UsageNeed, usage_of
from ingest.selectors.windows import local_runs
from ingest.services.void import void_event
from ingest.services.windows import rebuild_windows
from neruba.actor import SYSTEM
from neruba.decimals import plain
from neruba.models import Project, Subject
from neruba.period import Interval, local_date, rfc3339
from tests import factories

AFTER = datetime(2026, 12, 1, tzinfo=UTC)
ZONES = (
    *("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Kiritimati"),
    *("Pacific/Niue", "Australia/Lord_Howe", "America/Havana", "Asia/Kathmandu"),
)
_ids = count(1)

# Around the clock changes of autumn, on and beside the hour.
instants = st.builds(
    lambda hours, micro: (
        datetime(2026, 10, 22, tzinfo=UTC) + timedelta(hours=hours, microseconds=micro)
    ),
    st.integers(0, 24 * 14),
    st.sampled_from([0, 0, 1, 1_800_000_000]),
)
Cuts = st.SearchStrategy[datetime]
decimals = st.decimals(-(10**9), 10**18, places=9).map(plain) | st.integers(-5, 10**18)
bodies = st.builds(
    lambda time, n, model, subject, subscription, item, operation: {
        "id": f"e{next(_ids)}",
        "source": "s",
        "type": "call",
        "subject": subject,
        "time": rfc3339(time),
        "subscription": subscription,
        "data": {"n": n, "model": model, "item": item, "operation": operation},
    },
    instants,
    decimals,
    st.sampled_from(["a", "b", None]),
    st.sampled_from(["acme", "acme", "other"]),
    st.sampled_from([None, None, "one", "two"]),
    st.sampled_from(["x", "y", 1, "1"]),
    st.sampled_from([None, "add", "remove"]),
)
# What a price may ask besides: of groups, and of more than groups tell.
further: list[list[dict[str, Any]]] = [
    [],
    [{"property": "model", "in": ["a"]}],
    [{"property": "model", "in": ["b", None]}],
    [{"property": "item", "in": ["x", 1]}, {"property": "model", "in": ["a", "b"]}],
]
filters = st.sampled_from([tuple(Filter.of(spec) for spec in specs) for specs in further])
details: st.SearchStrategy[Detail] = st.sampled_from(["total", "groups", "events"])
intervals = st.tuples(instants, instants).map(lambda pair: (min(pair), max(pair)))
Event = dict[str, Any]
Parts = tuple[Interval, ...]


@st.composite
def tiles_of(draw: st.DrawFn, between: tuple[datetime, datetime], cuts: Cuts) -> Parts:
    """Parts that make up a window, which has a length."""
    start, end = between
    inner = {cut for cut in draw(st.lists(cuts, max_size=4)) if start < cut < end}
    return tuple(Interval(*bounds) for bounds in pairwise(sorted({start, *inner, end})))


@st.composite
def parts_of(draw: st.DrawFn, between: tuple[datetime, datetime], cuts: Cuts = instants) -> Parts:
    """Some of them, or none."""
    return tuple(tile for tile in draw(tiles_of(between, cuts)) if draw(st.booleans()))


def new_project() -> tuple[Project, list[Meter]]:
    project = factories.project(clock_at=AFTER)
    kinds = [
        *(("count", False), ("sum", False), ("max", False), ("min", False), ("latest", False)),
        *(("unique_count", False), ("weighted_sum", False)),
        *(("sum", True), ("unique_count", True), ("weighted_sum", True)),
    ]
    values = {"count": "", "unique_count": "item"}
    meters = [
        factories.meter(
            project=project,
            aggregation=kind,
            value_property=values.get(kind, "n"),
            group_by=["model"],
            carry_over=carries,
        )
        for kind, carries in kinds
    ]
    return project, meters


def everything(
    project: Project,
    meters: list[Meter],
    *,
    zone: str,
    between: tuple[datetime, datetime],
    bound: ArrivalBound | None,
    source: Literal["windows", "raw"],
    filters: tuple[Filter, ...] = (),
    detail: Detail = "total",
    parts: Parts = (),
) -> list[Usage]:
    """Where there are parts, the needs of some subscriptions are for those, beside the others."""
    subjects = Subject.objects.filter(project=project).order_by("external_id")
    needs = [
        UsageNeed(subject.pk, meter.pk, zone, *between, subscription, filters, detail, parts=own)
        for subject in subjects
        for meter in meters
        for subscription, own in (("", ()), ("one", parts), (None, parts))
    ]
    return usage_of(project, needs, bound=bound, source=source)


def totals(project: Project) -> list[tuple[Any, ...]]:
    """The windows of a project, by names instead of ids."""
    rows = UsageWindow.objects.filter(project=project).values_list(
        *("subject__external_id", "meter__aggregation", "meter__carry_over", "zone", "day"),
        *("group", "subscription"),
        *("count", "sum", "min", "max", "checksum", "unusable"),
    )
    return sorted(rows)


def reaching(project: Project) -> st.SearchStrategy[ArrivalBound]:
    """Bounds that a run could have taken at some time."""
    events = UsageEvent.objects.filter(project=project).values_list("id", flat=True)
    retractions = EventRetraction.objects.filter(project=project).values_list("id", flat=True)
    return st.builds(
        ArrivalBound, st.sampled_from([0, *events]), st.sampled_from([0, *retractions])
    )


class TestWindows(TestCase):
    @given(st.data())
    def test_clean_windows_and_raw_events_give_the_same_at_any_bound(
        self, data: st.DataObject
    ) -> None:
        project, meters = new_project()
        zone = data.draw(st.sampled_from(ZONES))
        sent: list[Event] = []
        for batch in data.draw(
            st.lists(st.lists(bodies, min_size=1, max_size=6), min_size=1, max_size=4)
        ):
            factories.accept(*batch, project=project)
            sent += batch
            if data.draw(st.booleans()):
                victim = data.draw(st.sampled_from(sent))
                void_event(
                    project=project,
                    source="s",
                    event_id=victim["id"],
                    reason="a law",
                    actor=SYSTEM,
                    at=AFTER,
                )
            if data.draw(st.booleans()):
                subjects = Subject.objects.filter(project=project).values_list("id", flat=True)
                rebuild_windows(project, zones={pk: [zone] for pk in subjects})
        bound = data.draw(st.none() | reaching(project))
        between = data.draw(intervals)
        narrowed, detail = data.draw(filters), data.draw(details)
        parts = data.draw(st.just(()) if between[0] == between[1] else parts_of(between))
        windows, raw = (
            everything(
                *(project, meters),
                zone=zone,
                between=between,
                bound=bound,
                source=source,
                filters=narrowed,
                detail=detail,
                parts=parts,
            )
            for source in ("windows", "raw")
        )
        assert windows == raw

    @given(
        st.lists(bodies, min_size=1, max_size=12),
        st.sampled_from(ZONES),
        st.randoms(use_true_random=False),
    )
    def test_windows_rebuilt_as_events_come_equal_windows_built_at_once(
        self, events: list[Event], zone: str, random: Any
    ) -> None:
        at_once, _ = new_project()
        factories.customer(project=at_once, external_id="acme", timezone=zone)
        factories.accept(*events, project=at_once)
        rebuild_windows(at_once)

        bit_by_bit, _ = new_project()
        factories.customer(project=bit_by_bit, external_id="acme", timezone=zone)
        shuffled = [*events]
        random.shuffle(shuffled)
        for event in shuffled:
            factories.accept(event, project=bit_by_bit)
            rebuild_windows(bit_by_bit)
        assert totals(bit_by_bit) == totals(at_once)

    @given(st.lists(bodies, min_size=1, max_size=10), st.data())
    def test_a_replay_in_any_order_and_batches_changes_nothing(
        self, events: list[Event], data: st.DataObject
    ) -> None:
        project, _ = new_project()
        factories.accept(*events, project=project)
        rebuild_windows(project)
        bound, before = known_bound(project), totals(project)
        again = data.draw(st.permutations([*events, *events]))
        size = data.draw(st.integers(1, 7))
        for first in range(0, len(again), size):
            outcomes = factories.accept(*again[first : first + size], project=project)
            assert {outcome.outcome for outcome in outcomes} == {"duplicate"}
        assert rebuild_windows(project) == 0
        assert (known_bound(project), totals(project)) == (bound, before)


values = st.none() | st.decimals(-(10**18), 10**18, places=9)
states = st.lists(st.tuples(values, st.binary(min_size=32, max_size=32)), max_size=6)


def state_of(events: list[Any]) -> State:
    state = State()
    for index, (value, digest) in enumerate(events):
        state.add(value, digest)
        state.note(index, None)
    return state


def merged(*several: State) -> State:
    whole = State()
    for state in several:
        whole.merge(state)
    return whole


@given(states, states, states)
def test_states_merge_in_any_grouping_and_order(first: Any, second: Any, third: Any) -> None:
    a, b, c = (state_of(events) for events in (first, second, third))
    assert merged(merged(a, b), c) == merged(a, merged(b, c)) == merged(c, b, a)
    assert merged(a, State()) == a


@given(states, st.randoms(use_true_random=False))
def test_a_state_does_not_depend_on_the_order_of_its_events(events: Any, random: Any) -> None:
    shuffled = [*events]
    random.shuffle(shuffled)
    assert state_of(shuffled) == state_of(events)


numbers = st.integers(-(10**19) + 1, 10**19 - 1)
counted = st.lists(st.tuples(numbers, st.binary(min_size=32, max_size=32)), max_size=6)


@given(counted, counted)
def test_events_counted_together_are_events_counted_one_by_one(first: Any, second: Any) -> None:
    together, apart = State(), State()
    for events in (first, second):
        together.add_many([value for value, _ in events], [digest for _, digest in events])
        for value, digest in events:
            apart.add(Decimal(value), digest)
    assert together == apart


@given(st.lists(states.filter(bool), min_size=1, max_size=4))
def test_gathered_texts_of_parts_add_up_to_their_merged_state(parts: list[Any]) -> None:
    several = [state_of(events) for events in parts]
    gathered = State.of_parts(
        count=sum(state.count for state in several),
        totals=[plain(state.total) for state in several],
        lows=["" if state.low is None else plain(state.low) for state in several],
        highs=["" if state.high is None else plain(state.high) for state in several],
        checksums=[state.checksum_hex for state in several],
        unusable=0,
        last_event=max(state.last_event for state in several),
        last_retraction=0,
    )
    assert gathered == merged(*several)


raw = st.builds(
    lambda at, number, n, model, subscription, digest, retraction: RawEvent(
        *(1, "call", f"{at:%Y-%m-%d %H:%M:%S.%f}", number),
        data_text({"n": n, "model": model}),
        subscription,
        digest,
        retraction,
    ),
    instants,
    st.integers(1, 10**6),
    st.integers(-5, 10**20) | st.decimals(-(10**9), 10**18, places=9) | st.sampled_from(["x", "7"]),
    st.sampled_from(["a", None]),
    st.sampled_from(["", "", "one"]),
    st.binary(min_size=32, max_size=32),
    st.sampled_from([None, None, 3]),
)
readers = st.builds(
    lambda kind, filtered, grouped: MeterReader.of(
        aggregation=kind,
        value_property="model" if kind == "unique_count" else "n",
        filters=[{"property": "model", "in": ["a"]}] if filtered else [],
        group_by=["model"] if grouped else [],
    ),
    st.sampled_from(sorted(AGGREGATIONS)),
    st.booleans(),
    st.booleans(),
)


@given(st.lists(raw, max_size=8), readers, st.booleans(), st.data())
def test_events_are_counted_alike_in_any_parts_and_order(
    events: list[RawEvent],
    reader: MeterReader,
    keeps_entries: bool,  # noqa: FBT001 - drawn
    data: st.DataObject,
) -> None:
    at_once: dict[Group, State] = {}
    count_events(
        *(at_once, reader, events, [read_data(event.data) for event in events]),
        keeps_entries=keeps_entries,
    )
    one_by_one: dict[Group, State] = {}
    for event in data.draw(st.permutations(events)):
        own = [read_data(event.data)]
        count_events(one_by_one, reader, [event], own, keeps_entries=keeps_entries)
    for states in (at_once, one_by_one):
        for state in states.values():
            assert len(state.entries) == (state.count if keeps_entries else 0)
            state.entries.sort(key=lambda entry: (entry.at, entry.id, str(entry)))
    assert one_by_one == at_once
    usable = [event for event in events if event.retraction is None]
    counts = [own for own in (read_data(event.data) for event in usable) if reader.counts(own)]
    assert sum(state.count + state.unusable for state in at_once.values()) == len(counts)


@given(st.lists(raw, max_size=8), st.sampled_from(ZONES))
def test_events_run_through_the_local_days_that_they_lie_in(
    events: list[RawEvent], zone: str
) -> None:
    found = [day for day, part in local_runs(zone, events) for _ in events[part]]
    instants_of = [datetime.fromisoformat(event.at).replace(tzinfo=UTC) for event in events]
    assert found == [local_date(instant, zone) for instant in instants_of]


@given(st.lists(intervals, max_size=8), instants)
def test_spans_find_exactly_those_that_hold_an_instant(given_spans: Any, instant: datetime) -> None:
    spans = Spans((start, end, index) for index, (start, end) in enumerate(given_spans))
    holding = [index for index, (start, end) in enumerate(given_spans) if start <= instant < end]
    assert sorted(spans.at(instant)) == holding
    covering = [(start, end) for start, end in spans.union() if start <= instant < end]
    assert len(covering) == bool(holding)
