"""What documents printed for lines of usage, with what coupons took off them."""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal

from django.db.models import Q

from billing.models import (
    Invoice,
    InvoiceDiscount,
    InvoiceLine,
    Period,
)
from billing.rating.adjustments import Adjustments
from billing.rating.correction import corrected_key
from billing.rating.coupon import RedeemedCoupon
from billing.rating.discounts import Discount
from billing.rating.facts import BilledUsage, CorrectionFacts
from billing.rating.taxes import TaxFacts
from billing.selectors.adjustments import (
    gross_minor,
)
from billing.selectors.amounts import discount_amount
from ingest.selectors.bounds import ArrivalBound
from neruba.models import Project

NEVER = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Printed:
    """What a document printed for a usage line: the line itself, or a correction of it."""

    invoice: Invoice
    bound: ArrivalBound
    amount_minor: int
    quantity: Decimal
    events: int
    discounts: tuple[Discount, ...]
    tax: TaxFacts

    def is_beyond(self, bound: ArrivalBound) -> bool:
        return self.bound.event > bound.event or self.bound.retraction > bound.retraction


def printed_for(
    project: Project, corrections: Sequence[tuple[Period, CorrectionFacts]]
) -> dict[tuple[int, str], list[Printed]]:
    """What documents printed for these lines, by subscription and key, in order of number."""
    subscriptions = {row.subscription_id for row, _ in corrections}
    keys = {corrected_key(one) for _, one in corrections}
    if not keys:
        return {}
    lines = InvoiceLine.objects.filter(
        Q(kind="usage", line_key__in=keys) | Q(kind="correction", corrects_line__in=keys),
        project=project,
        invoice__subscription__in=subscriptions,
        invoice__sequence__isnull=False,
    )
    loaded = list(
        lines.select_related("invoice", "transfer__debit_account").order_by("invoice__sequence")
    )
    given = _discounts_on(project, loaded)
    answer: dict[tuple[int, str], list[Printed]] = defaultdict(list)
    for line in loaded:
        usage = json.loads(line.evidence)["usage"]
        key = line.corrects_line or line.line_key
        assert line.invoice.subscription_id is not None
        answer[line.invoice.subscription_id, key].append(
            Printed(
                line.invoice,
                ArrivalBound(line.invoice.bound_event, line.invoice.bound_retraction),
                gross_minor(line),
                Decimal(usage["quantity"]),
                usage["events"],
                tuple(given[line.invoice_id, line.line_key]),
                Adjustments.read(line.invoice.adjustments, "half_up").tax,
            )
        )
    return answer


def _discounts_on(
    project: Project, lines: Sequence[InvoiceLine]
) -> dict[tuple[int, str], list[Discount]]:
    """What coupons took off these lines, by invoice id and line key, in order of application."""
    found: dict[tuple[int, str], list[Discount]] = defaultdict(list)
    rows = InvoiceDiscount.objects.filter(
        project=project,
        invoice__in={line.invoice_id for line in lines},
        line_key__in={line.line_key for line in lines},
    )
    for row in rows.select_related("transfer__debit_account").order_by("invoice", "position"):
        gross = discount_amount(row) + row.included_minor
        found[row.invoice_id, row.line_key].append(
            Discount(coupon_of(row), row.line_key, row.unit, gross)
        )
    return found


def coupon_of(row: InvoiceDiscount) -> RedeemedCoupon:
    """The coupon as it stands on the discount that it gave: when and for how long it holds is not
    the discount's to know.
    """
    return RedeemedCoupon(
        code=row.coupon,
        name=row.name,
        percent_off=Decimal(row.percent_off) if row.percent_off else None,
        amount_off_minor=row.amount_off_minor,
        currency="",
        duration="",
        periods=None,
        number=row.number,
        redeemed_at=NEVER,
    )


def with_printed(
    one: CorrectionFacts, printed: Sequence[Printed], now: TaxFacts
) -> CorrectionFacts:
    """The facts with what was printed; taxed as the first document was, or as is `now`."""
    if not printed:
        return replace(one, tax=now)
    discounts: dict[int, Discount] = {}
    first_off: dict[int, int] = {}
    for each in printed:
        for given in each.discounts:
            number = given.coupon.number
            before = discounts[number].amount_minor if number in discounts else 0
            discounts[number] = replace(given, amount_minor=before + given.amount_minor)
            first_off.setdefault(number, given.amount_minor)
    billed = BilledUsage(
        sum(each.amount_minor for each in printed),
        printed[-1].quantity,
        printed[-1].events,
        tuple(discounts.values()),
        first_off,
    )
    return replace(one, billed=billed, tax=printed[0].tax)
