"""Eight processes at one wallet: they issue, draw, revoke, pay and give back at once. Nothing goes
below zero, no draw is lost.
"""

import multiprocessing
import random
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from multiprocessing.synchronize import Barrier
from typing import Any

import pytest
from django.db import connections

from billing.models import Invoice
from billing.selectors.settlement import open_receivables
from billing.services.credit_notes import in_proportion, issue_credit_note
from billing.services.credits import apply_credits
from ledger.models import Transfer, Wallet
from ledger.selectors.settlements import settlements
from ledger.selectors.verify import book_differences
from ledger.selectors.wallets import grant_balances, grants_of
from ledger.services.wallets import expire_grants, revoke_grant
from neruba.actor import SYSTEM
from neruba.edge import run_atomic
from neruba.errors import ConflictError, InvalidError
from neruba.models import AuditRecord, Customer, Project
from neruba.money import Money
from tests import factories
from tests.concurrency.rivals import needs_row_locks

pytestmark = [needs_row_locks, pytest.mark.django_db(transaction=True)]

PROCESSES = 8
ACTS = 12
AT = factories.START


def drawn(customer: Customer, seed: random.Random) -> None:
    amount = Money(seed.randint(100, 4000), "USD").amount
    factories.invoice(customer=customer, amount=amount, key=f"charge-{seed.getrandbits(64)}")


def granted(customer: Customer, seed: random.Random) -> None:
    factories.grant(
        wallet=Wallet.objects.get(customer=customer),
        amount=Money(seed.randint(100, 3000), "USD").amount,
        kind=seed.choice(["paid", "promotional"]),
        expires_at=seed.choice([None, AT + timedelta(days=1)]),
    )


def revoked(customer: Customer, seed: random.Random) -> None:
    grant = seed.choice(list(grants_of(customer.project)))
    amount = seed.choice([None, Money(seed.randint(1, 500), "USD")])
    revoke_grant(grant=grant, amount=amount, reason="x", actor=SYSTEM, at=AT)


def paid(customer: Customer, seed: random.Random) -> None:
    factories.payment(customer=customer, amount=Money(seed.randint(100, 2000), "USD").amount)


def applied(customer: Customer, seed: random.Random) -> None:
    invoice = seed.choice(open_receivables(customer, "USD")).invoice
    apply_credits(invoice=invoice, actor=SYSTEM, at=AT)


def credited(customer: Customer, seed: random.Random) -> None:
    invoice = seed.choice(list(Invoice.objects.filter(customer=customer)))
    lines = in_proportion(invoice, Money(seed.randint(1, 500), "USD"))
    issue_credit_note(
        invoice=invoice, lines=lines, settle="invoice", reason="x", actor=SYSTEM, at=AT
    )


def prepared(customer: Customer) -> None:
    wallet = factories.wallet(customer=customer)
    factories.grant(wallet=wallet, amount="200.00", kind="paid")
    factories.grant(wallet=wallet, amount="100.00")
    factories.invoice(customer=customer, amount="10.00")


def acts_of_one(project: int, number: int, start: Barrier, outcome: Any) -> None:
    """What one process does; counts how its acts ended."""
    connections.close_all()  # the parent's
    seed, counts = random.Random(number), Counter[str]()
    customer = Customer.objects.select_related("project").get(project=project)
    start.wait(timeout=60)
    for _ in range(ACTS):
        act: Callable[[Customer, random.Random], None] = seed.choice(
            [drawn, drawn, drawn, granted, revoked, revoked, paid, applied, credited]
        )
        try:
            run_atomic(partial(act, customer, seed), attempts=20)
            counts[act.__name__] += 1
        except (ConflictError, InvalidError, IndexError):
            counts["refused"] += 1
        except Exception as error:
            counts[f"{type(error).__name__}: {error}"] += 1
    outcome.put(counts)
    connections.close_all()


def in_processes(project: Project) -> Counter[str]:
    """All processes at once; how their acts ended."""
    fork = multiprocessing.get_context("fork")
    start, outcome = fork.Barrier(PROCESSES), fork.Queue()
    connections.close_all()
    processes = [
        fork.Process(target=acts_of_one, args=(project.pk, number, start, outcome))
        for number in range(PROCESSES)
    ]
    for process in processes:
        process.start()
    counts = sum((outcome.get(timeout=120) for _ in processes), Counter[str]())
    for process in processes:
        process.join(timeout=60)
        assert process.exitcode == 0
    return counts


def test_nothing_goes_below_zero_and_no_draw_is_lost() -> None:
    customer = factories.customer(project=factories.project(), external_id="acme")
    run_atomic(partial(prepared, customer))

    counts = in_processes(customer.project)

    known = {"drawn", "granted", "revoked", "paid", "applied", "credited", "refused"}
    assert counts.keys() <= known, counts
    assert counts["drawn"] > 2 * PROCESSES
    assert counts["revoked"]
    assert counts["refused"] < PROCESSES * ACTS // 3
    assert sum(counts.values()) == PROCESSES * ACTS
    project = customer.project
    assert list(book_differences(project)) == []
    invoices = list(Invoice.objects.filter(project=project))
    assert len(invoices) == counts["drawn"] + 1
    assert sorted(one.sequence or 0 for one in invoices) == [*range(1, len(invoices) + 1)]
    found = settlements(project, [one.document for one in invoices])
    for one in invoices:
        due = found[one.document].due_minor
        assert due >= 0
        assert (one.status == Invoice.Status.OPEN) == (due > 0)
    grants = list(grants_of(project))
    moved: Counter[str] = Counter()
    for row in Transfer.objects.select_related("debit_account", "credit_account"):
        for account, sign in ((row.credit_account, 1), (row.debit_account, -1)):
            if account.code in ("2000", "2010"):
                moved[account.sub] += sign * row.amount_minor
    balances = grant_balances(grants)
    assert {grant.public_id: balances[grant.pk] for grant in grants} == dict(moved)
    assert min(balances.values()) >= 0
    # To revoke one whole twice takes nothing more.
    revocations = AuditRecord.objects.filter(project=project, action="grant.revoked")
    assert 0 < revocations.count() <= counts["revoked"]
    expire_grants(project, AT + timedelta(days=1), lambda: True)
    assert list(book_differences(project)) == []
