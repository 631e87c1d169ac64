"""What a change of a subscription would do, in words and tables, before it is confirmed."""

from collections.abc import Sequence
from datetime import datetime

from django.utils.html import format_html
from django.utils.safestring import SafeString

from billing.admin.documents import period_of, zone_of
from billing.models import Invoice
from billing.rating.change_words import change_in_words, proration_in_words
from billing.selectors.documents import Document
from billing.services.shown_changes import ShownChange
from neruba.admin.page import Table, days, figure, instant, local_time, money
from neruba.money import Money
from neruba.period import parse_instant


def preview_words(change: ShownChange, at: datetime) -> list[str]:
    """Sentences: what, when, what is billed by which document, and what would be without it."""
    decision, zone = change.decision, change.before.terms.zone
    what = "; ".join(change_in_words(decision, change.before))
    when = decision.effective_at
    how_soon = "scheduled, it can be withdrawn until then" if when > at else "at once"
    if when < at:
        how_soon = "it reaches back"
    said = [
        f"{what}.",
        f"Effective {local_time(when, zone)} {zone} ({instant(when)}): {how_soon}.",
    ]
    if how := proration_in_words(decision):
        said.append(f"Fees follow it {how}.")
    if not change.documents:
        return [*said, "No invoice comes of it."]
    return said + [sentence for one in change.documents for sentence in _document(one, change)]


def _document(document: Document, change: ShownChange) -> list[str]:
    row, total = document.invoice, document.total
    named = "The next invoice"
    if row.reason == Invoice.Reason.CHANGE:
        is_its = change.decision.given.get("invoice") == "now"
        named = "An invoice of its own" if is_its else "The invoice of a scheduled change"
    said = [f"{named} ({period_of(document)}) comes to {money(total)}, computed now."]
    if total.minor < 0:
        back = Money(-total.minor, total.currency)
        said.append(f"That is below zero: {money(back)} go to the customer balance.")
    key = row.operation_key
    others = [one.total for one in change.without if one.invoice.operation_key == key]
    for other in others:
        is_same = other.minor == total.minor
        would = "the same" if is_same else money(other)
        said.append(f"Without the change it would come to {would}.")
    if change.without and not others:
        said.append("Without the change the next invoice would be another one.")
    return said


def preview_tables(change: ShownChange) -> list[Table]:
    """The lines and sums of each document."""
    return [_table(one) for one in change.documents]


def _table(document: Document) -> Table:
    content, currency = document.content, document.invoice.currency
    zone = zone_of(document)
    rows: list[Sequence[object]] = [
        (
            line["description"],
            days(
                parse_instant(line["period"]["start"]), parse_instant(line["period"]["end"]), zone
            ),
            figure(Money.parse(line["amount"], currency)),
        )
        for line in content["lines"]
    ]
    if content["discounts"]:
        off = document.discount_total
        rows.append(("Discounts", "", figure(Money(-off.minor, currency))))
    if content["taxes"]:
        rows.append(("Tax", "", figure(document.tax_total)))
    rows.append((_strong("Total"), "", _strong(figure(document.total))))
    return Table(
        title="Its lines",
        columns=("Line", "Period", currency),
        rows=rows,
        empty="",
        numeric=(currency,),
    )


def _strong(text: str) -> SafeString:
    return format_html("<strong>{}</strong>", text)
