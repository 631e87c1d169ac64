"""What documents printed for fees, so that a change can be compared with it."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Q

from billing.models import CreditNote, CreditNoteLine, Invoice, InvoiceDiscount, InvoiceLine
from billing.rating.adjustments import Adjustments
from billing.rating.facts import BilledPart, ChangedPeriod, InvoiceFacts, Part, PeriodFacts
from billing.rating.invoice import InvoiceContent
from billing.rating.lines import Line
from billing.rating.parts import cut_of_fees
from billing.rating.plan import parse_plan_price
from billing.rating.schedule import BillingPeriod
from billing.rating.taxes import TaxFacts
from billing.rating.timeline import Timeline
from billing.selectors.adjustments import gross_minor
from billing.selectors.amounts import credited_amounts, discount_amount
from billing.selectors.standing import Standings
from billing.selectors.timelines import PeriodKey, held_period, stored_periods
from ledger.templates.keys import DEFERRED
from neruba.models import Project
from neruba.money import Money
from neruba.period import Interval

FEES = ("recurring", "seat", "one_time", "proration")
Place = tuple[str, str]  # a line: the operation key of its invoice, and its own key


@dataclass(frozen=True, slots=True)
class Looked:
    """Where a document looks for what changed: a subscription through time, up to an instant, from
    the earliest instant at which something new may be due. `clip` leaves out what was due before
    it; `boundary` is the number of the document's, None: it has none.
    """

    subscription: int
    timeline: Timeline
    at: datetime
    since: datetime
    boundary: int | None
    clip: datetime | None = None


@dataclass(frozen=True, slots=True)
class PrintedFee:
    """A line of fees that a document printed, with inclusive tax and less discounts, in minor
    units. What a void document printed is not billed anew, and nothing of it can come back.
    """

    place: Place
    kind: str
    period: Interval
    amount_minor: int
    net_minor: int
    evidence: Mapping[str, Any]
    corrects: Place | None
    earned: str
    tax: TaxFacts
    is_void: bool = False


def looked_for_change(invoice: Invoice, timeline: Timeline, at: datetime) -> Looked | None:
    """Where the document of a boundary looks; None where nothing was decided since the one before
    it.
    """
    number = invoice.boundary
    if not number or invoice.subscription_id is None:
        return None
    before = timeline.boundary_at(number - 1)
    assert before is not None, "a boundary lies before this one"
    since = timeline.since(at, before)
    if since is None:
        return None
    return Looked(invoice.subscription_id, timeline, at, since, number)


def looked_by_change(invoice: Invoice, timeline: Timeline) -> Looked:
    """Where the document of a change that is billed at once looks: at what is due from then on."""
    assert invoice.subscription_id is not None
    number = int(invoice.operation_key.rpartition(":")[2])
    effective_at = next(one.effective_at for one in timeline.decisions if one.number == number)
    at = invoice.boundary_at
    return Looked(invoice.subscription_id, timeline, at, effective_at, None, effective_at)


class FeeBook:
    """What documents printed of fees, told one after the other what the ones before it print."""

    def __init__(
        self,
        project: Project,
        looked: Mapping[int, Looked],
        *,
        before: Mapping[int, Invoice] | None = None,
    ) -> None:
        """`looked` by the index of its document; `before` are the documents themselves where what
        stood when each was issued counts, and not what stands now.
        """
        self._project = project
        self._looked = looked
        self._before = before or {}
        periods = {
            index: list(one.timeline.periods_between(one.since, one.at))
            for index, one in looked.items()
        }
        self._periods = periods
        self._stored = (
            stored_periods(
                project,
                {
                    PeriodKey(looked[index].subscription, rhythm.code, period.number)
                    for index, several in periods.items()
                    for rhythm, period in several
                },
            )
            if looked
            else {}
        )
        self._rows = self._lines()
        self._printed: dict[int, list[PrintedFee]] = defaultdict(list)
        self._given_back: Mapping[Place, int] = {}
        if not self._before:
            for subscription, rows in self._rows.items():
                void = Invoice.Status.VOID
                self._printed[subscription] = self._fees(
                    rows, {row.invoice_id for row in rows if row.invoice.status == void}
                )
            self._given_back = self._notes([row for rows in self._rows.values() for row in rows])

    def put_in(self, index: int, facts: InvoiceFacts) -> InvoiceFacts:
        """The facts of a document with the periods in which something changed."""
        looked = self._looked.get(index)
        if looked is None:
            return facts
        printed, given_back = self._printed[looked.subscription], self._given_back
        if (invoice := self._before.get(index)) is not None:
            rows = self._rows.get(looked.subscription, [])
            standing = Standings(self._project, {row.invoice for row in rows}, before=invoice)
            assert invoice.sequence is not None, "a document that is computed as known is issued"
            earlier = [row for row in rows if _sequence(row) < invoice.sequence]
            printed = self._fees(
                earlier, {row.invoice_id for row in earlier if row.invoice not in standing}
            )
            given_back = _known_given_back(invoice)
        changed = [
            self._changed(looked, rhythm.code, period, printed, given_back)
            for rhythm, period in self._periods[index]
        ]
        return replace(facts, changed=tuple(changed))

    def note(self, invoice: Invoice, content: InvoiceContent) -> None:
        """The document is issued before the ones that follow."""
        if invoice.subscription_id is None or not self._looked or self._before:
            return
        off: dict[str, int] = defaultdict(int)
        for one in content.composed.discounts:
            off[one.line] += one.gross_minor
        tax = content.facts.tax
        for line in content.lines:
            if line.kind in FEES:
                fee = _fee_of_line(invoice, line, off[line.key], tax)
                self._printed[invoice.subscription_id].append(fee)

    def _changed(
        self,
        looked: Looked,
        rhythm: str,
        period: BillingPeriod,
        printed: Sequence[PrintedFee],
        given_back: Mapping[Place, int],
    ) -> ChangedPeriod:
        key = PeriodKey(looked.subscription, rhythm, period.number)
        opened = self._stored.get(key) or PeriodFacts(period, self._project.policy, rhythm)
        facts = held_period(looked.timeline, opened, by=looked.at)
        zone = facts.held[0].state.terms.zone if facts.held else looked.timeline.agreed.zone
        ends = looked.timeline.cut(opened.period, looked.at).end
        is_finest = rhythm == looked.timeline.stretch_of(period.number).terms.boundary_rhythm.code
        running = (looked.boundary or 1) - 1
        return ChangedPeriod(
            held=facts,
            billed=tuple(_billed(facts, printed, given_back)),
            unit=period.number if is_finest else running,
            at=looked.at,
            is_over=ends < looked.at or (looked.boundary is None and ends == looked.at),
            since=None if looked.clip is None else cut_of_fees(facts, looked.clip, zone),
            once=tuple(_once(looked, facts, printed)),
        )

    def _lines(self) -> dict[int, list[InvoiceLine]]:
        found: dict[int, list[InvoiceLine]] = defaultdict(list)
        starts = {
            index: min((period.start for _, period in several), default=self._looked[index].since)
            for index, several in self._periods.items()
        }
        if not starts:
            return found
        rows = InvoiceLine.objects.filter(
            Q(kind__in=FEES),
            project=self._project,
            invoice__subscription__in={one.subscription for one in self._looked.values()},
            invoice__sequence__isnull=False,
            period_start__gte=min(starts.values()),
        )
        loaded = rows.select_related(
            "invoice", "transfer__debit_account", "transfer__credit_account"
        )
        for row in loaded.order_by("invoice__sequence", "position"):
            assert row.invoice.subscription_id is not None
            found[row.invoice.subscription_id].append(row)
        return found

    def _fees(self, rows: Sequence[InvoiceLine], void: Collection[int]) -> list[PrintedFee]:
        """What these lines printed, of which those of the invoices of these ids were void."""
        off: dict[tuple[int, str], int] = defaultdict(int)
        discounts = InvoiceDiscount.objects.filter(
            project=self._project, invoice__in={row.invoice_id for row in rows}
        )
        for row in discounts.select_related("transfer__debit_account"):
            off[row.invoice_id, row.line_key] += discount_amount(row) + row.included_minor
        fees = [
            (_fee_of_row(row, off[row.invoice_id, row.line_key]), row.invoice_id in void)
            for row in rows
        ]
        # A credit that became void took nothing back.
        return [
            replace(fee, is_void=is_void)
            for fee, is_void in fees
            if not (is_void and fee.corrects is not None)
        ]

    def _notes(self, rows: Sequence[InvoiceLine]) -> dict[Place, int]:
        """What credit notes gave back of these lines, with inclusive tax."""
        places = {row.pk: (row.invoice.operation_key, row.line_key) for row in rows}
        notes = list(
            CreditNote.objects.filter(
                invoice__in={row.invoice_id for row in rows}, status=CreditNote.Status.ISSUED
            ).select_related("invoice")
        )
        taxes = {row.pk: Adjustments.read(row.invoice.adjustments, "half_up").tax for row in rows}
        amounts = credited_amounts(self._project, notes)
        found: dict[Place, int] = defaultdict(int)
        for line in CreditNoteLine.objects.filter(credit_note__in=notes, invoice_line__in=places):
            one = amounts[line.credit_note_id].get(line.key)
            if one is None:
                continue
            inclusive = {rate.code for rate in taxes[line.invoice_line_id].rates if rate.inclusive}
            back = one.net_minor + sum(
                minor for rate, minor in one.taxes.items() if rate in inclusive
            )
            found[places[line.invoice_line_id]] += back
        return found


def _sequence(row: InvoiceLine) -> int:
    assert row.invoice.sequence is not None, "only issued documents have lines"
    return row.invoice.sequence


def _fee_of_row(row: InvoiceLine, off: int) -> PrintedFee:
    gross = gross_minor(row)
    is_ahead = row.transfer is not None and DEFERRED in (
        row.transfer.credit_account.code,
        row.transfer.debit_account.code,
    )
    return PrintedFee(
        (row.invoice.operation_key, row.line_key),
        row.kind,
        Interval(row.period_start, row.period_end),
        gross,
        gross - off,
        json.loads(row.evidence),
        (row.corrects_invoice, row.corrects_line) if row.corrects_line else None,
        "ahead" if is_ahead else "fee",
        Adjustments.read(row.invoice.adjustments, "half_up").tax,
    )


def _fee_of_line(invoice: Invoice, line: Line, off: int, tax: TaxFacts) -> PrintedFee:
    corrects = line.corrects
    return PrintedFee(
        (invoice.operation_key, line.key),
        line.kind,
        line.period,
        line.gross_minor,
        line.gross_minor - off,
        json.loads(line.evidence_text),
        (corrects["invoice"], corrects["line"]) if corrects is not None else None,
        line.earned if line.amount_minor else "fee",
        tax if line.tax is None else line.tax,
    )


def _known_given_back(invoice: Invoice) -> dict[Place, int]:
    """What an issued document knew of credit notes: its credit lines say so."""
    rows = InvoiceLine.objects.filter(invoice=invoice, kind="proration").exclude(corrects_line="")
    return {
        (row.corrects_invoice, row.corrects_line): Money.parse(
            json.loads(row.evidence)["credit"]["given_back"], invoice.currency
        ).minor
        for row in rows
    }


def _billed(
    facts: PeriodFacts, printed: Sequence[PrintedFee], given_back: Mapping[Place, int]
) -> Iterator[BilledPart]:
    """The lines that documents printed for parts of a period, in their order."""
    period = facts.period
    whole = {
        "starts_on": period.whole_starts_on.isoformat(),
        "ends_on": period.whole.ends_on.isoformat(),
    }
    credits: dict[Place, list[tuple[Interval, int]]] = defaultdict(list)
    for fee in printed:
        if fee.corrects is not None:
            credits[fee.corrects].append((fee.period, -fee.net_minor))
    for fee in printed:
        is_of = fee.evidence.get("share", {}).get("whole") == whole
        starts_in = period.start <= fee.period.start < period.end
        if fee.corrects is not None or fee.kind == "one_time" or not is_of:
            continue
        if not (starts_in or fee.period.start == period.start):
            continue
        quantity = fee.evidence.get("quantity")
        yield BilledPart(
            invoice=fee.place[0],
            line=fee.place[1],
            price=parse_plan_price(fee.evidence["price"]),
            seats=None if quantity is None else Decimal(quantity),
            period=fee.period,
            amount_minor=fee.amount_minor,
            net_minor=fee.net_minor,
            before=fee.evidence["share"].get("before", 0),
            credits=tuple(credits[fee.place]),
            given_back_minor=fee.net_minor if fee.is_void else given_back.get(fee.place, 0),
            earned=fee.earned,
            tax=fee.tax,
        )


def _once(
    looked: Looked, facts: PeriodFacts, printed: Sequence[PrintedFee]
) -> Iterator[tuple[datetime, Part]]:
    """What is due once since a change in this period, and was not printed yet."""
    timeline = looked.timeline
    if facts.rhythm != timeline.stretch_of(facts.period.number).terms.boundary_rhythm.code:
        return
    done = {fee.place[1].rpartition(":")[0] for fee in printed if fee.kind == "one_time"}
    done = {":".join(name.split(":")[:2]) for name in done}
    known = {price.code for price in timeline.agreed.prices if price.kind == "one_time"}
    for entry in timeline.entries[1:]:
        for price in entry.state.terms.prices:
            if price.kind != "one_time" or price.code in known:
                continue
            known.add(price.code)
            in_it = facts.period.start <= entry.at < facts.period.whole.end
            is_due = entry.at <= looked.at and (looked.clip is None or entry.at >= looked.clip)
            if in_it and is_due and f"one_time:{price.code}" not in done:
                span = facts.period.whole
                part = Part(price, entry.state.terms, (Interval(span.start, span.end),))
                yield entry.at, part
