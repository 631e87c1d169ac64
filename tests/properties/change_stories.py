"""Stories of a subscription that changes, played through the API, and what must hold of each step.
The suite plays some (`test_change_laws`), `bin/bench previews` thousands.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from http import HTTPStatus
from itertools import count
from typing import Any

from billing.models import Invoice, Subscription
from billing.rating.facts import PeriodFacts
from billing.rating.parts import fee_parts, share_of, without
from billing.rating.timeline import Timeline
from billing.selectors.timelines import held_period, period_facts, timelines_of
from billing.selectors.verify import verify_invoices
from ledger.selectors.verify import book_differences
from neruba.period import Interval, parse_instant, rfc3339
from tests.billing.composed import redeemed, taxed
from tests.billing.sandbox import Sandbox
from tests.properties.change_worlds import (
    DAY,
    HOUR,
    START,
    Json,
    Step,
    World,
)

# What of a document says what it is, beside what became of it since.
PRINTED = (
    *("customer", "subscription", "currency", "period", "lines", "discounts", "taxes"),
    *("subtotal", "discount_total", "tax_total", "total", "content_hash"),
)
FEES = ("recurring", "seat", "proration")
_numbers = count(1)


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
        if made["invoice"] is not None:
            self._same(documents, list(Invoice.objects.filter(public_id=made["invoice"])))
        elif body.get("invoice") != "now" or effective_at <= self.now:
            # What bills it is still to come: its boundary, or after one that is not billed yet.
            self._next = (effective_at, documents)
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
        # A change that is billed on its own later is a draft already.
        rows = [row for row in self._rows() if row.pk not in before and row.boundary_at <= to]
        if rows:
            self._same(ahead, rows)
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
        if not self.world.coupons:
            self.fees_add_up(rows)

    def fees_add_up(self, rows: Sequence[Invoice]) -> None:
        """What all documents print for a fee in a period is what its parts come to, to within a
        minor unit a line: nothing is billed twice, and nothing is left out.
        """
        subscription = Subscription.objects.get(project=self.project, external_id="sub")
        timeline = timelines_of(self.project, [subscription.pk])[subscription.pk]
        billed_to = timeline.boundary_at(subscription.next_boundary - 1)
        assert billed_to is not None, "a year has boundaries"
        stored = {(row.rhythm, row.number): period_facts(row) for row in subscription.periods.all()}
        due: dict[tuple[str, str], int] = defaultdict(int)
        for rhythm, period in timeline.periods_between(timeline.start, billed_to):
            opened = stored.get((rhythm.code, period.number))
            if opened is not None:
                held = held_period(timeline, opened, by=billed_to)
                for code, minor in fees_due(held, timeline, is_over=held.period.end <= billed_to):
                    due[code, rfc3339(period.start)] += minor
        printed_minor: dict[tuple[str, str], list[int]] = defaultdict(list)
        for row in rows:
            for line in self._body(row)["lines"]:
                price = line["evidence"].get("price", {})
                if line["kind"] not in FEES or not price.get("prorate", True):
                    continue
                included = line["evidence"].get("included_tax", {"tax": "0"})
                amount = Decimal(line["amount"]) + Decimal(included["tax"])
                key = (line["price"], line["evidence"]["period"]["start"])
                printed_minor[key].append(int(amount * 100))
        begun = {key for key in printed_minor if parse_instant(key[1]) < billed_to}
        for key in due.keys() | begun:
            lines = printed_minor.get(key, [])
            assert abs(sum(lines) - due.get(key, 0)) <= len(lines), "\n".join(
                [*self.did, f"{key}: {due.get(key, 0)} due, {lines} printed"]
            )

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


def fees_due(held: PeriodFacts, timeline: Timeline, *, is_over: bool) -> Iterator[tuple[str, int]]:
    """What each part of a prorated fee comes to in a period, in minor units."""
    billings = ("in_advance", "in_arrears") if is_over else ("in_advance",)
    for part in (one for how in billings for one in fee_parts(held, timeline.agreed, how)):
        if not part.price.prorate:
            continue
        rhythm, zone = part.terms.rhythm_of(part.price), part.terms.zone
        period = Interval(held.period.start, held.period.whole.end)
        spans = part.spans if without(period, part.spans) else (period,)
        shares = [share_of(held, rhythm, one, zone) for one in spans]
        days = Fraction(sum(one.numerator for one in shares), shares[0].denominator)
        amount = part.price.price.rate(Decimal(1) if part.seats is None else part.seats)
        yield part.price.code, round(Fraction(amount.amount_exact) * days * 100)


def printed(document: Json) -> Json:
    """What a document says, whatever became of it."""
    found = {name: document[name] for name in PRINTED}
    copied: Json = json.loads(json.dumps(found))
    for line in copied["lines"]:
        if line["corrects"] is not None:
            # The corrected invoice may be previewed too: it has no number before it is issued.
            del line["corrects"]["number"]
    return copied


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
