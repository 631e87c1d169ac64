"""Any sequence of what settles invoices, and what must hold after each step."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.db import transaction
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from billing.models import CreditNote, Invoice
from billing.selectors.amounts import billed_lines
from billing.selectors.verify import verify_invoices
from billing.selectors.verify_settlements import settlement_differences
from billing.services.credit_notes import in_proportion, issue_credit_note, void_credit_note
from billing.services.crediting import Credited
from billing.services.credits import apply_credits
from billing.services.write_offs import recover, void_invoice, write_off
from ledger.models import Account, Grant, JournalEntry, Transfer
from ledger.selectors.balances import account_sums
from ledger.selectors.export import export_lines
from ledger.selectors.journal import move_of, operation_key, transfers_of_entries
from ledger.selectors.settlements import settlements
from ledger.selectors.verify import book_differences
from ledger.selectors.wallets import grant_balances, grants_of
from ledger.services.journal import post_entries
from ledger.services.wallets import adjust_balance, revoke_grant
from ledger.templates import Posting
from neruba.actor import SYSTEM
from neruba.errors import NerubaError
from neruba.models import Customer
from neruba.money import Money
from tests import factories
from tests.billing.composed import redeemed, taxed
from tests.billing.sandbox import BASE, started
from tests.ledger.programs import refusal

AMOUNTS = st.integers(1, 12_000)
SETTLES = st.sampled_from([choice.value for choice in CreditNote.Settle])
USD = "USD"
PROVED = 12
# What promotional credit may meet: it is never cash, balance, breakage or a refund.
PROMOTION_MEETS = {"2010": {"1910", "1100"}, "1910": {"2010", "4910"}}
SUPPORT = {**BASE, "code": "support", "amount": "9.99"}
SETUP = {"code": "setup", "kind": "one_time", "model": "flat", "amount": "3.33"}
DISCOUNT = re.compile(r"discount \d+ ")


@dataclass(frozen=True)
class Shape:
    """What the customer's invoices carry: percents of rates put on prices and part of them, why
    none is due, a coupon; and whether a write-off takes its tax along.
    """

    put_on: tuple[str, ...] = ()
    included: tuple[str, ...] = ()
    exempt: str = "none"
    coupon: Mapping[str, Any] | None = None
    is_tax_relieved: bool = False


SHAPES = st.builds(
    Shape,
    put_on=st.sampled_from([(), ("20",), ("19", "0.5"), ("7.7", "100")]),
    included=st.sampled_from([(), (), ("10",), ("2.1", "8.25")]),
    exempt=st.sampled_from(["none", "none", "none", "exempt", "reverse"]),
    coupon=st.sampled_from(
        [
            None,
            {"percent_off": "33.3"},
            {"percent_off": "100", "duration": "once"},
            {"amount_off": "12.34", "currency": "USD"},
        ]
    ),
    is_tax_relieved=st.booleans(),
)


class Settlement(RuleBasedStateMachine):
    """One customer with a subscription billed ahead, charges, a wallet."""

    proved = 0

    @initialize(shape=SHAPES)
    def begin(self, shape: Shape) -> None:
        settings = {"bad_debt_tax_relief": shape.is_tax_relieved}
        self.sandbox = started(BASE, SUPPORT, SETUP, settings=settings)
        for inclusive, percents in ((False, shape.put_on), (True, shape.included)):
            for place, percent in enumerate(percents):
                code = f"rate-{inclusive}-{place}".lower()
                taxed(self.sandbox, percent, code=code, exempt=shape.exempt, inclusive=inclusive)
        if shape.coupon is not None:
            redeemed(self.sandbox, "LESS", **shape.coupon)
        self.sandbox.subscribe()
        self.project = self.sandbox.project
        self.customer = Customer.objects.get(project=self.project)
        self.wallet = factories.wallet(customer=self.customer)
        self.at: datetime = factories.START
        self.money_in = 0
        self.pass_days(0)

    # What may happen

    @rule(days=st.integers(0, 12))
    def pass_days(self, days: int) -> None:
        self.at += timedelta(days=days)
        self.sandbox.clock(self.at.isoformat())

    @rule(minor=AMOUNTS)
    def issue(self, minor: int) -> None:
        factories.invoice(customer=self.customer, amount=usd(minor).amount, at=self.at)

    @rule(
        minor=AMOUNTS,
        kind=st.sampled_from(["paid", "promotional"]),
        priority=st.integers(0, 2),
        days=st.one_of(st.none(), st.integers(1, 20)),
        scoped=st.booleans(),
    )
    def grant(
        self, *, minor: int, kind: str, priority: int, days: int | None, scoped: bool
    ) -> None:
        factories.grant(
            wallet=self.wallet,
            amount=usd(minor).amount,
            kind=kind,
            priority=priority,
            expires_at=None if days is None else self.at + timedelta(days=days),
            prices=("base",) if scoped else (),
            at=self.at,
        )
        self.money_in += minor if kind == "paid" else 0

    @precondition(lambda self: self.grants())
    @rule(
        number=st.integers(0, 9),
        minor=st.one_of(st.none(), AMOUNTS),
        settle=st.sampled_from(["balance", "refund"]),
    )
    def revoke(self, number: int, minor: int | None, settle: Any) -> None:
        grant = pick(self.grants(), number)
        amount = None if minor is None else usd(minor)
        self.attempt(
            lambda: revoke_grant(
                grant=grant, amount=amount, settle=settle, reason="x", actor=SYSTEM, at=self.at
            )
        )

    @rule(minor=st.integers(-12_000, 12_000))
    def adjust(self, minor: int) -> None:
        self.attempt(lambda: self.adjusted(minor))

    @rule(minor=AMOUNTS)
    def pay(self, minor: int) -> None:
        factories.payment(customer=self.customer, amount=usd(minor).amount, at=self.at)
        self.money_in += minor

    @precondition(lambda self: self.invoices())
    @rule(number=st.integers(0, 9))
    def draw(self, number: int) -> None:
        invoice = pick(self.invoices(), number)
        self.attempt(lambda: apply_credits(invoice=invoice, actor=SYSTEM, at=self.at))

    @precondition(lambda self: self.invoices())
    @rule(number=st.integers(0, 9), minor=AMOUNTS, settle=SETTLES)
    def credit(self, number: int, minor: int, settle: str) -> None:
        invoice = pick(self.invoices(), number)
        self.attempt(lambda: self.credited(invoice, minor, settle))

    @precondition(lambda self: self.invoices())
    @rule(
        number=st.integers(0, 9),
        line=st.integers(0, 9),
        minor=st.one_of(st.none(), AMOUNTS),
        settle=SETTLES,
    )
    def credit_of_a_line(self, number: int, line: int, minor: int | None, settle: str) -> None:
        """An amount of one line, or all that is left of each."""
        invoice = pick(self.invoices(), number)
        lines = [one for one in billed_lines(invoice) if one.gross_left_minor]
        if not lines:
            return
        chosen = lines if minor is None else [pick(lines, line)]
        self.attempt(
            lambda: issue_credit_note(
                invoice=invoice,
                lines=[
                    Credited(one.line.line_key, min(minor or one.left_minor, one.left_minor))
                    for one in chosen
                ],
                settle=settle,
                reason="x",
                actor=SYSTEM,
                at=self.at,
            )
        )

    @precondition(lambda self: self.notes())
    @rule(number=st.integers(0, 9))
    def void_note(self, number: int) -> None:
        note = pick(self.notes(), number)
        self.attempt(lambda: void_credit_note(note=note, reason="x", actor=SYSTEM, at=self.at))

    @precondition(lambda self: self.invoices())
    @rule(number=st.integers(0, 9))
    def give_up(self, number: int) -> None:
        invoice = pick(self.invoices(), number)
        self.attempt(lambda: write_off(invoice=invoice, reason="x", actor=SYSTEM, at=self.at))

    @precondition(lambda self: self.invoices())
    @rule(number=st.integers(0, 9), minor=AMOUNTS)
    def get_after_all(self, number: int, minor: int) -> None:
        invoice = pick(self.invoices(), number)
        self.attempt(lambda: self.recovered(invoice, usd(minor)))

    @precondition(lambda self: self.invoices())
    @rule(number=st.integers(0, 9))
    def void(self, number: int) -> None:
        invoice = pick(self.invoices(), number)
        self.attempt(lambda: void_invoice(invoice=invoice, reason="x", actor=SYSTEM, at=self.at))

    @precondition(lambda self: self.invoices())
    @rule(number=st.integers(0, 9), minor=AMOUNTS)
    def there_and_back(self, number: int, minor: int) -> None:
        """What is done and undone at one instant returns every account, but for what was earned
        until then, which is recognised once.
        """
        invoice = pick(self.invoices(), number)
        for do, undo in (
            (lambda: self.issued(minor), self.voided),
            (lambda: self.credited(invoice, minor, "balance"), self.note_voided),
            (lambda: self.written_off(invoice), lambda off: self.recovered(invoice, off)),
            (lambda: self.adjusted(minor), lambda _: self.adjusted(-minor)),
        ):
            before = self.accounts()
            done = self.attempt(do)
            if done is not None and self.attempt(lambda: [undo(done)]) is not None:  # noqa: B023
                assert (after := self.accounts()) == before, (before, after)

    # The acts whose outcome matters to the rules

    def issued(self, minor: int) -> Invoice:
        return factories.invoice(customer=self.customer, amount=usd(minor).amount, at=self.at)

    def voided(self, invoice: Invoice) -> None:
        void_invoice(invoice=invoice, reason="x", actor=SYSTEM, at=self.at)

    def credited(self, invoice: Invoice, minor: int, settle: str) -> CreditNote:
        return issue_credit_note(
            invoice=invoice,
            lines=in_proportion(invoice, usd(minor)),
            settle=settle,
            reason="x",
            actor=SYSTEM,
            at=self.at,
        )

    def note_voided(self, note: CreditNote) -> None:
        void_credit_note(note=note, reason="x", actor=SYSTEM, at=self.at)

    def written_off(self, invoice: Invoice) -> Money:
        return write_off(invoice=invoice, reason="x", actor=SYSTEM, at=self.at)

    def recovered(self, invoice: Invoice, amount: Money) -> None:
        recover(invoice=invoice, amount=amount, reason="x", actor=SYSTEM, at=self.at)

    def adjusted(self, minor: int) -> bool:
        adjust_balance(
            customer=self.customer, amount=usd(minor), reason="x", actor=SYSTEM, at=self.at
        )
        return True

    def attempt(self, act: Callable[[], Any]) -> Any:
        """What an act returned, or None where it was refused, and then changed nothing."""
        before = self.accounts()
        try:
            with transaction.atomic():
                return act()
        except NerubaError:
            assert self.accounts() == before
            return None

    # What is there

    def invoices(self) -> list[Invoice]:
        rows = Invoice.objects.filter(project=self.project, sequence__isnull=False)
        return list(rows.order_by("pk"))

    def notes(self) -> list[CreditNote]:
        rows = CreditNote.objects.filter(project=self.project)
        return list(rows.select_related("invoice").order_by("pk"))

    def grants(self) -> list[Grant]:
        return list(grants_of(self.project))

    def accounts(self) -> dict[str, int]:
        """The balance of each account that is not zero, by its natural key. What was recognised of
        a deferral counts with it.
        """
        rows = {row.pk: row for row in Account.objects.filter(project=self.project)}
        found: Counter[str] = Counter()
        for pk, (debit, credit) in account_sums(rows.values()).items():
            name = str(rows[pk])
            earned = rows[pk].code in ("2100", "4000")
            found["2100 and 4000" if earned else name] += debit - credit
        return {name: minor for name, minor in found.items() if minor}

    # What must hold

    @invariant()
    def the_books_hold(self) -> None:
        if not hasattr(self, "at"):
            return
        assert list(book_differences(self.project)) == []
        codes: Counter[str] = Counter()
        for row in self.transfers():
            codes[row.debit_account.code] += row.amount_minor
            codes[row.credit_account.code] -= row.amount_minor
            debit, credit = row.debit_account.code, row.credit_account.code
            for side, counter in ((debit, credit), (credit, debit)):
                assert counter in PROMOTION_MEETS.get(side, {counter}), str(row)
        assert codes["1910"] == -codes["2010"]
        assert codes["1010"] == self.money_in
        assert codes["2300"] <= 0

    @invariant()
    def each_invoice_is_settled_by_what_the_books_say(self) -> None:
        if not hasattr(self, "at"):
            return
        assert list(settlement_differences(self.project)) == []
        invoices = self.invoices()
        found = settlements(self.project, [one.document for one in invoices])
        receivable: Counter[str] = Counter()
        promised: Counter[str] = Counter()
        for row in self.transfers():
            if row.debit_account.code == "1100":
                receivable[row.document] += row.amount_minor
            if row.credit_account.code == "1100":
                receivable[row.document] -= row.amount_minor
            if row.document and row.credit_account.code == "2300":
                promised[row.document] += row.amount_minor
        for one in invoices:
            settled = found[one.document]
            due = settled.due_minor
            assert due == receivable.pop(one.document, 0) >= 0
            assert settled.written_off_minor >= 0
            assert promised[one.document] <= settled.paid_minor
            assert settled.given_back_minor <= settled.credited_minor
            is_void = one.status == Invoice.Status.VOID
            assert (one.status == Invoice.Status.OPEN) == (due > 0 and not is_void)
            assert not (is_void and any(getattr(settled, name) for name in SETTLED))
        # Else only what a payment that failed later paid and the customer has spent.
        assert all(name.startswith("payment:") for name, minor in receivable.items() if minor)

    @invariant()
    def each_grant_is_what_was_granted_less_what_left_it(self) -> None:
        if not hasattr(self, "at"):
            return
        moved: dict[str, Counter[str]] = defaultdict(Counter)
        for row in self.transfers():
            kind = row.entry.kind
            for account, sign in ((row.credit_account, 1), (row.debit_account, -1)):
                if account.code in ("2000", "2010"):
                    moved[account.sub][kind] += sign * row.amount_minor
        grants = self.grants()
        balances = grant_balances(grants)
        for grant in grants:
            parts = moved[grant.public_id]
            assert parts["grant.issue"] == grant.amount_minor
            assert sum(parts.values()) == balances[grant.pk] >= 0
            assert parts["grant.expire"] <= 0
            assert parts["grant.revoke"] <= 0
            assert not grant.end or balances[grant.pk] == 0

    @invariant()
    def no_deferral_is_overdrawn(self) -> None:
        if not hasattr(self, "at"):
            return
        lines: Counter[tuple[str, str]] = Counter()
        for row in self.transfers():
            name = (row.document, DISCOUNT.sub("", row.line.rpartition("/")[2]))
            if row.credit_account.code == "2100":
                lines[name] += row.amount_minor
            if row.debit_account.code == "2100":
                lines[name] -= row.amount_minor
        assert all(minor >= 0 for minor in lines.values())

    @invariant()
    def no_tax_is_given_back_that_was_not_billed(self) -> None:
        if not hasattr(self, "at"):
            return
        billed: Counter[tuple[str, str]] = Counter()
        for row in self.transfers():
            if row.credit_account.code == "2200" and row.entry.kind == "invoice.issue":
                billed[row.document, row.credit_account.sub] += row.amount_minor
        standing = self.standing("2200")
        assert standing.keys() == billed.keys()
        assert all(0 <= minor <= billed[place] for place, minor in standing.items())
        for one in self.invoices():
            for line in billed_lines(one):
                assert line.back_minor <= line.net_minor
                assert all(minor <= line.taxes[rate] for rate, minor in line.taxes_back.items())

    @invariant()
    def what_is_credited_whole_leaves_neither_tax_nor_deferral(self) -> None:
        if not hasattr(self, "at"):
            return
        given_up = {
            row.document for row in self.transfers() if row.entry.kind == "invoice.write_off"
        }
        invoices = self.invoices()
        found = settlements(self.project, [one.document for one in invoices])
        whole = {
            one.document
            for one in invoices
            if found[one.document].credited_minor == found[one.document].total_minor
        } - given_up
        for code in ("2200", "2100"):
            for (document, _), minor in self.standing(code).items():
                assert not (minor and document in whole), (code, document)

    def standing(self, code: str) -> Counter[tuple[str, str]]:
        """What stands on the credit side of the accounts of a code, by document and sub."""
        found: Counter[tuple[str, str]] = Counter()
        for row in self.transfers():
            for account, sign in ((row.credit_account, 1), (row.debit_account, -1)):
                if account.code == code:
                    found[row.document, account.sub] += sign * row.amount_minor
        return found

    def transfers(self) -> list[Transfer]:
        rows = Transfer.objects.filter(project=self.project)
        return list(rows.select_related("entry", "debit_account", "credit_account"))

    def teardown(self) -> None:
        if not hasattr(self, "at"):
            return
        # Every key replayed changes nothing.
        before = self.accounts(), Transfer.objects.filter(project=self.project).count()
        entries = list(JournalEntry.objects.filter(project=self.project).select_related("reverses"))
        transfers = transfers_of_entries([entry.pk for entry in entries])
        postings = [
            Posting(
                operation_key(entry),
                tuple(move_of(row) for row in transfers[entry.pk]),
                entry.occurred_at,
                operation_key(entry.reverses) if entry.reverses else None,
            )
            for entry in entries
        ]
        done = post_entries(project=self.project, postings=postings, at=self.at)
        assert all(one.replayed for one in done)
        after = self.accounts(), Transfer.objects.filter(project=self.project).count()
        assert after == before
        # What was issued is still what is shown and what raw usage gives.
        rows = Invoice.objects.filter(project=self.project, sequence__isnull=False)
        invoices = list(rows.select_related("customer", "subscription__customer", "party"))
        for verdict in verify_invoices(self.project, invoices):
            assert verdict.differences == ()
        self.other_programs_agree()

    def other_programs_agree(self) -> None:
        """Beancount and hledger prove the books with our balances; each takes a moment, so that not
        every example is asked.
        """
        if Settlement.proved >= PROVED:
            return
        Settlement.proved += 1
        with TemporaryDirectory() as folder:
            for form in ("beancount", "hledger"):
                text = "".join(export_lines(self.project, form))
                said = refusal(form, text, Path(folder))
                assert said == "", said


SETTLED = ("total_minor", "credits_minor", "balance_minor", "paid_minor", "written_off_minor")


def usd(minor: int) -> Money:
    return Money(minor, USD)


def pick(rows: list[Any], number: int) -> Any:
    return rows[number % len(rows)]
