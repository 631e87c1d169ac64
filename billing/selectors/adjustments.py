"""What documents know of discounts, tax and the plan's minimum, beside their lines."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, cast

from django.db.models import Sum

from billing.models import Charge, Invoice, InvoiceDiscount, InvoiceLine
from billing.rating.adjustments import Adjustments
from billing.rating.discounts import CouponFacts
from billing.rating.facts import InvoiceFacts, PeriodFacts
from billing.rating.invoice import InvoiceContent
from billing.rating.minimum import lies_in
from billing.rating.schedule import BillingPeriod
from billing.rating.taxes import Exemption, TaxFacts
from billing.selectors.amounts import discount_amount, line_amount
from billing.selectors.coupons import redemptions_of
from billing.selectors.standing import Standings
from ledger.templates.keys import RECEIVABLE
from neruba.models import Customer, Project
from neruba.money import Money, Rounding
from neruba.period import parse_instant
from neruba.project_settings import ProjectSettings
from neruba.selectors.tax_rates import tax_rate_by_code, tax_rates_of
from neruba.tax import TaxRateFact

MINIMUM = "minimum:"

Owner = tuple[int, int | None]  # a customer and one of its subscriptions, by id


class CountedPeriod(NamedTuple):
    """The lines of one subscription whose own period lies in this one."""

    subscription_id: int
    period: BillingPeriod


@dataclass(frozen=True, slots=True)
class Counted:
    """What issued documents count towards the minimum of a period, and what they printed of it, in
    minor units: both before tax that is put on them, with inclusive tax.
    """

    lines_minor: int = 0
    minimum_minor: int = 0


class AdjustmentBook:
    """The adjustments of documents that are computed one after the other: each is told what the
    ones before it did, as if they were issued.
    """

    def __init__(
        self,
        project: Project,
        invoices: Sequence[Invoice],
        facts: Sequence[InvoiceFacts],
        charges: Iterable[Charge],
    ) -> None:
        customers = {row.customer_id: row.customer for row in invoices}
        self._project = project
        self._taxes = taxes_of_customers(project, list(customers.values()))
        codes = {row.tax_code for row in charges if row.tax_code}
        self._rates = tax_rates_by_code(project, codes)
        self._coupons = _coupons(
            project, {(row.customer_id, row.subscription_id) for row in invoices}
        )
        wanted = {
            counted_period(row.subscription_id, one.minimum_period)
            for row, one in zip(invoices, facts, strict=True)
            if row.subscription_id is not None and one.minimum_period is not None
        }
        self._counted = {key: one.lines_minor for key, one in counted(project, wanted).items()}
        self._done: dict[int, list[InvoiceContent]] = defaultdict(list)

    def of(self, invoice: Invoice, facts: InvoiceFacts) -> Adjustments:
        """What the document knows now."""
        return Adjustments(
            rounding=rounding_of_document(self._project, facts),
            coupons=self._coupons.get((invoice.customer_id, invoice.subscription_id), ()),
            tax=self._taxes[invoice.customer_id],
            counted_minor=self._counted_minor(invoice, facts),
            charge_rates={
                one.key: self._rates[one.tax_code]
                for one in facts.charges
                if one.tax_code in self._rates
            },
        )

    def note(self, invoice: Invoice, content: InvoiceContent) -> None:
        """The document is issued before the ones that follow."""
        discounts = content.composed.discounts
        if discounts:
            self._redeem(invoice, content)
        if invoice.subscription_id is not None:
            self._done[invoice.subscription_id].append(content)

    def _redeem(self, invoice: Invoice, content: InvoiceContent) -> None:
        discounts = content.composed.discounts
        mine = (invoice.customer_id, invoice.subscription_id)
        for owner, several in self._coupons.items():
            if owner == mine:
                self._coupons[owner] = tuple(one.after(discounts) for one in several)
            elif owner[0] == invoice.customer_id:
                # A coupon for once is for one subscription: the first that it discounts.
                spent = {one.coupon.number for one in discounts if one.coupon.duration == "once"}
                self._coupons[owner] = tuple(
                    one for one in several if one.coupon.number not in spent
                )

    def _counted_minor(self, invoice: Invoice, facts: InvoiceFacts) -> int:
        subscription, held = invoice.subscription_id, facts.minimum_period
        if subscription is None or held is None:
            return 0
        before = self._done[subscription]
        return self._counted[counted_period(subscription, held)] + sum(
            content.counted_minor(held.period) for content in before
        )


def known_adjustments(project: Project, invoice: Invoice, facts: InvoiceFacts) -> Adjustments:
    """What an issued document knew."""
    return Adjustments.read(invoice.adjustments, rounding_of_document(project, facts))


def rounding_of_document(project: Project, facts: InvoiceFacts) -> Rounding:
    """By the policy of the period that it shows, else the project's."""
    held = facts.ended or facts.begun
    policy: ProjectSettings = held.policy if held is not None else project.policy
    return cast("Rounding", policy.rounding)


def taxes_of_customers(project: Project, customers: Sequence[Customer]) -> dict[int, TaxFacts]:
    """What stands on the lines of these customers now, by id."""
    rates = tax_rates_of(project, customers)
    return {
        row.pk: TaxFacts(rates.get(row.pk, ()), cast("Exemption", row.tax_exempt))
        for row in customers
    }


def counted(
    project: Project, wanted: Collection[CountedPeriod], *, before: Invoice | None = None
) -> dict[CountedPeriod, Counted]:
    """What issued documents (those that stood when `before` was issued) count towards the minimum
    of each period, and printed of it. A constant number of queries.
    """
    found = dict.fromkeys(wanted, Counted())
    if not found:
        return found
    rows = InvoiceLine.objects.filter(
        project=project,
        invoice__subscription__in={one.subscription_id for one in wanted},
        invoice__sequence__isnull=False,
        period_start__gte=min(one.period.start for one in wanted),
        period_end__lte=max(one.period.whole.end for one in wanted),
    ).exclude(kind="charge")
    loaded = rows.select_related("invoice", "transfer__debit_account")
    standing = Standings(project, {line.invoice for line in loaded}, before=before)
    by_subscription: dict[int, list[InvoiceLine]] = defaultdict(list)
    for line in loaded:
        if line.invoice in standing and line.invoice.subscription_id is not None:
            by_subscription[line.invoice.subscription_id].append(line)
    off = _gross_off(project, {line.invoice_id for line in loaded})
    for one in wanted:
        sums = {False: 0, True: 0}
        for line in by_subscription[one.subscription_id]:
            if lies_in(_since(line), line.period_end, one.period):
                left = gross_minor(line) - off[line.invoice_id, line.line_key]
                sums[_is_minimum(line)] += left
        found[one] = Counted(lines_minor=sums[False], minimum_minor=sums[True])
    return found


def counted_period(subscription_id: int, held: PeriodFacts) -> CountedPeriod:
    """The lines that count towards the minimum of a period."""
    return CountedPeriod(subscription_id, held.period)


def _since(line: InvoiceLine) -> datetime:
    """Since when the period is that a line is for, or for a part of."""
    if line.kind == "proration":
        return parse_instant(json.loads(line.evidence)["period"]["start"])
    return line.period_start


def _gross_off(project: Project, invoices: Collection[int]) -> dict[tuple[int, str], int]:
    """What discounts take off the lines of these invoices, with inclusive tax, in minor units."""
    off: dict[tuple[int, str], int] = defaultdict(int)
    rows = InvoiceDiscount.objects.filter(project=project, invoice__in=invoices)
    for row in rows.select_related("transfer__debit_account"):
        off[row.invoice_id, row.line_key] += discount_amount(row) + row.included_minor
    return off


def gross_minor(line: InvoiceLine) -> int:
    """What an issued line came to with the inclusive tax that is part of its price."""
    amount = line_amount(line, line.invoice.currency).minor
    if '"included_tax"' in line.evidence:
        included = json.loads(line.evidence)["included_tax"]["tax"]
        amount += Money.parse(included, line.invoice.currency).minor
    return amount


def tax_rates_by_code(project: Project, codes: Collection[str]) -> Mapping[str, TaxRateFact]:
    """The project's rates of these codes; a code that names none is left out."""
    return tax_rate_by_code(project, codes) if codes else {}


def _is_minimum(line: InvoiceLine) -> bool:
    return line.kind == "minimum" or line.corrects_line.startswith(MINIMUM)


def _coupons(project: Project, owners: Collection[Owner]) -> dict[Owner, tuple[CouponFacts, ...]]:
    """The coupons of these customers with what they did, for each of these subscriptions."""
    redeemed = redemptions_of(project, {customer for customer, _ in owners})
    mine = {owner: redeemed[owner[0]] for owner in owners if redeemed.get(owner[0])}
    if not mine:
        return {}
    used = _used(project, {customer for customer, _ in mine})
    answer: dict[Owner, tuple[CouponFacts, ...]] = {}
    for (customer, subscription), coupons in mine.items():
        facts = []
        for coupon in coupons:
            places = used.get((customer, coupon.number), {})
            if coupon.duration == "once" and places.keys() - {subscription}:
                continue
            units = places.get(subscription, {})
            facts.append(CouponFacts(coupon, min(units, default=None), units))
        answer[customer, subscription] = tuple(facts)
    return answer


def _used(
    project: Project, customers: Collection[int]
) -> dict[tuple[int, int], dict[int | None, dict[int, int]]]:
    """What each redemption (customer, number) took off, by subscription and period, in minor
    units with inclusive tax. Added by the database.
    """
    rows = (
        InvoiceDiscount.objects.filter(project=project, invoice__customer__in=customers)
        .exclude(invoice__status=Invoice.Status.VOID)
        .order_by()
        .values_list(
            *("invoice__customer_id", "number", "invoice__subscription_id", "unit"),
            "transfer__debit_account__code",
        )
        .annotate(taken=Sum("transfer__amount_minor"), included=Sum("included_minor"))
    )
    found: dict[tuple[int, int], dict[int | None, dict[int, int]]] = {}
    for customer, number, subscription, unit, code, taken, included in rows:
        units = found.setdefault((customer, number), {}).setdefault(subscription, {})
        signed = -taken if code == RECEIVABLE else taken
        units[unit] = units.get(unit, 0) + signed + included
    return found
