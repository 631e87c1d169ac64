"""Erasing a person's identity from the platform's rows; what was counted and billed stays."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model, Q, QuerySet

from neruba.append_only import purging
from neruba.identity import Identity
from neruba.models import (
    Approval,
    AuditRecord,
    Customer,
    IdempotencyRecord,
    OutboxMessage,
    Project,
    Subject,
)

Row = TypeVar("Row", bound=Model)

ERASED_NAME = "Erased customer"
NOBODY: dict[str, Any] = {
    "name": ERASED_NAME,
    "email": "",
    "billing_address": {},
    "tax_ids": [],
    "metadata": {},
}
SPELLINGS_A_QUERY = 20
APPROVAL_TEXTS = ("payload", "reason", "decision_reason")


def facts_of(customer: Customer) -> list[dict[str, Any]]:
    """Who the customer is and was."""
    return [
        {name: getattr(row, name) for name in NOBODY}
        for row in (customer, *customer.history.all())
        if row.name != ERASED_NAME
    ]


def ids_among(project: Project, words: Sequence[str]) -> list[str]:
    """Those of the words that are an id of a customer or of a subject in the project."""
    customers = Customer.objects.filter(project=project, external_id__in=words)
    subjects = Subject.objects.filter(project=project, external_id__in=words)
    return [
        *customers.values_list("external_id", flat=True),
        *subjects.values_list("external_id", flat=True),
    ]


def erase_from_platform(customer: Customer, identity: Identity, *, at: datetime) -> None:
    """Blank the customer and its history, and take its words out of what was noted and answered.

    Under `purging`, since audit records are append-only; call with the customer locked.
    """
    if customer.erased_at is None:
        for name, nothing in NOBODY.items():
            setattr(customer, name, nothing)
        customer.erased_at = at
        customer.save(update_fields=[*NOBODY, "erased_at"])
    # With the mark, so that no version of the row looks like one of somebody who is there.
    blank = {**NOBODY, "erased_at": customer.erased_at, "history_change_reason": None}
    customer.history.all().update(**blank)
    project = customer.project
    LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(Customer), object_id=str(customer.pk)
    ).update(object_repr=customer.external_id[:200])
    with purging():
        take_out(identity, AuditRecord.objects.filter(project=project), ("reason", "details"))
    take_out(identity, Approval.objects.filter(project=project), APPROVAL_TEXTS)
    take_out(identity, IdempotencyRecord.objects.filter(project=project), ("body",))
    take_out(identity, OutboxMessage.objects.filter(project=project), ("payload", "cause"))


def take_out(identity: Identity, rows: QuerySet[Row], columns: Sequence[str]) -> int:
    """Take the words out of these text columns of rows of the caller's own app; return how many
    rows held one.
    """
    changed = 0
    spellings = identity.spellings
    for first in range(0, len(spellings), SPELLINGS_A_QUERY):
        held = Q()
        for spelling in spellings[first : first + SPELLINGS_A_QUERY]:
            for column in columns:
                held |= Q(**{f"{column}__icontains": spelling})
        for pk, *texts in list(rows.filter(held).order_by().values_list("pk", *columns)):
            cleaned = [identity.without(text) for text in texts]
            if cleaned != texts:
                rows.filter(pk=pk).update(**dict(zip(columns, cleaned, strict=True)))
                changed += 1
    return changed
