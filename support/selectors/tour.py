"""The tour of the demo: what to look at first, and the words that must be on the page."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import QuerySet
from django.urls import reverse

from billing.models import Invoice, Subscription
from ingest.models import FailedEvent
from neruba.models import Customer, Project

TIERED = "crestline-logistics"
WAITING = "copperfield-estates"
SHORT = "falkenstein-archive"
DISCOUNTED = "granite-freight"
COMMITTED = "meridian-labs"
CHANGED = "marlow-bookkeeping"
REVERSE = "van-dam-accountants"
WITH_CREDIT = "anker-reederei"
TO_MEND = "pinecrest-realty-20260909-x1"


@dataclass(frozen=True, slots=True)
class Stop:
    """A page, and why it is worth a look."""

    title: str
    path: str
    why: str
    contains: tuple[str, ...]


def tour(project: Project) -> Iterator[Stop]:
    """The pages of the demo that a newcomer should see, in order."""
    tiered = _invoices(project, TIERED).order_by("boundary_at").last()
    draft = _invoices(project, WAITING).get(status=Invoice.Status.DRAFT)
    short = _invoices(project, SHORT).filter(boundary=1).get()
    assert tiered is not None
    yield Stop(
        "An invoice that explains itself",
        _page("billing_invoice", tiered),
        "Usage in three tiers, the highest level of an archive, a fee in advance; each line with "
        "its arithmetic in words and its place in the ledger.",
        (f"{tiered.number}", tiered.customer.name, "Documents read"),
    )
    yield Stop(
        "A short first period",
        _page("billing_invoice", short),
        "Begun on 16 September in Berlin: 15 of 30 days of the fee, and every page read since.",
        (f"{short.number}", short.customer.name, "15 of 30 days"),
    )
    yield from _changed(project)
    yield from _adjusted(project)
    yield Stop(
        "A draft that waits",
        _page("billing_invoice", draft),
        "Its period ended on 3 November. For a day late usage still counts; it is computed each "
        "time that it is shown.",
        (draft.customer.name, "raft"),
    )
    yield Stop(
        "A customer",
        _page("neruba_customer", Customer.objects.get(project=project, external_id=TIERED)),
        "Balance, subscriptions, usage and invoices in one place.",
        ("Crestline Logistics",),
    )
    yield Stop(
        "A customer with credit",
        _page("neruba_customer", Customer.objects.get(project=project, external_id=WITH_CREDIT)),
        "A prepaid season and a gift for a morning that was lost: what is left, which invoices "
        "drew on it, who gave it and why. Issue credit shows what it would do first.",
        ("Can be spent, EUR", "Drawn by an invoice", "Reading stood still for a morning"),
    )
    yield Stop(
        "All invoices",
        reverse("admin:billing_invoice_changelist"),
        "Two months of them, numbered without a gap.",
        (f"{tiered.number}",),
    )
    yield Stop(
        "Events that failed",
        reverse("admin:ingest_failedevent_changelist"),
        "Kept once for each distinct body, with the cause and a count.",
        ("id is missing",),
    )
    yield Stop(
        "An event to mend",
        _page("ingest_failedevent", FailedEvent.objects.get(project=project, event_id=TO_MEND)),
        "Twelve pages were sent as a word. Mend and resubmit it, and it counts: its month is "
        "billed, so it goes on the next invoice.",
        ("unusable_data", "twelve", "Mend and resubmit"),
    )
    yield Stop(
        "Billing runs",
        reverse("admin:billing_billingrun_changelist"),
        "Each with its two bounds, its counts and its fingerprint.",
        ("ompleted",),
    )
    yield Stop(
        "The same invoice over the API",
        f"/api/v1/invoices/{tiered.public_id}/explain",
        "Why it is what it is, in sentences. Needs the API key.",
        (f"{tiered.number}", "The first 40 at 0.9 each"),
    )
    yield Stop(
        "The trial balance",
        "/api/v1/ledger/trial-balance",
        "Debits equal credits in each currency. Needs the API key.",
        ('"currency":"EUR"', '"currency":"USD"'),
    )
    yield Stop(
        "The API, to try out",
        reverse("docs"),
        "Every endpoint, for whoever is logged in.",
        ("swagger",),
    )


def _changed(project: Project) -> Iterator[Stop]:
    """A plan that changes in the middle of a month."""
    subscription = Subscription.objects.get(project=project, customer__external_id=CHANGED)
    billed = _invoices(project, CHANGED).get(boundary=2)
    yield Stop(
        "A subscription through time",
        _page("billing_subscription", subscription),
        "Upgraded on 16 October, to be paused on 21 December: its timeline, and dialogs that show "
        "the invoice of a change before it is made.",
        ("Outgrew Starter", "Closed over the holidays"),
    )
    yield Stop(
        "A change, billed",
        _page("billing_invoice", billed),
        "What was unused of Starter comes back, Growth is charged for 16 of 31 days, and each has "
        "the usage of its own time.",
        (f"{billed.number}", "16 of 31 days"),
    )


def _adjusted(project: Project) -> Iterator[Stop]:
    """What is taken off and put on lines, and the minimum of a plan."""
    discounted = _invoices(project, DISCOUNTED).get(boundary=1)
    committed = _invoices(project, COMMITTED).get(boundary=1)
    taxed = _invoices(project, SHORT).get(boundary=2)
    reverse_charge = _invoices(project, REVERSE).get(boundary=1)
    yield Stop(
        "A coupon, line by line",
        _page("billing_invoice", discounted),
        "A quarter off each line for three periods: September is the first, so the usage of "
        "September and the fee of October are discounted. The ledger has a transfer for each.",
        (f"{discounted.number}", "A quarter off the first three months (25 %)"),
    )
    yield Stop(
        "A minimum that was not used up",
        _page("billing_invoice", committed),
        "The plan comes to 150.00 a month at least: the last line is what usage left open of it.",
        (f"{committed.number}", "Minimum commitment"),
    )
    yield Stop(
        "Tax",
        _page("billing_invoice", taxed),
        "19 % on the sum of the lines, rounded once and spread over them.",
        (f"{taxed.number}", "VAT 19 % on"),
    )
    yield Stop(
        "Reverse charge",
        _page("billing_invoice", reverse_charge),
        "No tax is due, and the invoice says why.",
        (f"{reverse_charge.number}", "Reverse charge"),
    )


def _invoices(project: Project, customer: str) -> QuerySet[Invoice]:
    return Invoice.objects.filter(project=project, customer__external_id=customer).select_related(
        "customer"
    )


def _page(name: str, row: Invoice | Customer | FailedEvent | Subscription) -> str:
    return reverse(f"admin:{name}_change", args=[row.pk])
