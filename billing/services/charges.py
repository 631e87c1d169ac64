"""Priced one-offs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from billing.locks import lock_customers
from billing.models import Charge
from neruba.errors import ConflictError, InvalidError
from neruba.models import Customer, Project
from neruba.money import Money
from neruba.services.customers import refuse_erased

SAME = (
    "customer_id",
    "amount_minor",
    "currency",
    "description",
    "tax_code",
    "metadata",
    "invoice_now",
)


@dataclass(frozen=True, slots=True)
class AcceptedCharge:
    """The charge, and whether it stood already."""

    charge: Charge
    replayed: bool


def accept_charge(
    *,
    project: Project,
    customer: Customer,
    charge_key: str,
    amount: Money,
    description: str,
    effective_at: datetime | None,
    tax_code: str,
    metadata: Mapping[str, Any],
    invoice_now: bool,
    at: datetime,
) -> AcceptedCharge:
    """Note a charge, once for each key; it waits for an invoice from `effective_at` on (left out:
    now).

    The same content again returns the first; another content raises ConflictError, an erased
    customer CustomerErasedError.
    """
    if amount.minor <= 0:
        raise InvalidError("The amount must be above zero.", pointer="/amount")
    lock_customers(project, [customer.pk])
    refuse_erased(customer)
    wanted = Charge(
        project=project,
        charge_key=charge_key,
        customer=customer,
        amount_minor=amount.minor,
        currency=amount.currency,
        description=description,
        effective_at=effective_at or at,
        tax_code=tax_code,
        metadata=dict(metadata),
        invoice_now=invoice_now,
        created_at=at,
        due_at=effective_at or at,
    )
    prior = Charge.objects.filter(project=project, charge_key=charge_key).first()
    if prior is None:
        wanted.save(force_insert=True)
        return AcceptedCharge(wanted, replayed=False)
    moved = effective_at is not None and prior.effective_at != effective_at
    if moved or any(getattr(prior, name) != getattr(wanted, name) for name in SAME):
        raise ConflictError(f"Charge {charge_key!r} exists with other content.")
    return AcceptedCharge(prior, replayed=True)
