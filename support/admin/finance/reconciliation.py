"""The reconciliation of a period: invoices, ledger, payments, and what Stripe booked."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django import forms
from django.utils.html import format_html
from django.utils.safestring import SafeString

from billing.models import Invoice
from ledger.templates.keys import RECEIVABLE
from neruba import clock
from neruba.admin.page import (
    Banner,
    Headline,
    Table,
    day,
    figure,
    label,
    list_of,
    money,
    whole,
)
from neruba.models import Project
from neruba.money import Money, is_currency
from neruba.period import local_date, local_midnight
from neruba.sheets import Column, Ending, Row, Sheet
from payments.matching import Item, Line, Occasion, Section, State
from payments.models import (
    Dispute,
    Payment,
    ProviderEventWork,
    ProviderTransaction,
    Refund,
)
from payments.selectors.reconciliation import Count, Reconciliation
from support.admin.finance.report import ReportView, Shown, day_field, end_of, text_field

TITLE = "Reconciliation"
ROWS_SHOWN = 300
ODD, ALL = "odd", "all"
SHOWN = [
    (ODD, "what does not match"),
    (ALL, "everything"),
    *((state.name.lower(), str(state)) for state in State),
]
COLUMNS = (
    Column("Section", width=22),
    Column("What", width=14),
    Column("Id", width=32),
    Column("Account", width=8),
    Column("Date", "date", width=12),
    Column("Currency", width=9),
    Column("Amount here", "money"),
    Column("Fee here", "money"),
    Column("Net here", "money"),
    Column("Amount there", "money"),
    Column("Fee there", "money"),
    Column("Net there", "money"),
    Column("Difference", "money"),
    Column("State", width=16),
    Column("Cause", width=70),
    Column("Id there", width=32),
)
KINDS = {
    State.MATCHED: "success",
    State.MISSING_HERE: "error",
    State.MISSING_THERE: "error",
    State.DIFFERS: "warning",
}


class ReconciliationForm(forms.Form):
    """Which days, which currency, and which items are listed; the file of the same."""

    first = day_field("From the beginning of", required=True)
    last = day_field("To the end of", required=True)
    currency = text_field("Currency", max_length=3)
    show = forms.ChoiceField(
        label="Show", choices=SHOWN, widget=forms.Select(attrs={"class": "n-input"})
    )

    def clean_currency(self) -> str | None:
        currency: str = self.cleaned_data["currency"].upper()
        if currency and not is_currency(currency):
            raise forms.ValidationError("This is no currency of ISO 4217.")
        return currency or None

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        first, last = given.get("first"), given.get("last")
        if first and last and last < first:
            raise forms.ValidationError("The last day is before the first.")
        return given


class ReconciliationReport(ReportView):
    title = TITLE
    code = "reconciliation"
    permissions = (
        *ReportView.permissions,
        "billing.view_invoice",
        "payments.view_providertransaction",
    )
    form_class = ReconciliationForm

    def form(self) -> forms.Form:
        """The filters, which stand in the address; without days, this month until today."""
        given = self.request.GET.copy()
        today = local_date(clock.now(self.project), self.project.timezone)
        given["last"] = given.get("last") or today.isoformat()
        given["first"] = given.get("first") or today.replace(day=1).isoformat()
        given["show"] = given.get("show") or ODD
        return self.form_class(given)

    def shown(self, project: Project, given: dict[str, Any], at: datetime) -> Shown:
        asked = _Asked(project, given["first"], given["last"], given["currency"], given["show"])
        if self.request.method == "POST":
            return _file(asked, at)
        return _screen(asked, at)


@dataclass(frozen=True, slots=True)
class _Asked:
    project: Project
    first: date
    last: date
    currency: str | None
    show: str

    def reconciliation(self) -> Reconciliation:
        since = local_midnight(self.first, self.project.timezone)
        return Reconciliation(
            self.project, since=since, to=end_of(self.project, self.last), currency=self.currency
        )

    def lists(self, item: Item) -> bool:
        """Whether the item is among those asked for."""
        if self.show == ODD:
            return item.state != State.MATCHED
        return self.show in (ALL, item.state.name.lower())

    @property
    def days(self) -> str:
        return f"{day(self.first)} – {day(self.last)}"


def _file(asked: _Asked, at: datetime) -> Shown:
    """The file alone: its rows are read as they are sent, and what they add up to after them."""
    found = asked.reconciliation()
    zone = asked.project.timezone
    sheet = Sheet(
        title=f"{TITLE} of {asked.project.name}, {asked.days}",
        columns=COLUMNS,
        rows=(_cells(item, zone) for item in found.items() if asked.lists(item)),
        made_at=at,
        ending=lambda: Ending(
            totals=list(_totals(found)), remarks=[one.text for one in _sentences(found)]
        ),
    )
    return Shown([], [], [], sheet, f"reconciliation-{asked.first}-{asked.last}")


def _screen(asked: _Asked, at: datetime) -> Shown:
    found = asked.reconciliation()
    listed: dict[Section, list[Item]] = {section: [] for section in Section}
    left_out = 0
    for item in found.items():
        if not asked.lists(item):
            continue
        if len(listed[item.section]) < ROWS_SHOWN:
            listed[item.section].append(item)
        else:
            left_out += 1
    more = [Banner("info", f"{left_out:,} more rows are in the file.")] if left_out else []
    return Shown(
        banners=[*_sentences(found), *more],
        headlines=_headlines(found),
        tables=[
            _counts(found),
            *(_table(asked, section, items) for section, items in listed.items()),
            _by_kind(found),
        ],
        sheet=Sheet(title=TITLE, columns=COLUMNS, rows=(), made_at=at),
        name="reconciliation",
    )


def _cells(item: Item, zone: str) -> Row:
    unit = item.thing.currency

    def amounts(lines: Sequence[Line]) -> list[Money | None]:
        if not lines:
            return [None, None, None]
        minors = (
            sum(line.amount_minor for line in lines),
            sum(line.fee_minor for line in lines),
            sum(line.net_minor for line in lines),
        )
        return [Money(minor, unit) for minor in minors]

    return (
        *(str(item.section), str(item.thing.occasion), item.name, item.thing.account),
        *(local_date(item.at, zone), unit, *amounts(item.here), *amounts(item.there)),
        *(Money(item.difference_minor, unit), str(item.state), item.cause),
        ", ".join(line.name for line in item.there),
    )


def _totals(found: Reconciliation) -> Iterator[Row]:
    """The net of both sides over all items, whichever were listed."""
    for side in sorted({*found.here, *found.there}):
        unit, here, there = side.currency, found.here[side], found.there[side]
        row: list[Any] = [""] * len(COLUMNS)
        row[0], row[1], row[3], row[5] = str(side.section), "Total", side.account, unit
        row[8], row[11], row[12] = (Money(minor, unit) for minor in (here, there, here - there))
        yield row


def _sentences(found: Reconciliation) -> list[Banner]:
    """Whether the sums are those of the books, and what the difference to Stripe consists of."""
    said = []
    for tie in found.ties:
        total = money(Money(tie.listed, tie.currency))
        if not tie.difference:
            continue
        booked, by = (money(Money(minor, tie.currency)) for minor in (tie.booked, tie.difference))
        said.append(
            Banner("error", f"{tie.what}: the items make {total}, the books {booked}: {by} apart.")
        )
    if not said:
        words = "All items tie out with what moved 1000, 1010 and 1100 in the trial balance."
        said.append(Banner("success", words))
    for unit, here, there in found.provider_gap():
        said.append(_gap(found, unit, here, there))
    for payout, unit, minor in found.payouts:
        by = money(Money(minor, unit))
        text = f"Payout {payout}: its transactions and its amount are {by} apart. Fetch it again."
        said.append(Banner("error", text))
    return said


def _gap(found: Reconciliation, unit: str, here: int, there: int) -> Banner:
    mine, theirs, by = (money(Money(minor, unit)) for minor in (here, there, here - there))
    if here == there:
        return Banner("success", f"{unit}: 1000 moved by {mine}, as at Stripe.")
    odd = sum(
        count
        for key, count in found.counts.items()
        if key.section == Section.PROVIDER and key.state != State.MATCHED
    )
    text = f"{unit}: 1000 moved by {mine}, Stripe booked {theirs}; the difference of {by} is that "
    return Banner("warning", f"{text}of the items below that do not match ({odd:,}).")


def _headlines(found: Reconciliation) -> list[Headline]:
    sums = {
        state: sum(count for key, count in found.counts.items() if key.state == state)
        for state in State
    }
    read = found.fetched_to
    hint = f"of Stripe's side, last read {read:%Y-%m-%d %H:%M} UTC" if read else "nothing fetched"
    return [
        Headline(str(state).capitalize(), f"{count:,}", hint if state == State.MATCHED else "")
        for state, count in sums.items()
    ]


def _counts(found: Reconciliation) -> Table:
    names = [str(state).capitalize() for state in State]
    rows = [
        [str(section), *(f"{found.counts[Count(section, state)]:,}" for state in State)]
        for section in Section
    ]
    fetched = list_of(ProviderTransaction, "what Stripe booked, and to fetch more")
    return Table(
        title="Items",
        columns=("Section", *names),
        rows=rows,
        empty="",
        numeric=names,
        more=fetched,
    )


def _table(asked: _Asked, section: Section, items: Sequence[Item]) -> Table:
    here, there = str(section).split(" and ")
    sides = (f"{here.capitalize()} (here)", f"{there.capitalize()} (there)", "Difference")
    rows: list[list[object]] = [
        [
            _named(item),
            whole(local_date(item.at, asked.project.timezone).isoformat()),
            item.thing.currency,
            _side(item, item.here_minor, item.here),
            _side(item, item.there_minor, item.there),
            figure(Money(item.difference_minor, item.thing.currency)),
            _state(item),
        ]
        for item in items
    ]
    words = dict(SHOWN)[asked.show]
    return Table(
        title=f"{section}: {words}",
        columns=("What", "Date", "Currency", *sides, "State and cause"),
        rows=rows,
        empty="Nothing of it in these days." if asked.show != ODD else "Everything matches.",
        numeric=sides,
    )


def _named(item: Item) -> SafeString:
    return format_html("{}<br>{}", item.thing.occasion, _link(item))


def _side(item: Item, minor: int, lines: Sequence[Line]) -> str:
    """What a side says of it; a dash where it says nothing."""
    return figure(Money(minor, item.thing.currency)) if lines else "–"


def _state(item: Item) -> SafeString:
    state = label(str(item.state), KINDS[item.state])
    return format_html("{} {} {}", state, item.cause, _webhooks(item))


_MODELS: dict[Occasion, Any] = {
    Occasion.INVOICE: Invoice,
    Occasion.PAYMENT: Payment,
    Occasion.PAYMENT_FAILED: Payment,
    Occasion.REFUND: Refund,
    Occasion.REFUND_FAILED: Refund,
    Occasion.DISPUTE: Dispute,
    Occasion.DISPUTE_WON: Dispute,
}


def _link(item: Item) -> SafeString | str:
    """The row that it is of: here, or where nothing is here, as Stripe booked it."""
    if item.section == Section.PROVIDER and not item.here:
        return list_of(ProviderTransaction, item.name, q=item.name) or item.name
    model = _MODELS.get(item.thing.occasion)
    return (list_of(model, item.name, q=item.name) if model is not None else "") or item.name


def _webhooks(item: Item) -> SafeString | str:
    """The webhooks about what is missing here."""
    if item.section != Section.PROVIDER or item.state != State.MISSING_HERE:
        return ""
    return list_of(ProviderEventWork, "webhooks", q=item.thing.object)


def _by_kind(found: Reconciliation) -> Table:
    rows = [
        [key.kind, key.currency, figure(Money(minor, key.currency))]
        for key, minor in sorted(found.by_kind.items())
    ]
    return Table(
        title=f"What moved {RECEIVABLE}, receivables, in the ledger",
        columns=("Kind of entry", "Currency", "Moved"),
        rows=rows,
        empty="Nothing moved it.",
        numeric=("Moved",),
    )
