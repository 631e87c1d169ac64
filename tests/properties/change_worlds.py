"""What stories of changes are drawn from: plans, policies, zones, changes, waits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from neruba.period import rfc3339

START = datetime(2026, 1, 20, 10, 30, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ZONES = ("UTC", "America/New_York", "Europe/Berlin", "Asia/Kathmandu", "Pacific/Apia")

Json = dict[str, Any]


@dataclass(frozen=True)
class World:
    """What is there before the first change."""

    plans: Mapping[str, Json]
    subscription: Json
    settings: Mapping[str, str]
    coupons: Sequence[Json] = ()
    rates: Sequence[tuple[str, bool]] = ()
    currency: str = "USD"


@dataclass(frozen=True)
class Step:
    """`wait` hours, then what happens: an event, a change, a withdrawal, or nothing."""

    wait: int
    does: str = "nothing"
    body: Json = field(default_factory=dict)
    hours: int = 0


amounts = st.integers(0, 60_000).map(lambda minor: f"{minor // 100}.{minor % 100:02d}")
billings = st.sampled_from(["in_advance", "in_advance", "in_arrears"])
RHYTHMS: Sequence[Json] = (
    {"interval": "month"},
    {"interval": "month"},
    {"interval": "month", "interval_count": 3},
    {"interval": "year"},
)
WEEKS: Sequence[Json] = ({"interval": "week"}, {"interval": "week", "interval_count": 2})


def fees(code: str, **more: Any) -> st.SearchStrategy[Json]:
    """A fixed fee under a code."""
    return st.builds(
        lambda amount, billing, prorate: {
            "code": code,
            "kind": "recurring",
            "model": "flat",
            "amount": amount,
            "billing": billing,
            "prorate": prorate,
            **more,
        },
        amounts,
        billings,
        st.sampled_from([True, True, True, False]),
    )


def seats(code: str) -> st.SearchStrategy[Json]:
    """A price of seats under a code."""
    priced = st.builds(lambda amount: {"model": "per_unit", "unit_amount": amount}, amounts)
    tiered = st.builds(
        lambda low, high: {
            "model": "graduated",
            "tiers": [{"up_to": "3", "unit_amount": low}, {"up_to": None, "unit_amount": high}],
        },
        amounts,
        amounts,
    )
    return st.builds(
        lambda model, billing: {"code": code, "kind": "seat", "billing": billing, **model},
        priced | tiered,
        billings,
    )


def usage(code: str) -> st.SearchStrategy[Json]:
    """A price of usage under a code, of the meter of that name."""
    return st.builds(
        lambda low, high: {
            "code": code,
            "kind": "usage",
            "meter": code,
            "model": "graduated",
            "tiers": [{"up_to": "3", "unit_amount": low}, {"up_to": None, "unit_amount": high}],
        },
        amounts,
        amounts,
    )


@st.composite
def plans(draw: st.DrawFn) -> Json:
    in_weeks = draw(st.sampled_from([False, False, False, True]))
    prices = [draw(fees("base"))]
    if draw(st.booleans()):
        prices.append(draw(seats("seats")))
    if draw(st.booleans()):
        prices.append(draw(usage("calls")))
    if draw(st.booleans()):
        once = {"code": "setup", "kind": "one_time", "model": "flat", "amount": draw(amounts)}
        prices.append(once)
    if not in_weeks and draw(st.booleans()):
        prices.append(draw(fees("support", interval="year")))
    minimum = draw(st.none() | st.none() | st.integers(1, 900).map(str))
    return {
        **draw(st.sampled_from(WEEKS if in_weeks else RHYTHMS)),
        "prices": prices,
        **({} if minimum is None else {"minimum_commitment": minimum}),
    }


@st.composite
def worlds(draw: st.DrawFn) -> World:
    anchor = draw(st.sampled_from(["calendar", "anniversary"]))
    start = START + timedelta(hours=draw(st.integers(-24 * 60, 24 * 12)))
    subscription: Json = {
        "anchor": anchor,
        "start_at": rfc3339(start),
        "timezone": draw(st.sampled_from(ZONES)),
    }
    if anchor == "calendar" and draw(st.booleans()):
        subscription["billing_day"] = draw(st.integers(1, 31))
    if draw(st.sampled_from([False, False, True])):
        end = start + timedelta(hours=draw(st.integers(1, 24 * 45)))
        subscription["trial_end"] = rfc3339(end)
        subscription["trial_usage"] = draw(st.sampled_from(["billed", "free"]))
    if draw(st.sampled_from([False] * 7 + [True])):
        end = max(start, START) + timedelta(hours=draw(st.integers(24 * 50, 24 * 150)))
        subscription["end_at"] = rfc3339(end)
    return World(
        plans={code: draw(plans()) for code in ("pro", "plus", "max")},
        subscription=subscription,
        settings=draw(
            st.fixed_dictionaries(
                {
                    "proration_basis": st.sampled_from(["day", "second", "day_30"]),
                    "termination_day": st.sampled_from(["exclusive", "inclusive"]),
                    "rounding": st.sampled_from(["half_up", "half_even"]),
                }
            )
        ),
        coupons=draw(st.just([]) | st.lists(coupons, max_size=2)),
        rates=draw(st.just([]) | st.lists(rates, max_size=2)),
    )


coupons = st.builds(
    lambda kind, duration: {**kind, **duration},
    st.sampled_from([{"percent_off": "33.3"}, {"percent_off": "100"}, {"percent_off": "7"}])
    | st.sampled_from([{"amount_off": "12.34", "currency": "USD"}]),
    st.sampled_from(
        [{"duration": "once"}, {"duration": "repeating", "periods": 2}, {"duration": "forever"}]
    ),
)
rates = st.tuples(st.sampled_from(["20", "7.7", "19"]), st.booleans())

how = st.fixed_dictionaries(
    {
        "proration": st.sampled_from(["prorate"] * 6 + ["none"] * 2),
        "invoice": st.sampled_from(["next", "next", "now"]),
    }
)
plan_how = st.fixed_dictionaries(
    {
        "proration": st.sampled_from(["prorate"] * 5 + ["none", "full_period"]),
        "invoice": st.sampled_from(["next", "next", "now"]),
    }
)
invoiced = st.fixed_dictionaries({"invoice": st.sampled_from(["next", "next", "now"])})
quantities = st.integers(0, 9).map(str)
extra = st.one_of(fees("extra"), seats("extra"), usage("extra"))
changes = st.one_of(
    st.builds(
        lambda plan, how: {"type": "change_plan", "plan": plan, **how},
        st.sampled_from(["pro", "plus", "max"]),
        plan_how,
    ),
    st.builds(
        lambda seats, how: {"type": "set_quantity", "price": "seats", "quantity": seats, **how},
        quantities,
        how,
    ),
    st.builds(
        lambda price, seats, how: {
            "type": "add_price",
            "price": price,
            **how,
            **({"quantity": seats} if price["kind"] == "seat" else {}),
        },
        extra,
        quantities,
        how,
    ),
    st.builds(
        lambda code, how: {"type": "remove_price", "price": code, **how},
        st.sampled_from(["extra", "base", "seats", "calls"]),
        how,
    ),
    st.builds(
        lambda usage, how: {"type": "pause", "usage": usage, **how},
        st.sampled_from(["billed", "waive"]),
        invoiced,
    ),
    st.builds(lambda how: {"type": "resume", **how}, invoiced),
    st.builds(lambda how: {"type": "end_trial", **how}, invoiced),
    st.builds(
        lambda zone, how: {"type": "set_timezone", "timezone": zone, **how},
        st.sampled_from(ZONES),
        invoiced,
    ),
    st.builds(
        lambda at, how: {"type": "cancel", **at, **how},
        st.sampled_from([{"at": "now"}, {"at": "period_end"}, {}]),
        invoiced,
    ),
)
waits = st.integers(0, 24 * 12) | st.integers(0, 24 * 50)
# Most take effect at once; some were forgotten, some are planned.
shifts = st.sampled_from([0, 0, 0]) | st.integers(-24 * 40, 0) | st.integers(0, 24 * 60)
steps = st.one_of(
    st.builds(lambda wait, ago: Step(wait, "event", hours=-ago), waits, st.integers(0, 24 * 20)),
    *[
        st.builds(
            lambda wait, body, hours: Step(wait, "change", body, hours), waits, changes, shifts
        )
    ]
    * 4,
    st.builds(lambda wait, number: Step(wait, "withdraw", hours=number), waits, st.integers(0, 9)),
    st.builds(Step, waits),
)
stories = st.lists(steps, min_size=1, max_size=8)
scheduled = st.lists(
    st.builds(
        lambda body, hours: Step(0, "change", body, hours), changes, st.integers(1, 24 * 120)
    ),
    min_size=1,
    max_size=5,
)
