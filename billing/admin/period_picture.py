"""The running period of a subscription, as the numbers of an SVG with a table of the same beside
it. No floats, no library, no script.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from billing.models import Subscription
from billing.rating.change_words import change_in_words, plan_in_words, states_before
from billing.rating.decisions import State
from billing.rating.facts import Part, PeriodFacts
from billing.rating.fees import fee_lines
from billing.rating.lines import Line
from billing.rating.parts import fee_parts, usage_parts
from billing.rating.rhythm import Rhythm
from billing.rating.timeline import Timeline
from billing.rating.words import spoken
from billing.selectors.timelines import PeriodKey, held_period, stored_periods
from neruba.admin.page import Table, day, days, figure, local_time
from neruba.money import Money
from neruba.period import Interval, local_date, local_midnight

WIDTH, LEFT, RIGHT = 960, 132, 16
TOP, LANE, BAR, MARK = 30, 34, 24, 20
LANES_DRAWN = 10
TICKS = 6
LETTER = 7  # of the width of the picture, at most, in its type
TENTHS = 10
NAME_LENGTH = 17


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a lane; `words` are as many as fit in, `title` all of them."""

    x: str
    width: str
    middle: str
    kind: str
    words: str
    title: str


@dataclass(frozen=True, slots=True)
class Lane:
    name: str
    y: int
    segments: Sequence[Segment]

    @property
    def text_y(self) -> int:
        return self.y + BAR // 2


@dataclass(frozen=True, slots=True)
class Mark:
    """A change in the period: its sign in the picture, and its words below it."""

    sign: str
    x: str
    y: int
    words: str


@dataclass(frozen=True, slots=True)
class Picture:
    """A period with its lanes, and the table of its parts."""

    key: str
    title: str
    description: str
    lanes: Sequence[Lane]
    marks: Sequence[Mark]
    ticks: Sequence[tuple[str, str, str]]
    now: str | None
    now_words: str
    table: Table
    top: int
    height: int
    width: int = WIDTH
    left: int = LEFT
    right: int = WIDTH - RIGHT
    bar: int = BAR

    @property
    def box(self) -> str:
        return f"0 0 {self.width} {self.height}"

    @property
    def bottom(self) -> int:
        return self.height - TOP


def pictures_of(subscription: Subscription, timeline: Timeline, at: datetime) -> list[Picture]:
    """The period of each rhythm that runs at an instant, the finest first: before the start the
    first one, after the end the last.
    """
    moment = max(at, timeline.start)
    if timeline.end_at is not None and timeline.end_at > timeline.start:
        moment = min(moment, timeline.end_at - timedelta(microseconds=1))
    stretch = next(one for one in reversed(timeline.stretches) if one.start <= moment)
    periods = {}
    for rhythm in timeline.terms_at(moment).rhythms:
        own = stretch.schedule(rhythm).number_at(moment)
        period = stretch.period(rhythm, own)
        periods[PeriodKey(subscription.pk, rhythm.code, period.number)] = period
    stored = stored_periods(subscription.project, periods.keys())
    found = []
    for key, period in periods.items():
        facts = stored.get(key) or PeriodFacts(period, subscription.project.policy, key.rhythm)
        held = held_period(timeline, facts, by=facts.period.whole.end)
        found.append(_Drawing(subscription, timeline, held, at).picture())
    return found


class _Drawing:
    """One period on its way to a picture."""

    def __init__(
        self, subscription: Subscription, timeline: Timeline, held: PeriodFacts, at: datetime
    ) -> None:
        self.subscription, self.timeline, self.held, self.at = subscription, timeline, held, at
        self.whole = Interval(held.period.start, held.period.whole.end)
        self.terms = timeline.terms_at(held.period.start)
        self.zone = self.terms.zone
        self.fees_minor = 0

    def picture(self) -> Picture:
        marks = self._marks()
        top = TOP + MARK * (1 + max((mark.y for mark in marks), default=-1))
        rows: list[tuple[str, list[Segment], list[Sequence[object]]]] = [
            ("Subscription", self._states(), []),
            *self._fees(),
            *self._usage(),
        ]
        lanes = [
            Lane(_short(name), top + LANE * place, segments)
            for place, (name, segments, _) in enumerate(rows[:LANES_DRAWN])
        ]
        span = days(self.whole.start, self.whole.end, self.zone)
        rhythm = f"every {Rhythm.of(self.held.rhythm)}"
        in_it = self.at in self.whole
        return Picture(
            key=self.held.rhythm.replace(":", "-"),
            title=f"Period {span}, {rhythm} ({self.zone})",
            description=self._description(rows, marks),
            lanes=lanes,
            marks=[Mark(one.sign, one.x, TOP + MARK * one.y, one.words) for one in marks],
            ticks=self._ticks(),
            now=self._x(self.at) if in_it else None,
            now_words=f"now, {local_time(self.at, self.zone)}",
            table=self._table([row for _, _, several in rows for row in several], self.fees_minor),
            top=top,
            height=top + LANE * len(lanes) + TOP,
        )

    def _description(
        self,
        rows: Sequence[tuple[str, Sequence[Segment], object]],
        marks: Sequence[Mark],
    ) -> str:
        said = [f"{name}: {', '.join(one.title for one in segments)}" for name, segments, _ in rows]
        return "; ".join([*said, *(f"{mark.sign} {mark.words}" for mark in marks)])

    def _x(self, at: datetime) -> str:
        return _place(self._at(at))

    def _at(self, at: datetime) -> Fraction:
        micro = timedelta(microseconds=1)
        done, of = (at - self.whole.start) // micro, (self.whole.end - self.whole.start) // micro
        return LEFT + Fraction(min(max(done, 0), of), of) * (WIDTH - LEFT - RIGHT)

    def _segment(self, span: Interval, kind: str, words: Sequence[str]) -> Segment:
        """`words` from the longest to the shortest; the first that fits in is shown."""
        start, end = self._at(span.start), self._at(span.end)
        fits = (one for one in words if len(one) * LETTER < end - start)
        return Segment(
            x=_place(start),
            width=_place(max(end - start, Fraction(2))),
            middle=_place((start + end) / 2),
            kind=kind,
            words=next(fits, ""),
            title=f"{words[0]}, {self._span(span)}",
        )

    def _span(self, span: Interval) -> str:
        return f"{self._time(span.start)} to {self._time(span.end)}"

    def _time(self, at: datetime) -> str:
        """The date alone where it begins there."""
        on = local_date(at, self.zone)
        return day(on) if local_midnight(on, self.zone) == at else local_time(at, self.zone)

    def _states(self) -> list[Segment]:
        held, end = self.held.held, self.held.period.end
        states = [(one.start, one.state) for one in held] or [(self.whole.start, State(self.terms))]
        ends = [*(start for start, _ in states[1:]), end]
        found = [
            self._segment(Interval(start, until), _kind(state), _state_words(state))
            for (start, state), until in zip(states, ends, strict=True)
            if start < until
        ]
        if end < self.whole.end:
            ended = self.timeline.end_at is not None and self.timeline.end_at <= end
            words = "ended" if ended else "in another period"
            found.append(self._segment(Interval(end, self.whole.end), "over", [words]))
        return found

    def _fees(self) -> Iterator[tuple[str, list[Segment], list[Sequence[object]]]]:
        """A lane for each price that is a fee, with what its parts come to."""
        lanes: dict[str, list[tuple[Part, Line]]] = {}
        for billing in ("in_advance", "in_arrears"):
            for part in fee_parts(self.held, self.terms, billing):
                lines = fee_lines(self.held, part, part.spans, currency=self.terms.currency)
                lanes.setdefault(part.price.code, []).extend((part, line) for line in lines)
        for code, several in lanes.items():
            several.sort(key=lambda one: one[1].period.start)
            self.fees_minor += sum(line.amount_minor for _, line in several)
            yield (
                code,
                [
                    self._segment(line.period, f"fee-{place % 2}", self._fee_words(part, line))
                    for place, (part, line) in enumerate(several)
                ],
                [self._fee_row(part, line) for part, line in several],
            )

    def _fee_words(self, part: Part, line: Line) -> list[str]:
        many = [] if part.seats is None else [_seats(part.seats)]
        amount, part_of = self._figure(line.amount_minor), _share(line)
        return [", ".join([*many, part_of, amount]), ", ".join([*many, amount]), amount]

    def _fee_row(self, part: Part, line: Line) -> Sequence[object]:
        return (
            part.price.name,
            "–" if part.seats is None else spoken(part.seats),
            self._time(line.period.start),
            self._time(line.period.end),
            _share(line),
            self._figure(line.amount_minor),
        )

    def _usage(self) -> Iterator[tuple[str, list[Segment], list[Sequence[object]]]]:
        lanes: dict[str, list[tuple[Part, Interval]]] = {}
        for part in usage_parts(self.held, self.terms):
            lanes.setdefault(part.price.code, []).extend((part, span) for span in part.spans)
        for code, several in lanes.items():
            several.sort(key=lambda one: one[1].start)
            words = [f"rated by its price of {plan_in_words(part.terms)}" for part, _ in several]
            yield (
                code,
                [
                    self._segment(span, f"usage-{place % 2}", [said, "usage"])
                    for place, ((_, span), said) in enumerate(zip(several, words, strict=True))
                ],
                [
                    (
                        part.price.name,
                        "–",
                        self._time(span.start),
                        self._time(span.end),
                        "usage, cut at the instant",
                        "by usage",
                    )
                    for part, span in several
                ],
            )

    def _figure(self, minor: int) -> str:
        return figure(Money(minor, self.terms.currency))

    def _marks(self) -> list[Mark]:
        """The changes of the period; `y` is the row in which the sign of each has room."""
        before = states_before(self.timeline)
        events = [
            (one.effective_at, str(one.number), "; ".join(change_in_words(one, state)))
            for one in self.timeline.decisions[1:]
            if self.whole.start <= one.effective_at <= self.whole.end
            for state in [before.get(one.number) or self.timeline.state_at(one.effective_at)]
        ]
        end = self.timeline.trial_end
        is_over = any(entry.decision is None for entry in self.timeline.entries)
        if end is not None and is_over and self.whole.start <= end <= self.whole.end:
            events.append((end, "T", "The trial ends"))
        taken: list[Fraction] = []
        marks = []
        for at, sign, words in sorted(events):
            x = self._at(at)
            row = next((i for i, last in enumerate(taken) if x - last >= MARK), len(taken))
            taken[row : row + 1] = [x]
            when = f"{words}, {local_time(at, self.zone)}"
            marks.append(Mark(sign, _place(x), row, when))
        return marks

    def _ticks(self) -> list[tuple[str, str, str]]:
        """Local dates on the axis: both ends, and some between them."""
        period = self.held.period
        first, last = period.starts_on, period.whole.ends_on
        step = max((last - first).days // TICKS, 1)
        dates = [first + timedelta(days=step * place) for place in range(TICKS + 1)]
        between = [one for one in dates[1:] if one < last - timedelta(days=step // 2)]
        ticks = [(_place(Fraction(LEFT)), "start", _date(first))]
        ticks += [
            (self._x(local_midnight(one, self.zone)), "middle", _date(one)) for one in between
        ]
        return [*ticks, (_place(Fraction(WIDTH - RIGHT)), "end", _date(last))]

    def _table(self, rows: Sequence[Sequence[object]], fees: int) -> Table:
        currency = self.terms.currency
        return Table(
            title="Its parts, as the timeline has them now",
            columns=("Price", "Seats", "From", "Until", "Part", currency),
            rows=[*rows, ("Fees together", "", "", "", "", self._figure(fees))] if rows else [],
            empty="Nothing is due in it.",
            numeric=("Seats", currency),
        )


def _date(on: object) -> str:
    return f"{on:%-d %b}"


def _seats(seats: Decimal) -> str:
    return f"{spoken(seats)} seat{'' if seats == 1 else 's'}"


def _share(line: Line) -> str:
    part = line.evidence["share"]
    if part["numerator"] == part["denominator"]:
        return "whole"
    return f"{part['numerator']:,} of {part['denominator']:,} {part['unit']}"


def _kind(state: State) -> str:
    if state.is_paused:
        return "paused"
    return "trial" if state.in_trial else "on"


def _state_words(state: State) -> list[str]:
    plan = plan_in_words(state.terms)
    if state.is_paused:
        usage = "waived" if state.waives_usage else "billed"
        return [f"{plan}, paused, usage {usage}", "paused"]
    if state.in_trial:
        return [f"{plan}, trial, usage {state.terms.trial_usage}", "trial"]
    return [plan]


def _short(name: str) -> str:
    return name if len(name) <= NAME_LENGTH else f"{name[: NAME_LENGTH - 1]}…"


def _place(value: Fraction) -> str:
    """A coordinate, to a tenth of a unit."""
    tenths = round(value * TENTHS)
    return f"{tenths // TENTHS}.{tenths % TENTHS}"
