"""Customers and the subjects that usage names."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from neruba.actor import Actor
from neruba.errors import ConflictError
from neruba.locks import lock_customer
from neruba.models import Customer, Project, Subject
from neruba.services.audit import record

FIELDS = ("name", "email", "currency", "timezone", "billing_address", "tax_ids", "metadata")


@dataclass(frozen=True, slots=True)
class CreatedCustomer:
    """The customer, and whether the same request had made it before."""

    customer: Customer
    replayed: bool


def create_customer(
    *, project: Project, external_id: str, content: Mapping[str, Any], at: datetime
) -> CreatedCustomer:
    """Make a customer of the subject `external_id`, whose earlier usage is the customer's from now on.

    The same content again returns the first; another content raises ConflictError.
    """
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
        if any(getattr(prior, name) != _default(name, content) for name in FIELDS):
            raise ConflictError(f"Customer {external_id!r} exists with other content.") from None
        return CreatedCustomer(prior, replayed=True)
    return CreatedCustomer(customer, replayed=False)


def _default(name: str, content: Mapping[str, Any]) -> Any:
    return content.get(name, Customer._meta.get_field(name).get_default())


def update_customer(
    *,
    customer: Customer,
    content: Mapping[str, Any],
    actor: Actor,
    at: datetime,
    reason: str = "",
) -> Customer:
    """Change what is given; documents that are issued keep the parties they were issued to."""
    with transaction.atomic():
        locked = lock_customer(customer)
        changed = {name: value for name, value in content.items() if getattr(locked, name) != value}
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
