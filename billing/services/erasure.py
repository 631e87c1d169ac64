"""Erasing a person's identity and keeping the books. What goes and stays: docs/retention.md."""

import json
from dataclasses import dataclass
from datetime import datetime

from billing.errors import BillsToComeError
from billing.models import (
    BillingRun,
    Charge,
    InvoiceParty,
    RunChunk,
    RunItem,
    SubscriptionChange,
)
from billing.selectors.erasure import Documents, bills_to_come, documents_to_keep
from ingest.services.erasure import erase_from_usage
from neruba.actor import Actor
from neruba.append_only import purging
from neruba.canonical import canonical_json
from neruba.errors import InvalidError
from neruba.identity import Identity
from neruba.locks import lock_customer
from neruba.models import Customer
from neruba.services.audit import record
from neruba.services.erasure import (
    NOBODY,
    erase_from_platform,
    facts_of,
    ids_among,
    take_out,
)

PARTY = ("name", "email", "billing_address", "tax_ids")


@dataclass(frozen=True, slots=True)
class Erased:
    """The customer without its identity, and what became of the text of its documents. `is_named`:
    its id, which stays, holds one of its words.
    """

    customer: Customer
    documents: Documents
    is_named: bool


def erase_customer(*, customer: Customer, reason: str, actor: Actor, at: datetime) -> Erased:
    """Take everything that names the person out of the project, but its external ids; journal,
    transfers, invoices, usage and every hash stay as they are. For good.

    The text on issued invoices stays as long as the law asks (docs/retention.md); the same call
    again, later, takes what is free by then. Raises BillsToComeError while something will still be
    billed to the customer, InvalidError without a reason. `at` is the project's time. Call inside a
    transaction.
    """
    if not reason.strip():
        raise InvalidError("A reason is needed.", pointer="/reason")
    locked = lock_customer(customer)
    coming = list(bills_to_come(locked))
    if coming:
        raise BillsToComeError(
            "It will still be billed, and a bill needs a name: " + "; ".join(coming) + "."
        )
    is_first = locked.erased_at is None
    documents = documents_to_keep(locked, at=at)
    parties = InvoiceParty.objects.filter(invoice__customer=locked).exclude(salt="")
    free = list(parties.exclude(pk__in=documents.kept))
    words = Identity.of([*facts_of(locked), *(_to(party) for party in parties)])
    # Ids stay wherever they stand, so that a name that is the id goes only where it is the name,
    # and nobody else's id goes because this customer's metadata hold it.
    identity = words.but(locked.external_id, *ids_among(locked.project, words.words))
    for party in free:
        party.salt, party.content = "", _content_without(party)
        party.save(update_fields=["salt", "content"])
    _erase_from_billing(locked, identity)
    erase_from_usage(locked.project, identity)
    erase_from_platform(locked, identity, at=at)
    if is_first or free:
        record(
            project=locked.project,
            actor=actor,
            action="customer.erased",
            on=("customer", locked.external_id),
            at=at,
            reason=identity.without(reason),
            details={"documents_erased": len(free), "documents_kept": len(documents.kept)},
        )
    return Erased(locked, documents, words.is_in(locked.external_id))


def _to(party: InvoiceParty) -> dict[str, object]:
    to: dict[str, object] = json.loads(party.content)["to"]
    return to


def _content_without(party: InvoiceParty) -> str:
    content = json.loads(party.content)
    content["to"] |= {name: NOBODY[name] for name in PARTY}
    return canonical_json(content)


def _erase_from_billing(customer: Customer, identity: Identity) -> None:
    project = customer.project
    Charge.objects.filter(project=project, customer=customer).update(metadata={})
    take_out(identity, RunItem.objects.filter(project=project), ("cause", "evidence"))
    take_out(identity, RunChunk.objects.filter(project=project), ("cause",))
    take_out(identity, BillingRun.objects.filter(project=project), ("error",))
    with purging():
        take_out(identity, SubscriptionChange.objects.filter(project=project), ("reason",))
