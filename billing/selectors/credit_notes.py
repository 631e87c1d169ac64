"""Credit notes as documents: their lines with the amounts of their transfers."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from billing.models import CreditNote, CreditNoteLine
from billing.rating.lowered import CreditedAmount
from billing.selectors.amounts import credited_amounts
from neruba.models import Project
from neruba.money import Money


@dataclass(frozen=True, slots=True)
class NoteLine:
    """A line that gives back of `invoice_line` (its key), in minor units; `taxes` by rate."""

    key: str
    invoice_line: str
    description: str
    quantity: str
    net_minor: int
    tax_minor: int
    taxes: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class NoteDocument:
    """A credit note with its lines in order. A void one shows what it had given back."""

    note: CreditNote
    lines: tuple[NoteLine, ...]

    @property
    def net_minor(self) -> int:
        return sum(line.net_minor for line in self.lines)

    @property
    def tax_minor(self) -> int:
        return sum(line.tax_minor for line in self.lines)

    @property
    def taxes(self) -> dict[str, int]:
        """The tax that goes back, by rate, in minor units."""
        found: dict[str, int] = {}
        for line in self.lines:
            for rate, minor in line.taxes.items():
                found[rate] = found.get(rate, 0) + minor
        return found

    @property
    def total(self) -> Money:
        """What it gives back, with tax."""
        return Money(self.net_minor + self.tax_minor, self.note.currency)


def note_documents(project: Project, notes: Sequence[CreditNote]) -> list[NoteDocument]:
    """The documents of these notes, whose invoices should be loaded, in their order; two queries
    for any number.
    """
    amounts = credited_amounts(project, notes)
    rows = CreditNoteLine.objects.filter(project=project, credit_note__in=notes)
    lines: dict[int, list[NoteLine]] = defaultdict(list)
    for row in rows.select_related("invoice_line").order_by("credit_note", "position"):
        one = amounts[row.credit_note_id].get(row.key, CreditedAmount())
        found = lines[row.credit_note_id]
        name = row.invoice_line.line_key
        found.append(
            NoteLine(
                row.key,
                name,
                row.description,
                row.quantity,
                one.net_minor,
                one.tax_minor,
                one.taxes,
            )
        )
    return [NoteDocument(note, tuple(lines[note.pk])) for note in notes]
