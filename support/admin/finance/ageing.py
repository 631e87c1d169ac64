"""The ageing of receivables at the end of a day."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any

from billing.ageing import RANGES, AgedBalance, Ageing, Tie
from billing.selectors.ageing import receivables_ageing
from ledger.templates.keys import RECEIVABLE
from neruba.admin.page import Banner, Headline, Table, day, figure, money
from neruba.models import Project
from neruba.money import Money
from neruba.sheets import Cell, Column, Ending, Row, Sheet
from support.admin.finance.links import accounts_link, customer_link
from support.admin.finance.report import DayForm, ReportView, Shown, end_of, text_field

TITLE = "Receivables ageing"
UNDATED = "No due date"
AMOUNTS = (*RANGES, UNDATED, "Credits", "Total", "Unapplied")
ROWS_SHOWN = 500
NAMED = 20


class AgeingForm(DayForm):
    customer = text_field("Customer's id", max_length=255)


class AgeingReport(ReportView):
    title = TITLE
    code = "receivables-ageing"
    permissions = (*ReportView.permissions, "billing.view_invoice")
    form_class = AgeingForm

    def shown(self, project: Project, given: dict[str, Any], at: datetime) -> Shown:
        on: date = given["on"]
        end = end_of(project, on)
        found = receivables_ageing(
            project, at=end, currency=given["currency"], customer=given["customer"] or None
        )
        sentences = _sentences(found, customer=given["customer"])
        return Shown(
            banners=sentences,
            headlines=[
                Headline(
                    f"Owed in {total.owner.currency}",
                    _figure(total, total.total),
                    f"{_figure(total, sum(total.ranges[1:]))} of it is past due",
                )
                for total in found.totals
            ],
            tables=[_table(found, on=day(on)), *_undated(found)],
            sheet=Sheet(
                title=f"{TITLE} of {project.name} at the end of {day(on)}",
                columns=[
                    Column("Customer", width=32),
                    Column("Currency", width=10),
                    *(Column(name, "money") for name in AMOUNTS),
                ],
                rows=(_cells(row, row.owner.customer) for row in found.rows),
                made_at=at,
                ending=lambda: Ending(
                    totals=[_cells(total, "Total") for total in found.totals],
                    remarks=[one.text for one in sentences],
                ),
            ),
            name=f"receivables-ageing-{on}",
        )


def _minors(row: AgedBalance) -> tuple[int, ...]:
    return (*row.ranges, row.undated, row.credits, row.total, row.unapplied)


def _cells(row: AgedBalance, name: Cell) -> Row:
    unit = row.owner.currency
    return (name, unit, *(Money(minor, unit) for minor in _minors(row)))


def _figure(row: AgedBalance, minor: int) -> str:
    return figure(Money(minor, row.owner.currency))


def _sentences(found: Ageing, *, customer: str) -> list[Banner]:
    """Whether the totals are those of the books, or by how much and where not."""
    books = (
        f"the customer's account {RECEIVABLE}" if customer else f"{RECEIVABLE} in the trial balance"
    )
    said = []
    if not found.ties:
        said.append(
            Banner("success", f"Nothing is owed, and nothing stands on {books}: both are zero.")
        )
    for tie in found.ties:
        unit = tie.owner.currency
        if not tie.difference:
            total = money(Money(tie.booked, unit))
            said.append(Banner("success", f"{unit}: the total of {total} ties out with {books}."))
            continue
        listed, booked = money(Money(tie.listed, unit)), money(Money(tie.booked, unit))
        by = money(Money(tie.difference, unit))
        text = f"{unit}: the total of {listed} differs by {by} from {booked}, {books}."
        said.append(Banner("error", text))
    said += [Banner("error", text) for text in _where(found.differences)]
    if found.undated:
        names = [one.document or "no document" for one in found.undated]
        listed = ", ".join(names[:NAMED]) + (" and more" if len(names) > NAMED else "")
        said.append(Banner("warning", f"Without a due date: {listed}."))
    return said


def _where(differences: Sequence[Tie]) -> Iterator[str]:
    for tie in differences[:NAMED]:
        unit = tie.owner.currency
        listed, booked = money(Money(tie.listed, unit)), money(Money(tie.booked, unit))
        owner = tie.owner.customer or "a customer who is not known"
        yield f"{RECEIVABLE} of {owner}: its documents make {listed}, its balance is {booked}."


def _table(found: Ageing, *, on: str) -> Table:
    """The rows as they fit on a screen: no column of undated documents where there are none."""
    names = [name for name in AMOUNTS if name != UNDATED or found.undated]

    def figures(row: AgedBalance) -> list[str]:
        amounts = dict(zip(AMOUNTS, _minors(row), strict=True))
        return [_figure(row, amounts[name]) for name in names]

    rows: list[list[object]] = [
        [customer_link(row.owner.customer), row.owner.currency, *figures(row)]
        for row in found.rows[:ROWS_SHOWN]
    ]
    if rows:
        rows += [["Total", total.owner.currency, *figures(total)] for total in found.totals]
    left_out = len(found.rows) - ROWS_SHOWN
    title = "By customer and days past due"
    return Table(
        title=title if left_out <= 0 else f"{title}: {left_out:,} more rows are in the file",
        columns=("Customer", "Currency", *names),
        rows=rows,
        empty=f"Nobody owed anything at the end of {on}.",
        numeric=names,
        more=accounts_link(RECEIVABLE, "the accounts"),
    )


def _undated(found: Ageing) -> list[Table]:
    if not found.undated:
        return []
    rows = [
        [customer_link(one.customer), one.document, money(Money(one.minor, one.currency))]
        for one in found.undated[:ROWS_SHOWN]
    ]
    return [
        Table(
            title="Documents without a due date",
            columns=("Customer", "Document", "Receivable"),
            rows=rows,
            empty="",
            numeric=("Receivable",),
        )
    ]
