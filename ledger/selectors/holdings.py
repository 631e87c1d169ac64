"""What a customer holds: wallets and grants with what is left of them and what can be spent."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from ledger.models import Grant, Wallet
from ledger.selectors.wallets import balances_of, grant_balances, grants_of, wallets_of
from neruba.models import Customer

State = Literal["active", "upcoming", "frozen", "used", "expired", "revoked"]


@dataclass(frozen=True, slots=True)
class Holding:
    """A grant at an instant: what is left of it, in minor units, and whether it can be spent."""

    grant: Grant
    left_minor: int
    state: State

    @property
    def spendable_minor(self) -> int:
        return self.left_minor if self.state == "active" else 0


@dataclass(frozen=True, slots=True)
class WalletHolding:
    """A wallet at an instant; `holdings` are those of its grants of which something is left."""

    wallet: Wallet
    holdings: tuple[Holding, ...]

    @property
    def balance_minor(self) -> int:
        return sum(one.left_minor for one in self.holdings)

    @property
    def spendable_minor(self) -> int:
        return sum(one.spendable_minor for one in self.holdings)


@dataclass(frozen=True, slots=True)
class Means:
    """What a customer has in one currency, in minor units: `spendable_minor` of grants now,
    `later_minor` of grants not effective yet or frozen, and the customer balance.
    """

    currency: str
    spendable_minor: int
    later_minor: int
    balance_minor: int


def holdings_of(
    grants: Collection[Grant], *, now: datetime, at: datetime | None = None
) -> list[Holding]:
    """Each grant in its order as of `now`, or with `at` by entries that occurred before it; the
    grants are of one project. A constant number of queries.
    """
    balances = grant_balances(grants, at=at)
    as_of = now if at is None else at
    return [Holding(one, balances[one.pk], _state(one, balances[one.pk], as_of)) for one in grants]


def _state(grant: Grant, left_minor: int, as_of: datetime) -> State:
    if left_minor == 0 and grant.end:
        return "revoked" if grant.end == Grant.End.REVOKED else "expired"
    if grant.expires_at is not None and grant.expires_at <= as_of:
        return "expired"
    if left_minor == 0:
        return "used"
    if grant.frozen_by:
        return "frozen"
    return "upcoming" if grant.effective_at > as_of else "active"


def wallet_holdings(
    wallets: Sequence[Wallet], *, now: datetime, at: datetime | None = None
) -> list[WalletHolding]:
    """Each of a project's wallets in its order; three queries for any number. `at` as in
    `holdings_of`.
    """
    if not wallets:
        return []
    rows = grants_of(wallets[0].project).filter(wallet__in=[wallet.pk for wallet in wallets])
    if at is None:
        rows = rows.filter(end=Grant.End.NONE)
    found: dict[int, list[Holding]] = defaultdict(list)
    for one in holdings_of(list(rows), now=now, at=at):
        if one.left_minor:
            found[one.grant.wallet_id].append(one)
    return [WalletHolding(wallet, tuple(found[wallet.pk])) for wallet in wallets]


def wallets_held(customer: Customer, *, now: datetime) -> list[WalletHolding]:
    """The customer's wallets, oldest first, with what is in them."""
    return wallet_holdings(list(wallets_of(customer.project).filter(customer=customer)), now=now)


def means_of(customer: Customer, held: Collection[WalletHolding]) -> list[Means]:
    """What the customer has, by currency, of these wallets and of the customer balance."""
    by_currency: dict[str, list[WalletHolding]] = defaultdict(list)
    for one in held:
        by_currency[one.wallet.currency].append(one)
    balances = balances_of(customer)
    return [
        Means(
            currency=currency,
            spendable_minor=sum(one.spendable_minor for one in by_currency.get(currency, ())),
            later_minor=sum(
                one.balance_minor - one.spendable_minor for one in by_currency.get(currency, ())
            ),
            balance_minor=balances.get(currency, 0),
        )
        for currency in sorted({*by_currency, *balances})
    ]


def means_in(customer: Customer, currency: str, *, now: datetime) -> Means:
    """What the customer has in one currency; zeros where nothing is."""
    found = {one.currency: one for one in means_of(customer, wallets_held(customer, now=now))}
    return found.get(currency, Means(currency, 0, 0, 0))
