"""Verify finds nothing in books that are settled by services, and what was changed behind them."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.models import CreditNote, CreditNoteLine, Invoice
from billing.selectors.verify import number_gaps, verify_newest
from billing.selectors.verify_settlements import settlement_differences
from billing.services.credit_notes import in_proportion, issue_credit_note, void_credit_note
from billing.services.write_offs import void_invoice, write_off
from ledger.models import Account, Grant, JournalEntry, Transfer
from ledger.selectors.verify import book_differences
from neruba.actor import SYSTEM
from neruba.append_only import purging
from neruba.models import Customer, Project
from neruba.money import Money
from tests import factories

pytestmark = pytest.mark.django_db
START = factories.START


def settled() -> Project:
    """A project with the invoices of one customer, each settled another way."""
    project = factories.project()
    settle(factories.customer(project=project, external_id="acme"))
    return project


def settle(customer: Customer) -> None:
    """Six invoices: paid with a refunded credit note, open with one that stands and one that is
    void, written off, void, open, and drawn on a grant.
    """
    paid, open_one, lost, void, last = (
        factories.invoice(customer=customer, amount=amount)
        for amount in ("20.00", "40.00", "30.00", "10.00", "15.00")
    )
    factories.payment(customer=customer, amount="20.00")
    for invoice, amount, settle in (
        (paid, "5.00", "refund"),
        (open_one, "8.00", "invoice"),
        (open_one, "4.00", "invoice"),
    ):
        note = issue_credit_note(
            invoice=invoice,
            lines=in_proportion(invoice, Money.parse(amount, "USD")),
            settle=settle,
            reason="x",
            actor=SYSTEM,
            at=START,
        )
    void_credit_note(note=note, reason="x", actor=SYSTEM, at=START)
    write_off(invoice=lost, reason="x", actor=SYSTEM, at=START)
    void_invoice(invoice=void, reason="x", actor=SYSTEM, at=START)
    factories.grant(wallet=factories.wallet(customer=customer), amount="6.00")
    factories.invoice(customer=customer, amount="2.00")
    assert last.status == "open"


def test_what_services_settled_has_no_difference() -> None:
    project = settled()
    assert list(settlement_differences(project)) == []
    assert list(book_differences(project)) == []
    assert number_gaps(project) == []
    sample = verify_newest(project)
    assert sample.differences == ()


def invoices(number: int) -> Callable[..., int]:
    return Invoice.objects.filter(sequence=number).update


def notes(number: int) -> Callable[..., int]:
    return CreditNote.objects.filter(sequence=number).update


def moved(kind: str) -> Callable[..., int]:
    return Transfer.objects.filter(entry__kind=kind).update


CHANGES: dict[str, tuple[Callable[[], object], str]] = {
    "an open one says paid": (
        lambda: invoices(2)(status="paid"),
        "invoice INV-000002: is paid; by the ledger it is open",
    ),
    "a paid one says open": (
        lambda: invoices(1)(status="open"),
        "invoice INV-000001: is open; by the ledger it is paid",
    ),
    "one that is written off says paid": (
        lambda: invoices(3)(status="paid"),
        "invoice INV-000003: is paid; by the ledger it is uncollectible",
    ),
    "an open one says void": (
        lambda: invoices(2)(status="void"),
        "invoice INV-000002: is void, and stands in the ledger",
    ),
    "a void one says paid": (
        lambda: invoices(4)(status="paid"),
        "invoice INV-000004: is paid, and its issue is reversed in the ledger",
    ),
    "more was paid than billed": (
        lambda: Transfer.objects.filter(line__startswith="payment:").update(amount_minor=2001),
        "invoice INV-000001: -0.01 USD is receivable of it, below zero",
    ),
    "less was paid in money than goes back": (
        lambda: Transfer.objects.filter(line__startswith="payment:").update(amount_minor=499),
        "invoice INV-000001: 5.00 USD is promised to be refunded, 4.99 USD was paid in money",
    ),
    "more is credited than was billed": (
        lambda: Transfer.objects.filter(
            entry__kind="credit_note.issue", debit_account__code="4900", amount_minor=800
        ).update(amount_minor=4001),
        "40.01 USD is credited, 40.00 USD was billed",
    ),
    "a credit note that stands says void": (
        lambda: notes(2)(status="void"),
        "credit note CN-000002: is void, its entry stands",
    ),
    "a void credit note says issued": (
        lambda: notes(3)(status="issued"),
        "credit note CN-000003: is issued, its entry is reversed",
    ),
    "the entry of a credit note is gone": (
        lambda: JournalEntry.objects.filter(kind="credit_note.issue", object__endswith=":2").update(
            kind="other"
        ),
        "credit note CN-000003: its issue is not in the ledger",
    ),
    "a line of a credit note is gone": (
        lambda: CreditNoteLine.objects.filter(credit_note__sequence=2).delete(),
        "credit note CN-000002: its lines are not what its transfers credit",
    ),
    "a credit note is gone": (
        lambda: [
            CreditNoteLine.objects.filter(credit_note__sequence=3).delete(),
            CreditNote.objects.filter(sequence=3).delete(),
        ],
        "issues a credit note that is not there",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_was_changed_is_found(name: str) -> None:
    change, words = CHANGES[name]
    project = settled()
    with purging():
        change()
    found = list(settlement_differences(project))
    assert [one for one in found if words in one], found


def test_a_gap_in_the_numbers_of_credit_notes_is_found() -> None:
    project = settled()
    notes(3)(sequence=4)
    assert number_gaps(project) == ["after credit note 2 comes 4"]


def test_the_sample_looks_at_settlements_and_credit_notes() -> None:
    project = settled()
    invoices(2)(status="paid")
    notes(2)(status="void")
    found = verify_newest(project).differences
    assert "invoice INV-000002: is paid; by the ledger it is open" in found
    assert "credit note CN-000002: is void, its entry stands" in found


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda: Grant.objects.update(amount_minor=601), "grant"),
        (lambda: moved("grant.issue")(amount_minor=599), "grant"),
        (lambda: Account.objects.filter(code="2010").update(balance_minor=401), "promotions"),
    ],
)
def test_grants_and_promises_that_differ_are_found(change: Callable[[], object], kind: str) -> None:
    project = settled()
    with purging():
        change()
    assert kind in {found.kind for found in book_differences(project)}


def test_the_checks_ask_as_often_for_many_as_for_few() -> None:
    project = settled()
    counts = []
    for name in ("beta", "gamma"):
        with CaptureQueriesContext(connection) as captured:
            assert list(settlement_differences(project)) == []
        counts.append(len(captured))
        settle(factories.customer(project=project, external_id=name))
    assert counts[0] == counts[1]
