"""Stories of a subscription that changes: drawn at random, played through the API, and what must
hold of each step. The suite plays some (`test_change_laws`), `bin/bench previews` thousands.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http import HTTPStatus
from itertools import count
from typing import Any

from hypothesis import strategies as st

from billing.models import Invoice
from billing.selectors.verify import verify_invoices
from ledger.selectors.verify import book_differences
from neruba.period import parse_instant, rfc3339
from tests.billing.composed import redeemed, taxed
from tests.billing.sandbox import Sandbox

START = datetime(2026, 1, 20, 10, 30, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ZONES = ("UTC", "America/New_York", "Europe/Berlin", "Asia/Kathmandu", "Pacific/Apia")
# What of a document says what it is, beside what became of it since.
PRINTED = (
    *("customer", "subscription", "currency", "period", "lines", "discounts", "taxes"),
    *("subtotal", "discount_total", "tax_total", "total", "content_hash"),
)
_numbers = count(1)

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


class Story:
    """A project in which a story is played."""

    def __init__(self, world: World, *, slug: str = "") -> None:
        self.world = world
        self.now = START
        self.did: list[str] = []
        self.sandbox = Sandbox(
            start=rfc3339(START), slug=slug or f"story-{next(_numbers)}", settings=world.settings
        )
        # What the next document of the subscription is to be, unless something else happens.
        self._next: tuple[datetime, list[Json]] | None = None
        sandbox = self.sandbox
        for meter in ("calls", "extra"):
            sandbox.meter(meter, event_type="calls")
        for code, plan in world.plans.items():
            sandbox.plan(*plan["prices"], code=code, **{**plan, "prices": plan["prices"]})
        sandbox.customer()
        for place, (percent, inclusive) in enumerate(world.rates):
            taxed(sandbox, percent, code=f"rate-{place}", inclusive=inclusive)
        for place, coupon in enumerate(world.coupons):
            redeemed(sandbox, f"coupon-{place}", **coupon)
        seated = [one for one in world.plans["pro"]["prices"] if one["kind"] == "seat"]
        sandbox.subscribe(**world.subscription, quantities={one["code"]: "3" for one in seated})
        sandbox.project.refresh_from_db()
        self.project = sandbox.project

    # What is done

    def play(self, steps: Sequence[Step]) -> None:
        """Each step, its previews compared with what is issued."""
        for step in steps:
            self.move(self.now + step.wait * HOUR)
            self.do(step)

    def do(self, step: Step) -> None:
        """What a step does, at the time that it is."""
        at = self.now + step.hours * HOUR
        if step.does == "event":
            self._next = None
            self.did.append(f"event at {at}")
            self.sandbox.event(rfc3339(at))
        elif step.does == "change":
            self.change(self._dated(step.body, step.hours))
        elif step.does == "withdraw":
            self.withdraw(step.hours)

    def _dated(self, body: Json, hours: int) -> Json:
        if hours and "at" not in body:
            return {**body, "effective_at": rfc3339(self.now + hours * HOUR)}
        if body["type"] == "add_price" and body["price"]["kind"] != "seat":
            return {name: value for name, value in body.items() if name != "quantity"}
        return dict(body)

    def change(self, body: Json) -> bool:
        """Preview a change, make it, and compare; False where it is refused."""
        path = "/subscriptions/sub/changes"
        previewed, found = self._asked(f"{path}/preview", body)
        again, second = self._asked(f"{path}/preview", body)
        assert (previewed, *map(printed, found.get("data", []))) == (
            (again, *map(printed, second.get("data", [])))
        ), "a preview changes nothing"
        before = self._known()
        status, made = self._asked(path, body)
        if status != HTTPStatus.CREATED:
            assert previewed == status, (previewed, found, status, made)
            assert status in (400, 409), made
            return False
        self.did.append(f"at {self.now}: {body} as {made['id']}")
        assert previewed == HTTPStatus.OK, (previewed, found)
        documents = found["data"]
        effective_at = parse_instant(made["effective_at"])
        self._next = None
        if body.get("invoice") != "now":
            self._next = (effective_at, documents)
        elif made["invoice"] is not None:
            self._same(documents, list(Invoice.objects.filter(public_id=made["invoice"])))
        elif effective_at <= self.now:
            self._same(documents, [row for row in self._rows() if row.pk not in before])
        return True

    def withdraw(self, number: int) -> None:
        """Withdraw a change, if one has not taken effect."""
        data = self.sandbox.get("/subscriptions/sub/timeline?limit=1000")["data"]
        open_ones = [one["id"] for one in data if one["state"] == "scheduled"]
        if not open_ones:
            return
        name = open_ones[number % len(open_ones)]
        response = self.sandbox.client.delete(
            f"/api/v1/subscriptions/sub/changes/{name}",
            headers={"idempotency-key": f"withdraw-{next(_numbers)}"},
        )
        assert response.status_code in (200, 409), response.content
        if response.status_code == HTTPStatus.OK:
            self._next = None
            self.did.append(f"at {self.now}: {name} withdrawn")

    def move(self, to: datetime) -> None:
        """Let time pass; what falls due is what was previewed."""
        if to == self.now:
            return
        before = self._known()
        ahead = self.sandbox.preview(subscription="sub", as_of=rfc3339(to))
        self.clock(to)
        self.did.append(f"clock {to}")
        rows = [row for row in self._rows() if row.pk not in before]
        due = [row for row in rows if row.boundary_at <= to]
        if due:
            self._same(ahead, due)
        elif ahead:
            assert len(ahead) == 1, "with nothing due, the next document alone is shown"
        if self._next is not None:
            since, documents = self._next
            after = [row for row in rows if row.boundary_at >= since]
            if documents and after:
                self._same(documents, after[:1])
            if rows:
                self._next = None

    def clock(self, to: datetime) -> None:
        """Move the clock and bill what falls due on the way."""
        moved: int = HTTPStatus.ACCEPTED
        while moved == HTTPStatus.ACCEPTED:
            moved, answer = self._asked("/clock", {"to": rfc3339(to)})
        assert moved == HTTPStatus.OK, answer
        self.now = to

    def _asked(self, path: str, body: Json) -> tuple[int, Json]:
        response = self.sandbox.client.post(
            f"/api/v1{path}",
            body,
            format="json",
            headers={"idempotency-key": f"story-{next(_numbers)}"},
        )
        assert response.status_code < HTTPStatus.INTERNAL_SERVER_ERROR, (body, response.content)
        return response.status_code, response.json()

    # What is there

    def _rows(self) -> list[Invoice]:
        rows = Invoice.objects.filter(project=self.project, subscription__external_id="sub")
        return list(rows.order_by("boundary_at", "operation_key"))

    def _known(self) -> set[int]:
        """What is not to come any more."""
        return {row.pk for row in self._rows() if row.status != Invoice.Status.DRAFT}

    def _body(self, row: Invoice) -> Json:
        found: Json = self.sandbox.get(f"/invoices/{row.public_id}")
        return found

    def hashes(self) -> list[str]:
        """What was issued, in order of time."""
        return [row.content_hash for row in self._rows() if row.sequence is not None]

    # What must hold

    def _same(self, previewed: Sequence[Json], issued: Sequence[Invoice]) -> None:
        """What was printed is what was previewed: a hash holds all of it but the sums."""
        first, second = list(map(printed, previewed)), [printed(self._body(row)) for row in issued]
        second = [one for one in second if one["lines"]]
        assert first == second, "\n".join([*self.did, *differences(first, second)])

    def end(self) -> None:
        """Let all fall due, and look at all documents together."""
        self.move(self.now + 45 * DAY)
        before = self.hashes()
        self.clock(self.now)
        assert self.hashes() == before, "a second run changes nothing"
        rows = [row for row in self._rows() if row.sequence is not None]
        for verdict in verify_invoices(self.project, rows):
            assert verdict.matches, "\n".join([*self.did, *verdict.differences])
        assert list(book_differences(self.project)) == []
        self.credits_hold(rows)

    def credits_hold(self, rows: Sequence[Invoice]) -> None:
        """No line is credited above what was charged, less its discount."""
        back: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        charged: dict[tuple[str, str], Decimal] = {}
        for row in rows:
            for line in self._body(row)["lines"]:
                amount = Decimal(line["amount"])
                charged[row.operation_key, line["id"]] = amount - Decimal(line["discount_amount"])
                if line["kind"] == "proration" and line["corrects"] is not None:
                    assert amount < 0, line
                    back[line["corrects"]["invoice"], line["corrects"]["line"]] -= amount
        for place, amount in back.items():
            assert amount <= charged[place], (place, amount, charged[place])


def printed(document: Json) -> Json:
    """What a document says, whatever became of it."""
    found = {name: document[name] for name in PRINTED}
    # The number of the corrected invoice is not there before it has one.
    return json.loads(json.dumps(found))  # type: ignore[no-any-return]


def differences(first: Any, second: Any, where: str = "") -> Iterator[str]:
    """Where two documents differ, in words."""
    if isinstance(first, dict) and isinstance(second, dict):
        for name in {**first, **second}:
            yield from differences(first.get(name), second.get(name), f"{where}/{name}")
    elif isinstance(first, list) and isinstance(second, list):
        if len(first) != len(second):
            yield f"{where}: {len(first)} previewed, {len(second)} issued"
        for place, pair in enumerate(zip(first, second, strict=False)):
            yield from differences(*pair, f"{where}/{place}")
    elif first != second:
        yield f"{where}: {first!r} previewed, {second!r} issued"
