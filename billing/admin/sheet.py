"""What stands on an invoice's page and on its print view."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from billing.admin.documents import period_of, zone_of
from billing.admin.evidence import Evidence, evidence_of
from billing.admin.settlement import SettledRow
from billing.models import CreditNote, Invoice
from billing.rating.explain import explain_document
from billing.rating.explain_sums import ExplainedSum, explain_sums
from billing.rating.words import spoken
from billing.selectors.credit_notes import NoteDocument
from billing.selectors.documents import Document
from billing.selectors.line_usage import LineUsage, usage_of_lines
from ingest.models import UsageEvent, UsageWindow
from ledger.chart import chart_account
from ledger.selectors.journal import transfers_of_documents
from neruba.admin.page import (
    Table,
    code,
    day,
    days,
    figure,
    instant,
    link_to,
    list_of,
    money,
    pretty,
    whole,
)
from neruba.money import Money
from neruba.period import local_date, parse_instant

PRORATION = "proration"
# Parts of an address by line.
ADDRESS = (("company",), ("line1",), ("line2",), ("postal_code", "city"), ("state",), ("country",))


@dataclass(frozen=True, slots=True)
class ShownLine:
    """A line for people: `text` says how the amount came about, `raw` is its evidence as JSON,
    `links` lead down to the windows and the raw events behind it, and to what it corrects. `heads`
    is what stands above the first of several that belong together.
    """

    key: str
    description: str
    period: str
    quantity: str
    unit_amount: str
    amount: str
    text: tuple[str, ...]
    evidence: Evidence
    raw: str
    links: tuple[str, ...]
    heads: str = ""


def lines_of_document(document: Document) -> list[ShownLine]:
    """The lines with explanation and evidence: in their order, but each credit of a change beside
    the charge that takes its place.
    """
    currency, zone = document.invoice.currency, zone_of(document)
    explained = explain_document(document.content, document.numbers)
    usage, corrected = usage_of_lines(document), _corrected(document)
    shown = [
        ShownLine(
            key=line["id"],
            description=line["description"],
            period=_period(line, zone),
            quantity=spoken(Decimal(line["quantity"])),
            unit_amount=spoken(Decimal(line["unit_amount"])) if line["unit_amount"] else "–",
            amount=figure(Money.parse(line["amount"], currency)),
            text=words.text,
            evidence=evidence_of(line["evidence"], currency),
            raw=pretty(line["evidence"]),
            links=(*_corrects(line, corrected), *_links(document, usage.get(line["id"]))),
        )
        for line, words in zip(document.content["lines"], explained, strict=True)
    ]
    return _beside(document.content["lines"], shown, zone)


def _beside(
    lines: Sequence[Mapping[str, Any]], shown: Sequence[ShownLine], zone: str
) -> list[ShownLine]:
    """Lines of kind `proration` by the instant of their change and their price, credits first."""
    prices = [line["price"] for line in lines if line["kind"] == PRORATION]

    def place(index: int) -> tuple[int, str, int, int]:
        line = lines[index]
        if line["kind"] != PRORATION:
            # One-off charges come after what changed, all else before it.
            return (2 if line["kind"] == "charge" else 0), "", 0, index
        return 1, line["period"]["start"], prices.index(line["price"]), index

    found, head = [], ""
    for index in sorted(range(len(lines)), key=place):
        line, before = lines[index], head
        head = line["period"]["start"] if line["kind"] == PRORATION else ""
        on = local_day(parse_instant(head), zone) if head and head != before else ""
        heads = f"What changed on {on}" if on else ""
        found.append(replace(shown[index], heads=heads))
    return found


def _corrected(document: Document) -> dict[str, Invoice]:
    """The issued invoices that lines correct, by operation key."""
    keys = {line["corrects"]["invoice"] for line in document.content["lines"] if line["corrects"]}
    if not keys:
        return {}
    rows = Invoice.objects.filter(
        project=document.invoice.project, operation_key__in=keys, sequence__isnull=False
    )
    return {row.operation_key: row for row in rows}


def _corrects(line: Mapping[str, Any], corrected: Mapping[str, Invoice]) -> tuple[str, ...]:
    row = corrected.get(line["corrects"]["invoice"]) if line["corrects"] else None
    return () if row is None else (link_to(row, f"Corrects {row.number}"),)


def _links(document: Document, usage: LineUsage | None) -> tuple[str, ...]:
    if usage is None or usage.subject_id is None:
        return ()
    zone, end = zone_of(document), parse_instant(usage.end)
    subject = {"subject__id__exact": usage.subject_id}
    events = {"type": usage.event_type, "effective_at__lt": end.isoformat()}
    windows: dict[str, object] = {"day_to": local_date(end, zone)}
    if not usage.carries_over:
        start = parse_instant(usage.start)
        events["effective_at__gte"] = start.isoformat()
        windows["day_from"] = local_date(start, zone)
    meter = {"meter__id__exact": usage.meter_id}
    return (
        list_of(UsageEvent, "Raw events behind it", **subject, **events),
        list_of(UsageWindow, "Usage by day", **subject, **meter, **windows),
    )


def _period(line: Mapping[str, Any], zone: str) -> str:
    start, end = (parse_instant(line["period"][side]) for side in ("start", "end"))
    return days(start, end, zone)


REASONS = {
    "reverse": "Reverse charge: the recipient owes the tax.",
    "exempt": "Exempt from tax.",
}


def sums_of_document(document: Document) -> list[tuple[str, str]]:
    """From the sum of the lines to the total, each in words with its amount: nothing but the total
    where nothing is taken off or put on.
    """
    content, currency = document.content, document.invoice.currency
    total = ("Total", money(document.total))
    if not content["discounts"] and not content["taxes"]:
        return [total]
    rows = [("Subtotal", figure(document.subtotal))]
    for one in content["discounts"]:
        off = f"{one['percent_off']} %" if one["percent_off"] else f"{one['amount_off']} {currency}"
        name = one["name"] or one["coupon"]
        rows.append((f"Discount {name} ({off})", f"−{one['amount']}".replace("−-", "")))
    rows += [(_tax_words(tax, currency), tax["amount"]) for tax in content["taxes"]]
    return [*rows, total]


def explained_sums(document: Document) -> list[ExplainedSum]:
    """Discounts, taxes and the total in words; nothing where the total is the sum of the lines."""
    content = document.content
    return explain_sums(content) if content["discounts"] or content["taxes"] else []


def _tax_words(tax: Mapping[str, Any], currency: str) -> str:
    if tax["reason"]:
        return f"{tax['name']} on {tax['base']} {currency}. {REASONS[tax['reason']]}"
    return f"{tax['name']} {tax['rate_percent']} % on {tax['base']} {currency}"


def transfer_table(document: Document) -> Table:
    """The ledger's transfers that name the document, oldest first."""
    invoice = document.invoice
    return Table(
        title="Ledger: the transfers behind it",
        columns=("Date", "Entry", "Debit", "Credit", "Line", "Amount"),
        rows=[
            (
                whole(instant(transfer.entry.occurred_at)),
                link_to(transfer.entry, transfer.entry.kind),
                account_link(transfer.debit_account),
                account_link(transfer.credit_account),
                code(transfer.line),
                money(Money(transfer.amount_minor, transfer.currency)),
            )
            for transfer in transfers_of_documents(invoice.project, [invoice.document])
        ],
        empty="No transfer: every line of it is zero, and zero moves nothing.",
        numeric=("Amount",),
        anchor="ledger",
    )


def account_link(account: Any) -> str:
    """A link to an account by code, name and customer."""
    words = [account.code, chart_account(account.code).name]
    party = [f"({account.party})"] if account.party else []
    return link_to(account, " ".join([*words, *party]))


def print_sheet(document: Document, settled: Sequence[SettledRow]) -> dict[str, Any]:
    """What the print view shows; the parties of an issued invoice are those of its issue."""
    invoice = document.invoice
    is_draft = invoice.status == Invoice.Status.DRAFT
    parties = _parties_now(invoice) if is_draft else json.loads(invoice.party.content)
    zone = zone_of(document)
    return {
        "document": document,
        "invoice": invoice,
        "is_draft": is_draft,
        "seller": party_lines(parties["from"]),
        "buyer": party_lines(parties["to"]),
        "period": period_of(document),
        "issued_on": "" if is_draft else local_day(invoice.finalized_at, zone),
        "payment_due_on": "" if is_draft else local_day(invoice.payment_due_at, zone),
        "zone": zone,
        "lines": lines_of_document(document),
        "sums": sums_of_document(document),
        "explained": explained_sums(document),
        "settled": [(row.words, row.on, money(row.amount)) for row in settled[1:-1]],
        "due": money(document.due),
    }


def credit_note_sheet(document: NoteDocument) -> dict[str, Any]:
    """What the print view of a credit note shows; its parties are those of its invoice."""
    note = document.note
    parties = json.loads(note.invoice.party.content)
    zone = note.customer.timezone or note.project.timezone
    return {
        "note": note,
        "is_void": note.status == CreditNote.Status.VOID,
        "voided_on": "" if note.voided_at is None else local_day(note.voided_at, zone),
        "seller": party_lines(parties["from"]),
        "buyer": party_lines(parties["to"]),
        "issued_on": local_day(note.issued_at, zone),
        "invoice_on": local_day(note.invoice.finalized_at, zone),
        "zone": zone,
        "lines": [
            (
                line.description,
                line.quantity or "–",
                figure(Money(line.tax_minor, note.currency)),
                figure(Money(line.net_minor, note.currency)),
            )
            for line in document.lines
        ],
        "sums": [
            ("Net", figure(Money(document.net_minor, note.currency))),
            *(
                (f"Tax {rate}", figure(Money(minor, note.currency)))
                for rate, minor in document.taxes.items()
            ),
        ]
        if document.tax_minor
        else [],
        "total": money(document.total),
    }


def local_day(at: Any, zone: str) -> str:
    """The day of an instant, for people."""
    return day(local_date(at, zone))


def _parties_now(invoice: Invoice) -> dict[str, Any]:
    customer = invoice.customer
    return {
        "from": {"name": invoice.project.name},
        "to": {
            "external_id": customer.external_id,
            "name": customer.name,
            "email": customer.email,
            "billing_address": customer.billing_address,
            "tax_ids": customer.tax_ids,
        },
    }


def party_lines(party: Mapping[str, Any]) -> list[str]:
    """Name, address, tax ids, e-mail: one line each, as far as they are known."""
    lines = [party["name"], *_address_lines(party.get("billing_address") or {})]
    lines += [f"Tax id {tax_id}" for tax_id in party.get("tax_ids") or ()]
    lines += [party["email"]] if party.get("email") else []
    lines += [f"Customer {party['external_id']}"] if party.get("external_id") else []
    return lines


def _address_lines(address: Mapping[str, str]) -> list[str]:
    """The usual parts in the order of a letter, then whatever else there is."""
    known = [" ".join(filter(None, (address.get(part, "") for part in row))) for row in ADDRESS]
    usual = {part for row in ADDRESS for part in row}
    return [line for line in known if line] + [
        text for part, text in address.items() if part not in usual and text
    ]
