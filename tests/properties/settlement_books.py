"""What the books must say after any step that settles invoices, and in the end."""

import re
from collections import Counter, defaultdict
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis.stateful import RuleBasedStateMachine, invariant

from billing.models import CreditNote, Invoice
from billing.selectors.amounts import issued_lines
from billing.selectors.verify import verify_invoices
from billing.selectors.verify_settlements import settlement_differences
from ledger.models import Account, Grant, JournalEntry, Transfer
from ledger.selectors.balances import account_sums
from ledger.selectors.export import export_lines
from ledger.selectors.journal import move_of, operation_key, transfers_of_entries
from ledger.selectors.settlements import settlements
from ledger.selectors.verify import book_differences
from ledger.selectors.wallets import grant_balances, grants_of
from ledger.services.journal import post_entries
from ledger.templates import Posting
from neruba.models import Project
from tests.ledger.programs import refusal

PROVED = 12
# What promotional credit may meet: it is never cash, balance, breakage or a refund.
PROMOTION_MEETS = {"2010": {"1910", "1100"}, "1910": {"2010", "4910"}}
DISCOUNT = re.compile(r"discount \d+ ")
SETTLED = ("total_minor", "credits_minor", "balance_minor", "paid_minor", "written_off_minor")


class Books(RuleBasedStateMachine):
    """A project with one customer, whose books are looked at after each step."""

    project: Project
    at: datetime
    money_in: int
    proved = 0

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
        # Else only what a payment that failed later paid: of a pack, which is owed again, or what
        # the customer has spent.
        others = {name: minor for name, minor in receivable.items() if minor}
        assert all(name.startswith(("payment:", "pack:")) for name in others), others
        assert all(minor > 0 for minor in others.values()), others

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
            for line in issued_lines(one):
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
        if Books.proved >= PROVED:
            return
        Books.proved += 1
        with TemporaryDirectory() as folder:
            for form in ("beancount", "hledger"):
                text = "".join(export_lines(self.project, form))
                said = refusal(form, text, Path(folder))
                assert said == "", said
