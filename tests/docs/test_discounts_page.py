"""The worked numbers of docs/discounts-and-tax.md are what composition answers, and the API."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from billing.models import Invoice
from billing.rating.coupon import RedeemedCoupon
from billing.rating.discounts import CouponFacts, Discountable, discounts_of
from billing.rating.facts import PeriodFacts
from billing.rating.minimum import due_minimum, minimum_line
from billing.rating.rhythm import Rhythm
from billing.rating.taxes import Taxable, TaxFacts, taxes_of
from billing.rating.terms import Terms
from ledger.models import Transfer
from neruba.money import Money
from neruba.project_settings import ProjectSettings
from neruba.tax import TaxRateFact
from tests.billing.sandbox import BASE, CALLS, Sandbox

PAGE = (Path(__file__).parents[2] / "docs" / "discounts-and-tax.md").read_text(encoding="utf-8")
NOTHING = "–"
COUPON = re.compile(r"([\d.]+)( %)?(?: `(\w+)`)?(?: (\d+))?( for the fee)?")
DAYS = {"January": 1, "February": 2, "March": 3}


def rows(table: str) -> list[dict[str, str]]:
    head, _, *lines = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()
    ]
    return [dict(zip(head, line, strict=True)) for line in lines]


def tables_with(*columns: str) -> Iterator[list[dict[str, str]]]:
    head = f"| {' | '.join(columns)} |\n"
    for found in re.finditer(re.escape(head), PAGE):
        yield rows(PAGE[found.start() : PAGE.index("\n\n", found.start())])


def minors(text: str, currency: str = "USD") -> list[int]:
    return [Money.parse(one, currency).minor for one in text.split(", ")]


def coupon(text: str, *, redeemed_at: datetime, number: int = 1) -> CouponFacts:
    match = COUPON.fullmatch(text)
    assert match is not None, text
    off, percent, duration, periods, limited = match.groups()
    return CouponFacts(
        RedeemedCoupon(
            code=text,
            name="",
            percent_off=Decimal(off) if percent else None,
            amount_off_minor=None if percent else minors(off)[0],
            currency="" if percent else "USD",
            duration=duration or "forever",
            periods=int(periods) if periods else None,
            number=number,
            redeemed_at=redeemed_at,
            prices=frozenset({"fee"} if limited else ()),
        )
    )


def at(month: int, hour: int = 0) -> datetime:
    return datetime(2026, month, 1, hour, tzinfo=UTC)


def test_coupons_take_off_what_the_page_says() -> None:
    (table,) = tables_with("coupon", "of", "off", "off each line", "left of each")
    order = {"5.00": 1, "10 %": 2, "20 %": 3}
    coupons = [coupon(text, redeemed_at=at(1), number=number) for text, number in order.items()]
    left = [3000, 250, 35]
    lines = [Discountable(str(n), "fee", 0, at(2), minor) for n, minor in enumerate(left)]
    found = discounts_of(lines, coupons, currency="USD", rounding="half_up")
    applied = list(dict.fromkeys(one.coupon.code for one in found))
    assert applied == [row["coupon"] for row in table]
    for row in table:
        assert [sum(left)] == minors(row["of"])
        parts = [one.amount_minor for one in found if one.coupon.code == row["coupon"]]
        assert (parts, [sum(parts)]) == (minors(row["off each line"]), minors(row["off"]))
        left = [before - part for before, part in zip(left, parts, strict=True)]
        assert left == minors(row["left of each"])


def test_coupons_cover_the_periods_that_the_page_says() -> None:
    columns = ("fee of January", "usage of January", "fee of February", "usage of February")
    (table,) = tables_with("coupon", "redeemed", *columns, "fee of March")
    documents = [
        (at(1), [Discountable("fee of January", "fee", 0, at(2), 3000)]),
        (
            at(2, 1),
            [
                Discountable("usage of January", "calls", 0, at(2), 250),
                Discountable("fee of February", "fee", 1, at(3), 3000),
            ],
        ),
        (
            at(3, 1),
            [
                Discountable("usage of February", "calls", 1, at(3), 250),
                Discountable("fee of March", "fee", 2, at(4), 3000),
            ],
        ),
    ]
    assert len(table) == 9
    for row in table:
        day, month, clock = re.split(r",? ", row["redeemed"])
        hour, minute = clock.split(":")
        redeemed_at = datetime(2026, DAYS[month], int(day), int(hour), int(minute), tzinfo=UTC)
        facts = coupon(row["coupon"], redeemed_at=redeemed_at)
        taken: dict[str, int] = {}
        for issued_at, lines in documents:
            if issued_at < redeemed_at:
                continue
            found = discounts_of(lines, [facts], currency="USD", rounding="half_up")
            taken |= {one.line: one.amount_minor for one in found}
            facts = facts.after(found)
        said = {
            name: minors(row[name])[0]
            for name in (*columns, "fee of March")
            if row[name] != NOTHING
        }
        assert taken == said, row


def test_a_minimum_comes_to_what_the_page_says() -> None:
    (table,) = tables_with("minimum", "share", "due", "counted", "line")
    assert len(table) == 4
    for row in table:
        days, whole = map(int, row["share"].split(" of "))
        terms = Terms(
            plan="pro",
            plan_version=1,
            currency="USD",
            rhythm=Rhythm("month"),
            anchor="calendar",
            billing_day=None,
            zone="UTC",
            basis="day",
            start=datetime(2026, 1, 1 + whole - days, tzinfo=UTC),
            prices=(),
            minimum_commitment_minor=minors(row["minimum"])[0],
        )
        held = PeriodFacts(terms.schedule.period(0), ProjectSettings())
        due = due_minimum(terms, held, "USD")
        assert due is not None
        (part,) = due.parts
        assert (part.share.numerator, part.share.denominator) == (days, whole)
        assert [due.minor] == minors(row["due"])
        (counted,) = minors(row["counted"])
        line = minimum_line(terms, held, counted=counted, elsewhere=0, currency="USD")
        assert (NOTHING if line is None else Money(line.amount_minor, "USD").amount) == row["line"]


def rate(text: str) -> TaxRateFact:
    percent, _, included = text.partition(" %")
    return TaxRateFact(text, text, Decimal(percent), inclusive=bool(included))


def test_tax_is_what_the_page_says() -> None:
    columns = ("lines, less discounts", "carried", "`tax_exempt`")
    (table,) = tables_with(*columns, "rate", "base", "tax", "on each line")
    assert len(table) == 14
    for row in table:
        currency, _, amounts = row["lines, less discounts"].partition(" ")
        given = minors(amounts, currency)
        carried = tuple(rate(one) for one in row["carried"].split(", "))
        facts = TaxFacts(carried, row["`tax_exempt`"])  # type: ignore[arg-type]
        taxes = taxes_of([Taxable(str(n), one, facts) for n, one in enumerate(given)], "half_up")
        assert [tax.rate for tax in taxes] == list(carried)
        (tax,) = [tax for tax in taxes if tax.rate.code == row["rate"]]
        said = [minors(row[name], currency) for name in ("base", "tax", "on each line")]
        parts = [part for _, _, part in tax.parts]
        assert [[tax.base_minor], [tax.amount_minor], parts] == said, row


def whole_story() -> Sandbox:
    sandbox = Sandbox()
    sandbox.meter()
    sandbox.plan({**BASE, "name": "Pro"}, {**CALLS, "name": "Calls"}, minimum_commitment="50.00")
    sandbox.post("/tax-rates", {"code": "vat-de", "name": "VAT", "rate_percent": "19"})
    sandbox.post(
        "/coupons",
        {"code": "calls", "percent_off": "10", "duration": "forever", "prices": ["calls"]},
    )
    sandbox.customer(tax_rates=["vat-de"])
    sandbox.post("/customers/acme/coupons", {"code": "calls"})
    sandbox.subscribe()
    sandbox.clock("2026-01-20T00:00:00Z")
    for day in ("05", "06", "07"):
        sandbox.event(f"2026-01-{day}T00:00:00Z")
    sandbox.clock("2026-02-20T00:00:00Z")
    sandbox.event("2026-01-09T00:00:00Z", id="late")
    sandbox.clock("2026-03-01T02:00:00Z")
    return sandbox


def shown(invoice: Any) -> list[dict[str, str]]:
    lines = [
        {
            "line": line["description"],
            "amount": line["amount"],
            "discount": line["discount_amount"],
            "tax": line["tax_amount"],
        }
        for line in invoice["lines"]
    ]
    names = {"amount": "subtotal", "discount": "discount_total", "tax": "tax_total"}
    return [*lines, {"line": "sum"} | {name: invoice[total] for name, total in names.items()}]


def transfers(invoice: Any) -> list[dict[str, str]]:
    """The transfers of an invoice's issue; what a discount or a tax is of stands in its name."""
    row = Invoice.objects.get(public_id=invoice["id"])
    by_key = {line["id"]: line["description"] for line in invoice["lines"]}
    moved = Transfer.objects.filter(document=row.document).order_by("id")
    answer = []
    for one in moved.select_related("debit_account", "credit_account"):
        (line,) = [text for key, text in by_key.items() if key in one.line]
        sides = (
            f"{side.code} {side.sub}".strip() for side in (one.debit_account, one.credit_account)
        )
        amount = Money(one.amount_minor, one.currency).amount
        answer.append({"line": line, "debit → credit": " → ".join(sides), "amount": amount})
    return answer


@pytest.mark.django_db
@pytest.mark.once
def test_a_whole_invoice_is_what_the_page_says() -> None:
    january, february, march = whole_story().invoices()
    first, second = tables_with("line", "amount", "discount", "tax")
    (posted,) = tables_with("line", "debit → credit", "amount")
    assert shown(february) == first
    assert shown(march) == second
    assert transfers(february) == posted
    assert (january["subtotal"], february["total"]) == ("30.00", "59.50")
    assert "The total is 59.50." in PAGE


@pytest.mark.django_db
@pytest.mark.once
def test_an_inclusive_price_with_a_coupon_is_printed_as_the_page_says() -> None:
    sandbox = Sandbox()
    sandbox.plan({**BASE, "amount": "120.00"})
    body = {"code": "vat", "name": "VAT", "rate_percent": "20", "inclusive": True}
    sandbox.post("/tax-rates", body)
    sandbox.post("/coupons", {"code": "ten", "percent_off": "10"})
    sandbox.customer(tax_rates=["vat"])
    sandbox.post("/customers/acme/coupons", {"code": "ten"})
    sandbox.subscribe()
    sandbox.clock("2026-01-01T02:00:00Z")
    (invoice,) = sandbox.invoices()
    names = ("subtotal", "discount_total", "tax_total", "total")
    said = re.search(
        r"is a line of (\S+), a discount of (\S+), "
        r"tax of (\S+) and a total of\s+(\S+)\.",
        PAGE,
    )
    assert said is not None
    assert [invoice[name] for name in names] == list(said.groups())
