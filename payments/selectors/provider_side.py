"""What the provider booked in a period and the ledger of that period has not."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial

from ledger.selectors.money import Moved, moved_by
from ledger.templates.keys import PSP
from payments.matching import (
    Item,
    Known,
    Occasion,
    Section,
    State,
    Thing,
    kinds_of,
    match,
    occasion_of_entry,
    occasion_of_transaction,
    why_missing_here,
)
from payments.models import Payment, ProviderEvent, ProviderTransaction, Refund
from payments.selectors.books_side import PAGE, Name, Period, transaction_line

# What an operator has to know first of several events about one object.
_WORST = ("dead", "waiting", "done", "ignored")
_OF_PAYMENTS = (Occasion.PAYMENT, Occasion.PAYMENT_FAILED)
_OF_REFUNDS = (Occasion.REFUND, Occasion.REFUND_FAILED)


def unbooked_items(period: Period) -> Iterator[Item]:
    """An item for each thing of the provider's period that moved nothing on 1000 in the ledger's.
    A constant number of queries for PAGE transactions.
    """
    rows = ProviderTransaction.objects.filter(
        project=period.project, created_at__gte=period.since, created_at__lt=period.to
    ).order_by("pk")
    after = 0
    while page := list(rows.filter(pk__gt=after)[:PAGE]):
        yield from _unbooked(period, page)
        after = page[-1].pk


def _unbooked(period: Period, page: Sequence[ProviderTransaction]) -> Iterator[Item]:
    ours = _ours(period, page)
    booked = _booked(period, ours.values())
    lines, known = [], {}
    for one in page:
        occasion = occasion_of_transaction(one.type, one.category)
        thing = Thing(occasion, one.source, one.currency, PSP)
        name = ours.get((occasion, one.source))
        moved = [row for row in booked.get(name, ()) if row.currency == one.currency and row.minor]
        if any(period.holds(row.occurred_at) for row in moved):
            continue  # it stands beside what the ledger moved
        if occasion == Occasion.OTHER:
            # Nothing tells whether two of them are of one thing.
            thing = thing._replace(object=one.transaction_id)
        lines.append(transaction_line(thing, one))
        known[thing] = Known(booked_at=moved[0].occurred_at if moved else None)
    if not lines:
        return
    explain = partial(_why, known | _told(period, known))
    yield from match(Section.PROVIDER, (), lines, explain=explain)


def _why(known: Mapping[Thing, Known], thing: Thing, _state: State) -> str:
    return why_missing_here(thing, known[thing])


def _ours(period: Period, page: Sequence[ProviderTransaction]) -> dict[tuple[Occasion, str], Name]:
    """How the books would name what each transaction is of."""
    things = {(occasion_of_transaction(one.type, one.category), one.source) for one in page}
    sources = {source for _, source in things if source}
    names = {thing: Name(thing[0], f"stripe:{thing[1]}") for thing in things if thing[1]}
    payments = Payment.objects.filter(project=period.project, charge_id__in=sources)
    for charge, key in payments.values_list("charge_id", "operation_key"):
        names |= {(occasion, charge): Name(occasion, key) for occasion in _OF_PAYMENTS}
    refunds = Refund.objects.filter(project=period.project, provider_id__in=sources)
    for refund, key in refunds.values_list("provider_id", "operation_key"):
        names |= {(occasion, refund): Name(occasion, key) for occasion in _OF_REFUNDS}
    return {thing: names[thing] for thing in things if thing in names}


def _booked(period: Period, names: Collection[Name]) -> dict[Name | None, list[Moved]]:
    found: dict[Name | None, list[Moved]] = {}
    kinds = {kind for name in names for kind in kinds_of(name.occasion)}
    objects = {name.object for name in names}
    for one in moved_by(period.project, (PSP,), kinds=kinds, objects=objects):
        name = Name(occasion_of_entry(one.key.kind), one.key.object)
        found.setdefault(name, []).append(one)
    return found


def _told(period: Period, things: Mapping[Thing, Known]) -> dict[Thing, Known]:
    """What was heard of those things of which nothing is in the books, and what is known here."""
    lost = [thing for thing, known in things.items() if known.booked_at is None]
    if not lost:
        return {}
    project, objects = period.project, {thing.object for thing in lost}
    events = ProviderEvent.objects.filter(project=project, object_id__in=objects)
    told = list(events.values_list("object_id", "subject", "work__state"))
    subjects = {object_id: subject for object_id, subject, _ in told}
    worst: dict[str, str] = {}
    for object_id, _, state in told:
        if object_id not in worst or _WORST.index(state) < _WORST.index(worst[object_id]):
            worst[object_id] = state
    payments = Payment.objects.filter(project=project, provider_id__in=set(subjects.values()))
    states = dict(payments.values_list("provider_id", "state"))
    refunds = Refund.objects.filter(project=project, provider_id__in=objects)
    refunded = dict(refunds.values_list("provider_id", "state"))
    return {thing: _known(thing, subjects, states, refunded, worst) for thing in lost}


def _known(
    thing: Thing,
    subjects: Mapping[str, str],
    payments: Mapping[str, str],
    refunds: Mapping[str, str],
    webhooks: Mapping[str, str],
) -> Known:
    name = thing.object
    row = _row_state(thing, payments.get(subjects.get(name, ""), ""), refunds.get(name, ""))
    return Known(row=row, webhook=webhooks.get(name, ""))


def _row_state(thing: Thing, payment: str, refund: str) -> str:
    if thing.occasion in _OF_REFUNDS:
        return refund
    return payment if thing.occasion in _OF_PAYMENTS else ""
