"""Any sequence of what settles invoices, and what must hold after each step."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from billing.models import CreditNote, Invoice
from billing.selectors.amounts import issued_lines
from billing.services.credit_notes import in_proportion, issue_credit_note, void_credit_note
from billing.services.crediting import Credited
from billing.services.credits import apply_credits
from billing.services.write_offs import recover, void_invoice, write_off
from ledger.services.wallets import adjust_balance, revoke_grant
from neruba.actor import SYSTEM
from neruba.errors import NerubaError
from neruba.models import Customer
from neruba.money import Money
from tests import factories
from tests.billing.composed import redeemed, taxed
from tests.billing.sandbox import BASE, started
from tests.properties.settlement_books import Books

AMOUNTS = st.integers(1, 12_000)
SETTLES = st.sampled_from([choice.value for choice in CreditNote.Settle])
USD = "USD"
SUPPORT = {**BASE, "code": "support", "amount": "9.99"}
SETUP = {"code": "setup", "kind": "one_time", "model": "flat", "amount": "3.33"}


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


class Settlement(Books):
    """One customer with a subscription billed ahead, charges, a wallet."""

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
        lines = [one for one in issued_lines(invoice) if one.gross_left_minor]
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


def usd(minor: int) -> Money:
    return Money(minor, USD)


def pick(rows: list[Any], number: int) -> Any:
    return rows[number % len(rows)]
