"""Customers and the subjects that usage names."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from neruba.actor import Actor
from neruba.errors import ConflictError, CustomerErasedError
from neruba.locks import lock_customer
from neruba.models import Customer, Project, Subject
from neruba.services.audit import record
from neruba.services.tax_rates import check_codes

# What a field holds that the caller left out.
_EMPTY: dict[str, object] = {
    "name": "",
    "email": "",
    "currency": "",
    "timezone": "",
    "tax_rates": [],
    "tax_exempt": "none",
    "billing_address": {},
    "tax_ids": [],
    "metadata": {},
}


@dataclass(frozen=True, slots=True)
class CreatedCustomer:
    """The customer, and whether the same request had made it before."""

    customer: Customer
    replayed: bool


def create_customer(
    *, project: Project, external_id: str, content: Mapping[str, Any], at: datetime
) -> CreatedCustomer:
    """Make a customer; usage of the subject `external_id` is the customer's, earlier usage too.

    The same content again returns the first; another content raises ConflictError, a tax rate that
    is not there InvalidError.
    """
    check_codes(project, content.get("tax_rates", ()))
    try:
        with transaction.atomic():
            customer = Customer.objects.create(
                project=project, external_id=external_id, created_at=at, **content
            )
            subject, _ = Subject.objects.get_or_create(project=project, external_id=external_id)
            subject.customer = customer
            subject.save(update_fields=["customer"])
    except IntegrityError:
        prior = Customer.objects.filter(project=project, external_id=external_id).first()
        if prior is None:
            raise
        if any(_held(prior, name) != value for name, value in {**_EMPTY, **content}.items()):
            raise ConflictError(f"Customer {external_id!r} exists with other content.") from None
        return CreatedCustomer(prior, replayed=True)
    return CreatedCustomer(customer, replayed=False)


def update_customer(
    *,
    customer: Customer,
    content: Mapping[str, Any],
    actor: Actor,
    at: datetime,
    reason: str = "",
) -> Customer:
    """Change what is given; documents that are issued keep the parties they were issued to.

    Raises CustomerErasedError for one whose identity was erased, InvalidError for a tax rate that
    is not there.
    """
    check_codes(customer.project, content.get("tax_rates", ()))
    with transaction.atomic():
        locked = lock_customer(customer)
        refuse_erased(locked)
        changed = {name: value for name, value in content.items() if _held(locked, name) != value}
        if not changed:
            return locked
        for name, value in changed.items():
            setattr(locked, name, value)
        locked.save(update_fields=[*changed])
        record(
            project=locked.project,
            actor=actor,
            action="customer.changed",
            on=("customer", locked.external_id),
            at=at,
            reason=reason,
            details={"fields": sorted(changed)},
        )
    return locked


def _held(customer: Customer, name: str) -> object:
    """What the customer has there; rows that are older than `tax_rates` hold null for none."""
    value = getattr(customer, name)
    return [] if name == "tax_rates" and value is None else value


def refuse_erased(customer: Customer) -> None:
    """Raise CustomerErasedError where the identity was erased; call with the customer locked."""
    if Customer.objects.filter(pk=customer.pk, erased_at__isnull=False).exists():
        raise CustomerErasedError("This customer was erased: it takes no changes and no new bills.")
