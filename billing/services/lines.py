"""The rows of issued documents: their lines, discounts and taxes, each with its transfer."""

from collections.abc import Iterator, Mapping, Sequence

from billing.models import Invoice, InvoiceDiscount, InvoiceLine, InvoiceTax
from billing.rating.lines import Line, discount_name, tax_name
from billing.selectors.contents import Computed
from neruba.decimals import plain
from neruba.inserts import insert_rows
from neruba.models import Project

LINE_COLUMNS = (
    *("project_id", "invoice_id", "line_key", "position", "kind", "price", "description"),
    *("period_start", "period_end", "quantity", "unit_amount", "evidence"),
    *("corrects_invoice", "corrects_line", "transfer_id"),
)
DISCOUNT_COLUMNS = (
    *("project_id", "invoice_id", "position", "line_key", "coupon", "name", "number"),
    *("percent_off", "amount_off_minor", "unit", "included_minor", "transfer_id"),
)
TAX_COLUMNS = (
    *("project_id", "invoice_id", "position", "tax", "line_key", "rate", "name"),
    *("rate_percent", "inclusive", "country", "reason", "transfer_id"),
)


def store_lines(
    project: Project, made: Sequence[Computed], posted: Sequence[Mapping[str, int]]
) -> None:
    """Store the lines of documents, with what is taken off and put on them; `posted` are the ids of
    each one's transfers, by the name that they carry.
    """
    rows: list[tuple[object, ...]] = []
    discounts: list[tuple[object, ...]] = []
    taxes: list[tuple[object, ...]] = []
    for one, transfers in zip(made, posted, strict=True):
        rows += [
            _line_row(project, one.invoice, position, line, transfers.get(line.key))
            for position, line in enumerate(one.content.lines)
        ]
        discounts += _discount_rows(project, one, transfers)
        taxes += _tax_rows(project, one, transfers)
    insert_rows(InvoiceLine, LINE_COLUMNS, rows)
    insert_rows(InvoiceDiscount, DISCOUNT_COLUMNS, discounts)
    insert_rows(InvoiceTax, TAX_COLUMNS, taxes)


def _discount_rows(
    project: Project, one: Computed, transfers: Mapping[str, int]
) -> Iterator[tuple[object, ...]]:
    for position, given in enumerate(one.content.composed.discounts):
        coupon = given.coupon
        percent = "" if coupon.percent_off is None else plain(coupon.percent_off)
        yield (
            *(project.pk, one.invoice.pk, position, given.line, coupon.code, coupon.name),
            *(coupon.number, percent, coupon.amount_off_minor, given.unit),
            *(given.included_minor, transfers[discount_name(given.line, coupon.number)]),
        )


def _tax_rows(
    project: Project, one: Computed, transfers: Mapping[str, int]
) -> Iterator[tuple[object, ...]]:
    position = 0
    for place, tax in enumerate(one.content.composed.taxes):
        rate = tax.rate
        for line, _, _ in tax.parts:
            yield (
                *(project.pk, one.invoice.pk, position, place, line, rate.code, rate.name),
                *(plain(rate.rate_percent), rate.inclusive, rate.country, tax.reason or ""),
                transfers.get(tax_name(line, place)),
            )
            position += 1


def _line_row(
    project: Project, invoice: Invoice, position: int, line: Line, transfer_id: int | None
) -> tuple[object, ...]:
    corrects = line.corrects or {"invoice": "", "line": ""}
    return (
        *(project.pk, invoice.pk, line.key, position, line.kind, line.price, line.description),
        *(line.period.start, line.period.end, line.quantity, line.unit_amount or ""),
        *(line.evidence_text, corrects["invoice"], corrects["line"], transfer_id),
    )
