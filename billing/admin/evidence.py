"""Evidence laid out to be read: what a line's amount was computed from, with nothing left out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from billing.admin.tariff import COMMON, tariff
from billing.rating.words import counted, spoken
from neruba.admin.page import Fact, Table

TITLES = {  # in the order in which they are shown
    "charge": "Charge",
    "correction": "Correction",
    "credit": "Credit of what is unused",
    "minimum": "Minimum commitment",
    "included_tax": "Inclusive tax",
    "plan": "Plan",
    "price": "Price",
    "usage": "Usage",
    "period": "Period",
    "share": "Part of the period",
    "policy": "Policy",
}
NAMES = {
    "amount_exact": "Exact amount",
    "end": "Up to the instant",
    "at_maximum": "Events at the maximum",
    "at_minimum": "Events at the minimum",
    "before": "Of that billed before",
    "counted": "Counted towards it",
    "counted_on_other_documents": "Of that on other documents",
    "credited": "Credited before",
    "denominator": "Of",
    "ends_on": "Up to the day",
    "events": "Events counted",
    "free": "Free events",
    "given_back": "Given back by credit notes",
    "gross": "Price with it",
    "law": "Law",
    "negative": "Events below zero",
    "net": "Less discounts",
    "numerator": "In force",
    "rated": "Events at the percentage",
    "start": "From the instant",
    "starts_on": "From the day",
    "tax_code": "Tax code",
    "timezone": "Time zone",
    "unused": "Not used",
}
# What is laid out row by row.
SORTED = frozenset({"cells", "tally"})
ORDER = ("starts_on", "ends_on", "start", "end", "meter", "aggregation", "quantity", "events")
NUMBERS = {
    "amount",
    "amount_billed",
    "amount_exact",
    "amount_known",
    "commitment",
    "counted",
    "counted_on_other_documents",
    "credited",
    "flat_amount",
    "given_back",
    "gross",
    "net",
    "quantity",
    "quantity_billed",
    "tax",
    "unit_amount",
}
NUMERIC = ("Quantity", "Unit amount", "Flat amount", "Amount")


@dataclass(frozen=True, slots=True)
class Group:
    """Facts under a title."""

    title: str
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """The groups of one line, and the rows of its arithmetic."""

    groups: tuple[Group, ...]
    steps: Table | None


def evidence_of(evidence: Mapping[str, Any], currency: str) -> Evidence:
    """Every value of the evidence, in groups; what has no words of its own is shown by its name."""
    plain = {
        name: value for name, value in evidence.items() if not isinstance(value, Mapping | list)
    }
    nested = {name for name, value in evidence.items() if isinstance(value, Mapping)}
    order = [name for name in TITLES if name in nested] + sorted(nested - TITLES.keys())
    groups = [
        Group(TITLES.get(name, _name(name)), tuple(_facts(name, evidence[name], currency)))
        for name in order
    ]
    if "parts" in evidence:
        groups.append(Group("In force", tuple(_parts(evidence["parts"]))))
    rest = [_fact(name, value) for name, value in plain.items()]
    if rest:
        groups.append(Group("Result before rounding", tuple(rest)))
    return Evidence(tuple(groups), _steps(evidence.get("steps", ())))


def _facts(group: str, values: Mapping[str, Any], currency: str) -> Iterator[Fact]:
    if group == "price":
        yield from (_fact(name, values[name]) for name in COMMON if values.get(name) is not None)
        yield Fact("Costs", "; ".join(tariff(values, currency)))
        return
    if group == "usage":
        yield from _facts("", {k: v for k, v in values.items() if k not in SORTED}, currency)
        yield from _sorts(values)
        return
    for name in sorted(values, key=_place):
        value = values[name]
        if isinstance(value, list):
            yield from _plans(value)
        elif isinstance(value, Mapping):
            for inner, text in value.items():
                yield Fact(f"{_name(name)}: {_name(inner).lower()}", _text(inner, text))
        else:
            yield _fact(name, value)


def _plans(parts: Sequence[Mapping[str, Any]]) -> Iterator[Fact]:
    """The commitments of several plans that took turns in a period."""
    for part in parts:
        plan, share = part["plan"], part["share"]
        yield Fact(
            f"{plan['code']}, version {plan['version']}",
            f"{_text('commitment', part['commitment'])} for {share['numerator']} of "
            f"{share['denominator']} {share['unit']}",
        )


def _parts(parts: Sequence[Mapping[str, str]]) -> Iterator[Fact]:
    """Where a price that changed was in force."""
    for part in parts:
        yield Fact(f"From {part['start']}", f"up to {part['end']}")


def _sorts(usage: Mapping[str, Any]) -> Iterator[Fact]:
    """The usage by the cells of a matrix, or by what a percentage made of its events."""
    for row in usage.get("cells", ()):
        name = "By the default price" if row["cell"] is None else f"In cell {row['cell'] + 1}"
        yield Fact(name, _text("quantity", row["quantity"]))
    for name, passed in usage.get("tally", {}).items():
        words = f"{counted(passed['events'], 'event')} of {_text('amount', passed['amount'])}"
        yield Fact(_name(name), words)


def _steps(steps: Sequence[Mapping[str, str]]) -> Table | None:
    if not steps:
        return None
    names = ("quantity", "unit_amount", "flat_amount", "amount")
    return Table(
        title="Arithmetic: quantity × unit amount + flat amount",
        columns=NUMERIC,
        rows=[[_text(name, step[name]) for name in names] for step in steps],
        empty="",
        numeric=NUMERIC,
    )


def _place(name: str) -> int:
    """What comes first is said first; the rest keeps its order."""
    return ORDER.index(name) if name in ORDER else len(ORDER)


def _fact(key: str, value: object) -> Fact:
    return Fact(_name(key), _text(key, value))


def _name(key: str) -> str:
    return NAMES.get(key) or key.replace("_", " ").capitalize()


def _text(key: str, value: object) -> str:
    """Quantities and amounts with commas between thousands; all else, such as keys, as it is."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return spoken(Decimal(value)) if key in NUMBERS and isinstance(value, str) else str(value)
