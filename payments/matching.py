"""Two sides that should say the same of money: what matches, what is missing where, and why. Pure.

A thing is what moved money once: an occasion and the object that it is of. Each side has lines for
things. All lines of a thing, on both sides, are in one item. docs/finance.md has worked numbers.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from neruba.money import Money
from payments import entries


class Occasion(StrEnum):
    """Why money moved."""

    PAYMENT = "payment"
    PAYMENT_FAILED = "failed payment"
    REFUND = "refund"
    REFUND_FAILED = "failed refund"
    DISPUTE = "dispute"
    DISPUTE_WON = "won dispute"
    PAYOUT = "payout"
    PAYOUT_FAILED = "failed payout"
    INVOICE = "invoice"
    OTHER = "other"


class State(StrEnum):
    """How an item stands; here and there are the first and the second side of its section."""

    MATCHED = "matched"
    MISSING_HERE = "missing here"
    MISSING_THERE = "missing there"
    DIFFERS = "amount differs"


class Section(StrEnum):
    """Which two sides: the first is here, the second is there."""

    INVOICES = "Invoices and ledger"
    PAYMENTS = "Payments and ledger"
    PROVIDER = "Ledger and Stripe"


class Thing(NamedTuple):
    """What moved money once. `object` is the name of what it is of, the same on both sides."""

    occasion: Occasion
    object: str
    currency: str
    account: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """What one side says of a thing, in minor units of its currency: `amount_minor` is signed,
    above zero where money comes in; the fee is taken off it.
    """

    thing: Thing
    name: str
    amount_minor: int
    at: datetime
    fee_minor: int = 0

    @property
    def net_minor(self) -> int:
        return self.amount_minor - self.fee_minor


@dataclass(frozen=True, slots=True)
class Item:
    """All lines of one thing. `name` is how a person finds it."""

    section: Section
    thing: Thing
    here: tuple[Line, ...]
    there: tuple[Line, ...]
    state: State
    cause: str = ""

    @property
    def name(self) -> str:
        return (self.here or self.there)[0].name

    @property
    def at(self) -> datetime:
        return (self.here or self.there)[0].at

    @property
    def here_minor(self) -> int:
        return sum(line.net_minor for line in self.here)

    @property
    def there_minor(self) -> int:
        return sum(line.net_minor for line in self.there)

    @property
    def difference_minor(self) -> int:
        """Here less there, after fees."""
        return self.here_minor - self.there_minor


# What a thing lacks or how it differs, in words: the state is decided when it is asked.
Explain = Callable[[Thing, State], str]


def match(
    section: Section, here: Iterable[Line], there: Iterable[Line], *, explain: Explain
) -> Iterator[Item]:
    """The items of two sides, in the order in which their things are first named.

    Amounts and fees have to agree, each by itself. Laws: each line is in exactly one item, and the
    differences add up to the net of all here less the net of all there.
    """
    sides: dict[Thing, tuple[list[Line], list[Line]]] = defaultdict(lambda: ([], []))
    for index, lines in enumerate((here, there)):
        for line in lines:
            sides[line.thing][index].append(line)
    for thing, (mine, theirs) in sides.items():
        state = _state(mine, theirs)
        cause = "" if state == State.MATCHED else explain(thing, state)
        if state == State.DIFFERS:
            cause = "; ".join(part for part in (difference(thing, mine, theirs), cause) if part)
        yield Item(section, thing, tuple(mine), tuple(theirs), state, cause)


def _state(here: Sequence[Line], there: Sequence[Line]) -> State:
    if not there:
        return State.MISSING_THERE
    if not here:
        return State.MISSING_HERE
    return State.MATCHED if _sums(here) == _sums(there) else State.DIFFERS


def _sums(lines: Sequence[Line]) -> tuple[int, int]:
    return sum(line.amount_minor for line in lines), sum(line.fee_minor for line in lines)


def difference(thing: Thing, here: Sequence[Line], there: Sequence[Line]) -> str:
    """By how much amount and fee differ, here less there."""
    words = []
    for name, mine, theirs in zip(("amount", "fee"), _sums(here), _sums(there), strict=True):
        if name == "fee" and mine == 0 and theirs:
            words.append(f"the fee of {Money(theirs, thing.currency)} is not known here yet")
        elif mine != theirs:
            words.append(f"the {name} differs by {Money(mine - theirs, thing.currency)}")
    return " and ".join(words)


# Stripe's types of balance transactions. An adjustment is told apart by its reporting category.
_TYPES = {
    "charge": Occasion.PAYMENT,
    "payment": Occasion.PAYMENT,
    "payment_failure_refund": Occasion.PAYMENT_FAILED,
    "refund": Occasion.REFUND,
    "payment_refund": Occasion.REFUND,
    "refund_failure": Occasion.REFUND_FAILED,
    "payout": Occasion.PAYOUT,
    "payout_failure": Occasion.PAYOUT_FAILED,
    "payout_cancel": Occasion.PAYOUT_FAILED,
}
_CATEGORIES = {
    "dispute": Occasion.DISPUTE,
    "dispute_reversal": Occasion.DISPUTE_WON,
}
_ENTRIES = {
    entries.RECEIVED: Occasion.PAYMENT,
    entries.FEE: Occasion.PAYMENT,
    entries.FAILED: Occasion.PAYMENT_FAILED,
    entries.REFUND_LEFT: Occasion.REFUND,
    entries.REFUND_FAILED: Occasion.REFUND_FAILED,
    entries.DISPUTE_OPENED: Occasion.DISPUTE,
    entries.DISPUTE_WON: Occasion.DISPUTE_WON,
    entries.PAYOUT_PAID: Occasion.PAYOUT,
    entries.PAYOUT_FAILED: Occasion.PAYOUT_FAILED,
}


def occasion_of_transaction(kind: str, category: str) -> Occasion:
    """Why a balance transaction of this type was made; OTHER: nothing here books such."""
    return _TYPES.get(kind) or _CATEGORIES.get(category, Occasion.OTHER)


def occasion_of_entry(kind: str) -> Occasion:
    """Why an entry of this kind was posted; OTHER: not about something at the provider."""
    return _ENTRIES.get(kind, Occasion.OTHER)


def kinds_of(occasion: Occasion) -> tuple[str, ...]:
    """The kinds of entries that one occasion may have."""
    return tuple(kind for kind, one in _ENTRIES.items() if one == occasion)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a thing beside its lines of the period: from which a cause is made.

    `booked_at` and `moved_at`: the accounting date here, and Stripe's date, of lines of it that are
    outside the period. `row` is the state of its payment, refund or dispute here, `webhook` that of
    the events about it; empty where there is none. `moved_in` is another currency in which Stripe
    settled it.
    """

    booked_at: datetime | None = None
    moved_at: datetime | None = None
    row: str = ""
    webhook: str = ""
    moved_in: str = ""


_WEBHOOKS = {
    "": "no webhook of it was received: send it again at Stripe",
    "dead": "its webhook is dead: mend the cause and replay it",
    "waiting": "its webhook was received and is not worked on yet",
}


def why_missing_here(thing: Thing, known: Known) -> str:
    """Why Stripe moved money that the ledger of the period does not have."""
    if known.booked_at is not None:
        return f"In the books outside this period: accounting date {_day(known.booked_at)}."
    if thing.occasion == Occasion.OTHER:
        return "Neruba books nothing of this type: post it by hand in your accounts."
    told = _WEBHOOKS.get(known.webhook, "its webhooks were worked on: replay the last of them")
    if thing.occasion == Occasion.PAYOUT and known.webhook not in ("dead", "waiting"):
        told = "it is booked when it has reached the bank, of which no webhook has told yet"
    if known.row:
        return f"The {thing.occasion} is {known.row} here; {told}."
    return f"At Stripe, not known here ({thing.object}): {told}."


def why_missing_there(thing: Thing, known: Known, *, fetched_to: datetime | None) -> str:
    """Why the ledger of the period moved money that Stripe did not."""
    if known.moved_in:
        return f"Stripe settled it in {known.moved_in}."
    if known.moved_at is not None:
        return f"At Stripe outside this period: {_day(known.moved_at)}."
    if thing.occasion == Occasion.OTHER:
        return "This entry is about nothing at Stripe."
    if fetched_to is None:
        return "Nothing was fetched from Stripe yet: fetch the period."
    named = f"named {thing.object}" if thing.object else "of it"
    until = fetched_to.strftime("%Y-%m-%d %H:%M UTC")
    return f"No transaction {named} among those fetched until {until}."


def why_differs(thing: Thing, known: Known) -> str:
    """What explains that amounts differ, where something does."""
    if known.booked_at is not None:
        return f"a part is in the books outside this period: {_day(known.booked_at)}"
    if known.moved_at is not None:
        return f"a part is at Stripe outside this period: {_day(known.moved_at)}"
    return ""


def _day(at: datetime) -> str:
    return at.strftime("%Y-%m-%d")
