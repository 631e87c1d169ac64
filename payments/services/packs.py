"""Credit packs: offered, sold with their payment, and unsold where that fails later.

A pack is sold when it is paid, in one transaction: 1100 → 2110, the payment, 2110 → 2000, the bonus
1910 → 2010. A checkout that is abandoned leaves nothing in the books.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from ledger.selectors.wallets import wallet_for
from ledger.services.sold import take_back_sold
from ledger.services.wallets import create_wallet, issue_grant
from ledger.templates import OperationKey
from ledger.templates.credits import pack_paid_moves, pack_sold_moves
from ledger.templates.payments import Applied, payment_moves
from neruba.actor import SYSTEM, Actor
from neruba.errors import ConflictError, InvalidError
from neruba.ids import new_id
from neruba.models import Project
from neruba.money import Money
from neruba.services.audit import record
from payments.entries import PACK_SOLD, RECEIVED
from payments.models import CreditPack, PackSale, Payment
from payments.services.posting import Moment, post_once

WALLET_NAME = "Credit packs"
LONGEST = timedelta(days=36500)


@dataclass(frozen=True, slots=True)
class Offered:
    """A pack; replayed: it was offered like this before."""

    pack: CreditPack
    replayed: bool


def offer_pack(
    *,
    project: Project,
    code: str,
    price: Money,
    credits: Money,
    bonus: Money,
    expires_after: timedelta | None,
    actor: Actor,
    at: datetime,
) -> Offered:
    """Offer a pack, in the caller's transaction; the same content again is the same pack.

    Raises InvalidError with a pointer for a price of zero or less, for credits that are not the
    price (what is given on top is a bonus), ConflictError for another content under the code.
    """
    if price.minor <= 0:
        raise InvalidError("The price must be above zero.", pointer="/price")
    if credits != price:
        raise InvalidError(
            "Credits equal the price: what is given on top is bonus_credits.", pointer="/credits"
        )
    if bonus.minor < 0:
        raise InvalidError("A bonus is not below zero.", pointer="/bonus_credits")
    seconds = 0 if expires_after is None else int(expires_after.total_seconds())
    if expires_after is not None and not timedelta(0) < expires_after <= LONGEST:
        raise InvalidError("Expected more than nothing, at most P36500D.", pointer="/expires_after")
    content = {
        "currency": price.currency,
        "price_minor": price.minor,
        "bonus_minor": bonus.minor,
        "expires_after_s": seconds,
    }
    try:
        with transaction.atomic():
            pack = CreditPack.objects.create(project=project, code=code, created_at=at, **content)
    except IntegrityError:
        known = CreditPack.objects.filter(project=project, code=code).first()
        if known is None:
            raise
        if any(getattr(known, name) != value for name, value in content.items()):
            raise ConflictError(
                f"Credit pack {code!r} is offered with another content; it never changes."
            ) from None
        return Offered(known, replayed=True)
    record(
        project=project,
        actor=actor,
        action="credit_pack.offered",
        on=("credit_pack", code),
        at=at,
        details={"price": str(price), "bonus": str(bonus)},
    )
    return Offered(pack, replayed=False)


def sell_pack(*, payment: Payment, pack: CreditPack, when: Moment) -> PackSale:
    """Sell a pack with the payment that pays it in full; its credits can be drawn on from now.

    The customer is locked, and the payment is at least the price: what is above it goes to the
    customer balance.
    """
    customer = payment.customer
    assert customer is not None
    project, price = payment.project, Money(pack.price_minor, pack.currency)
    sale = PackSale.objects.create(
        project=project,
        public_id=new_id("sale"),
        operation_key=payment.operation_key,
        customer=customer,
        pack=pack,
        payment=payment,
        sold_at=when.at,
    )
    party, document = customer.external_id, sale.document
    sold = pack_sold_moves(price.minor, currency=price.currency, party=party, document=document)
    post_once(project, OperationKey(PACK_SOLD, payment.operation_key), sold, when)
    paid = payment_moves(
        payment.amount_minor,
        [Applied(document, price.minor)],
        source="psp",
        currency=price.currency,
        party=party,
        payment=payment.public_id,
    )
    post_once(project, OperationKey(RECEIVED, payment.operation_key), paid, when)
    wallet = wallet_for(customer, pack.currency) or create_wallet(
        customer=customer, name=WALLET_NAME, currency=pack.currency, at=when.at
    )
    ends = timedelta(seconds=pack.expires_after_s) if pack.expires_after_s else None
    for kind, minor in (("paid", pack.price_minor), ("promotional", pack.bonus_minor)):
        if minor:
            issue_grant(
                wallet=wallet,
                kind=kind,
                amount=Money(minor, pack.currency),
                reason=f"credit pack {pack.code}",
                reason_code="credit_pack",
                actor=SYSTEM,
                at=when.at,
                expires_at=None if ends is None else when.at + ends,
                origin=document,
                moves=(
                    (lambda grant: pack_paid_moves(grant.key, price.minor, document))
                    if kind == "paid"
                    else None
                ),
            )
    return sale


def unsell_pack(*, sale: PackSale, when: Moment) -> None:
    """The payment of a sale failed after all: what is not spent of it is unpaid again."""
    take_back_sold(
        project=sale.project, origin=sale.document, occurred_at=when.occurred_at, at=when.at
    )
