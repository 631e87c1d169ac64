"""The known scenarios as stories of the real API, and their documents as they come out here.

A row says in words what is done; `STEPS` reads them, `known_setups` what was agreed before.
tests/cases/README.md says where documents have another form here.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from dateutil.relativedelta import relativedelta

from neruba.money import Money, to_minor
from neruba.period import local_date, local_midnight
from tests.billing.known_setups import METER, agreed_of, fixed_zone
from tests.billing.story import API, CUSTOMER, SUBSCRIPTION, Story

LATER = timedelta(hours=1)
CYCLE_0 = date(2025, 1, 1)
ACCOUNT_CREDIT = "to account credit"
PREVIEW = "POST /invoices/preview"


@dataclass(frozen=True)
class Group:
    """What the documents of one date (UTC) come to, in minor units: their lines that are not zero,
    and what was drawn for them of credit that is older than they are.
    """

    lines: tuple[int, ...] = ()
    subtotal: int = 0
    tax: int = 0
    drawn: int = 0


class Telling:
    """A row as a story."""

    def __init__(self, row: Mapping[str, Any]) -> None:
        self.row, setup = row, row["setup"]
        self.zone: str = setup.get("timezone", "UTC")
        if "fixes the UTC offset" in row["notes"]:
            self.zone = fixed_zone(setup["account_created"])
        self.is_by_lago = row["source"].startswith("getlago/")
        self.story = Story(
            currency=row["currency"],
            timezone=self.zone,
            termination_day="inclusive" if self.is_by_lago else "exclusive",
        )
        self.start = self.instant(row["steps"][0]["at"])
        self.agreed = agreed_of(row, self.start, self.zone)
        self.changes = 0
        self._agree()
        for step in row["steps"]:
            self._step(self.instant(step["at"].partition("..")[0]), step["do"])

    def told(self) -> tuple[dict[str, Group], list[Group]]:
        """Play it; what was issued by date, and what the previews showed in their order."""
        dates = [one["at"] for one in self.row["expected"] if not one["at"].startswith("after")]
        ends = [self.instant(text) for text in dates]
        last = max([*ends, *(datetime.fromisoformat(one["at"]) for one in self.story.steps)])
        self.story.call(last + LATER, "GET /credit-notes?limit=100")
        self.story.call(last + LATER, "GET /invoices?limit=100")
        answers = self.story.told(str(self.row["id"]))
        notes, invoices = (answer["data"] for answer in answers[-2:])
        previews = [
            self._group(answer["data"], [])
            for step, answer in zip(self.story.steps, answers, strict=True)
            if step["call"] == PREVIEW.replace(" ", f" {API}")
        ]
        issued = [one for one in invoices if one["number"] is not None]
        days = {self._day(one["finalized_at"]) for one in issued}
        days |= {self._day(one["issued_at"]) for one in notes}
        groups = {
            day: self._group(
                [one for one in issued if self._day(one["finalized_at"]) == day],
                [one for one in notes if self._day(one["issued_at"]) == day],
            )
            for day in days
        }
        return groups, previews

    def expected(self) -> tuple[dict[str, Group], list[Group]]:
        """The same as the row has it."""
        by_day: dict[str, list[Any]] = {}
        previews = []
        for one in self.row["expected"]:
            if one["kind"] == "current_usage":
                previews.append(self._known([one]))
            else:
                by_day.setdefault(self._day(one["at"]), []).append(one)
        return {day: self._known(several) for day, several in by_day.items()}, previews

    def instant(self, text: str) -> datetime:
        """When a step is: an instant, or the midnight of a date, a month or a cycle."""
        if text.startswith("cycle "):
            day = CYCLE_0 + relativedelta(months=int(text.removeprefix("cycle ")))
            return local_midnight(day, self.zone)
        if re.fullmatch(r"\d{4}-\d\d", text):
            text += "-01"
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            return local_midnight(date.fromisoformat(text), self.zone)
        return datetime.fromisoformat(text).astimezone(UTC)

    def _day(self, text: str) -> str:
        return text[:10] if len(text) == len("2025-01-01") else str(self.instant(text).date())

    # What is agreed, and done.

    def _agree(self) -> None:
        agreed, story = self.agreed, self.story
        for meter in agreed.meters:
            story.call(self.start, "POST /meters", meter)
        for code, plan in agreed.plans.items():
            story.plan(self.start, code, **{key: plan[key] for key in plan if key != "seats"})
        if agreed.tax_percent is not None:
            rate = {"code": "vat", "name": "VAT", "rate_percent": agreed.tax_percent}
            story.call(self.start, "POST /tax-rates", rate)
        for customer in agreed.customers:
            story.customer(self.start, is_taxed=agreed.tax_percent is not None, name=customer)
            if agreed.granted is not None:
                story.grant(self.start, customer, agreed.granted)
            quantities = self._seats("plan")
            story.subscribe(self.start, "plan", customer=customer, **agreed.terms, **quantities)
        for at, code in agreed.phases:
            story.change(self.start, "change_plan", plan=code, effective_at=at.isoformat())

    def _seats(self, plan: str) -> dict[str, Any]:
        seats = self.agreed.plans[plan].get("seats")
        return {} if seats is None else {"quantities": {"seats": seats}}

    def _step(self, at: datetime, text: str) -> None:
        for pattern, act in STEPS:
            if found := re.fullmatch(pattern, text):
                act(self, at, found)
                return
        raise AssertionError(f"nothing is known of {text!r}")

    def _wait(self, at: datetime, _found: re.Match[str]) -> None:
        """What the clock does."""

    def _subscribe(self, at: datetime, _found: re.Match[str]) -> None:
        assert at == self.start

    def _subscribe_with_events(self, at: datetime, found: re.Match[str]) -> None:
        assert at == self.start
        assert len(self.agreed.meters) == int(found["events"])
        for meter in self.agreed.meters:
            self.story.event(at, meter["event_type"], {"value": "1"})

    def _events(self, at: datetime, found: re.Match[str]) -> None:
        units = found["units"].replace(",", "")
        for _ in range(int(found.groupdict().get("times") or 1)):
            self.story.event(at, METER, {"value": units.removeprefix("+")})

    def _events_of_cells(self, at: datetime, found: re.Match[str]) -> None:
        (key,) = self.agreed.meters[0]["group_by"]
        for cell in re.findall(r"event (\w+)", found[0]):
            self.story.event(at, METER, {key: cell})

    def _events_one_by_one(self, at: datetime, found: re.Match[str]) -> None:
        wanted = {one["at"] for one in self.row["expected"]}
        for number, amount in enumerate(found["amounts"].split(", "), 1):
            self.story.event(at, METER, {"value": amount})
            if f"after {number} events" in wanted:
                self.story.call(at, PREVIEW, {"subscription": SUBSCRIPTION})

    def _events_of_customer(self, at: datetime, found: re.Match[str]) -> None:
        customer, later = found["customer"], timedelta(days=3)
        for amount in found["amounts"].split(" + "):
            self.story.event(at + later, METER, {"value": amount}, customer=customer)
        if found["dated"] is not None:
            data = {"value": found["amount"]}
            self.story.event(self.instant(found["dated"]), METER, data, customer=customer)

    def _terminate(self, at: datetime, _found: re.Match[str]) -> None:
        self.story.change(at, "cancel", at="now")

    def _change(self, at: datetime, _found: re.Match[str]) -> None:
        plans = self.agreed.plans
        rhythms = {plan.get("interval", "month") for plan in plans.values()}
        # Where the rhythm changes, the change is a boundary with a document of its own.
        self._change_plan(at, invoice="now" if len(rhythms) == 1 else "next")

    def _change_at_end(self, at: datetime, _found: re.Match[str]) -> None:
        is_calendar = self.agreed.terms.get("anchor") == "calendar"
        day = local_date(at, self.zone) + relativedelta(months=1)
        end = local_midnight(day.replace(day=1) if is_calendar else day, self.zone)
        self._change_plan(at, effective_at=end.isoformat())

    def _change_plan(self, at: datetime, **given: Any) -> None:
        self.changes += 1
        code = f"plan_{self.changes + 1}"
        if code not in self.agreed.plans:
            # The row names no amount of it, and expects nothing of it.
            self.agreed.plans[code] = {}
            prices = [
                {
                    "code": "fee",
                    "kind": "recurring",
                    "model": "flat",
                    "amount": "1",
                    "billing": "in_arrears",
                }
            ]
            self.story.plan(at, code, prices)
        self.story.change(at, "change_plan", plan=code, **self._seats(code), **given)

    def _pay(self, at: datetime, found: re.Match[str]) -> None:
        paid = {"customer": CUSTOMER, "amount": found["amount"], "currency": self.row["currency"]}
        self.story.call(at, "POST /payments", {**paid, "method": "bank_transfer", "reference": "1"})

    def _adjust(self, at: datetime, found: re.Match[str]) -> None:
        line = {"inv": "data.0.id", "line": "data.0.lines.0.id"}
        self.story.call(at, "GET /invoices", save=line)
        note = {"invoice": "{inv}", "lines": [{"line": "{line}", "amount": found["amount"]}]}
        self.story.call(at, "POST /credit-notes", {**note, "reason": "adjusted"})

    # What comes out.

    def _group(self, invoices: Iterable[Any], notes: Iterable[Any]) -> Group:
        found = [*invoices]
        back = [*notes]
        lines = [self.minor(line["amount"]) for one in found for line in one["lines"]]
        lines += [-self.minor(line["amount"]) for one in back for line in one["lines"]]
        drawn = ("credits_applied", "balance_applied")
        return Group(
            tuple(sorted(filter(None, lines))),
            sum(lines),
            sum(self.minor(one["tax_total"]) for one in found)
            - sum(self.minor(one["tax_total"]) for one in back),
            # Below zero it is the document that adds to the balance.
            sum(max(self.minor(one[name]), 0) for one in found for name in drawn),
        )

    def _known(self, documents: Iterable[Mapping[str, Any]]) -> Group:
        lines: list[int] = []
        tax = drawn = 0
        several = [*documents]
        has_credit = any(one["kind"] == "credit_note" for one in several)
        for one in several:
            sign = -1 if one["kind"] == "credit_note" else 1
            found = [line for line in one["lines"] if line["label"] != ACCOUNT_CREDIT]
            minors = [sign * line["minor"] for line in found]
            lines += [sum(minors)] if self._is_one_line_here() else minors
            tax += sign * one.get("tax_minor", 0)
            applied = one.get("credits_applied_minor", 0)
            if self._is_credit_unsaid(one):
                net, its_tax = self._parted(applied)
                lines.append(-net)
                tax -= its_tax
            elif not has_credit:
                drawn += applied
        return Group(tuple(sorted(filter(None, lines))), sum(lines), tax, drawn)

    def _is_one_line_here(self) -> bool:
        """A price prints a line for each cell and one for its minimum there, one line here."""
        return "cells" in self.row["setup"].get("usage_price", {})

    def _is_credit_unsaid(self, document: Mapping[str, Any]) -> bool:
        """Whether an invoice is lowered by a credit note that the row does not show."""
        is_shown = any(one["kind"] == "credit_note" for one in self.row["expected"])
        is_terminated = any(one["do"] == "terminate" for one in self.row["steps"])
        return is_terminated and not is_shown and "credits_applied_minor" in document

    def _parted(self, gross: int) -> tuple[int, int]:
        """A gross amount as its net and its tax."""
        rate = Fraction(self.row["setup"].get("tax_percent", "0"))
        currency = self.row["currency"]
        exact = Fraction(Decimal(Money(gross, currency).amount)) * 100 / (100 + rate)
        net = to_minor(exact, currency, "half_up")
        return net, gross - net

    def minor(self, amount: str) -> int:
        return Money.parse(amount, self.row["currency"]).minor


NUMBER = r"[\d.,]+"
OF_CUSTOMER = (
    r"(?P<customer>[AB]): (?P<amounts>[\d +]+) in \w+"
    r"(, (?P<amount>\d+) dated (?P<dated>[\d-]+))?"
)
# What the words of a step do: the first that fits.
STEPS: tuple[tuple[str, Callable[[Telling, datetime, re.Match[str]], None]], ...] = (
    (r"subscribe, (?P<events>\d+) events", Telling._subscribe_with_events),
    (r"subscribe|Starter", Telling._subscribe),
    (r"billing run|billing day|billing|trial ends|renew|month billed", Telling._wait),
    (rf"(?P<times>\d+) events of (?P<units>{NUMBER}) units", Telling._events),
    (rf"(?P<units>[+-]?{NUMBER})(?: units)?", Telling._events),
    (r"event \w+(, event \w+)*", Telling._events_of_cells),
    (r"events (?P<amounts>[\d., ]+)", Telling._events_one_by_one),
    (OF_CUSTOMER, Telling._events_of_customer),
    (r"terminate|cancel", Telling._terminate),
    (r"downgrade requested|schedule change to \w+", Telling._change_at_end),
    (r"upgrade|change|change plan|change to \w+( now)?", Telling._change),
    (r"payment of (?P<amount>[\d.]+) .*", Telling._pay),
    (r"adjust item by (?P<amount>[\d.]+)", Telling._adjust),
)
