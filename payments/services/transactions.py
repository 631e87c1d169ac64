"""What the provider booked on the account it keeps for us, fetched and kept as it is."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import islice
from typing import TypeVar

from django.db import IntegrityError
from django.db.models import Sum

from neruba.actor import Actor
from neruba.edge import run_atomic
from neruba.errors import InvalidError
from neruba.models import Project
from neruba.period import rfc3339
from neruba.services.audit import record
from neruba.services.outbox import announce
from payments.gateway import BalanceMovement, PaymentGateway
from payments.models import PayoutTransaction, ProviderTransaction
from payments.services.intents import PROVIDER

REQUESTED = "transactions.requested"
ROWS_A_WRITE = 200
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Fetched:
    """How many transactions are new here, and how many payouts were looked into."""

    new: int
    payouts: int


def request_fetch(
    *, project: Project, since: datetime, to: datetime, reason: str, actor: Actor, at: datetime
) -> None:
    """Ask for what the provider booked from `since` up to and without `to`, in the caller's
    transaction; it is fetched once that is committed. Raises InvalidError for an empty time.
    """
    if to <= since:
        raise InvalidError("The time ends before it begins.", pointer="/last")
    news = {"from": rfc3339(since), "to": rfc3339(to)}
    announce(project=project, topic=REQUESTED, news=[(f"{news['from']}/{rfc3339(at)}", news)])
    record(
        project=project,
        actor=actor,
        action="transactions.requested",
        on=("project", project.slug),
        at=at,
        reason=reason,
        details=dict(news),
    )


def fetch_transactions(
    project: Project, *, gateway: PaymentGateway, since: datetime, to: datetime, wall: datetime
) -> Fetched:
    """Keep what the provider booked from `since` up to and without `to` (its time), and what the
    payouts begun in that time paid out. Called outside of transactions; what is kept already is
    not kept twice, so it may be called again.
    """
    found = gateway.list_balance_transactions(created_from=since, created_to=to)
    new = _keep(project, found, wall)
    payouts = 0
    for payout in gateway.list_payouts(created_from=since, created_to=to):
        if payout.is_automatic and not _is_whole(project, payout.id):
            payouts += 1
            rows = list(gateway.list_balance_transactions(payout_id=payout.id))
            new += _keep(project, rows, wall)
            run_atomic(partial(_link, project, payout.id, [row.id for row in rows]))
    return Fetched(new, payouts)


def _is_whole(project: Project, payout: str) -> bool:
    """Whether all that a payout paid out is kept: with its own row it adds up to zero."""
    rows = PayoutTransaction.objects.filter(project=project, payout=payout)
    total: int | None = rows.aggregate(total=Sum("transaction__net_minor"))["total"]
    return total == 0


def _keep(project: Project, rows: Iterable[BalanceMovement], wall: datetime) -> int:
    new = 0
    for part in _parts(rows):
        keep = partial(_keep_part, project, part, wall)
        try:
            new += run_atomic(keep)
        except IntegrityError:
            # Another fetch kept some of them meanwhile: they are known now.
            new += run_atomic(keep)
    return new


def _keep_part(project: Project, rows: Iterable[BalanceMovement], wall: datetime) -> int:
    by_id = {row.id: row for row in rows}
    known = _kept(project, by_id)
    made = [_row(project, row, wall) for key, row in by_id.items() if key not in known]
    ProviderTransaction.objects.bulk_create(made)
    return len(made)


def _kept(project: Project, ids: Iterable[str]) -> dict[str, int]:
    rows = ProviderTransaction.objects.filter(
        project=project, provider=PROVIDER, transaction_id__in=list(ids)
    )
    return dict(rows.values_list("transaction_id", "pk"))


def _row(project: Project, found: BalanceMovement, wall: datetime) -> ProviderTransaction:
    return ProviderTransaction(
        project=project,
        provider=PROVIDER,
        transaction_id=found.id,
        type=found.kind,
        category=found.category,
        source=found.source_id or "",
        amount_minor=found.amount.minor,
        fee_minor=found.fee.minor,
        net_minor=found.net.minor,
        currency=found.net.currency,
        description=found.description[:500],
        created_at=found.created_at,
        available_at=found.available_at,
        fetched_at=wall,
    )


def _link(project: Project, payout: str, ids: list[str]) -> None:
    for part in _parts(ids):
        kept = _kept(project, part)
        linked = set(
            PayoutTransaction.objects.filter(transaction__in=kept.values()).values_list(
                "transaction_id", flat=True
            )
        )
        PayoutTransaction.objects.bulk_create(
            PayoutTransaction(project=project, payout=payout, transaction_id=pk)
            for pk in kept.values()
            if pk not in linked
        )


def _parts(things: Iterable[T]) -> Iterator[list[T]]:
    left = iter(things)
    while part := list(islice(left, ROWS_A_WRITE)):
        yield part
