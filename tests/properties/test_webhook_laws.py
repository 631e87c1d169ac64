"""Webhooks in any order, late, twice or not at all for a while come to the same state and books.

A payment's history at the provider grows step by step. Each step sends events; they are delivered
in any order and any number of times, at any moment after they were sent. Each delivery makes the
worker look at the payment as it stands then. What remains at the end must not depend on any of it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.selectors.verify_settlements import settlement_differences
from ledger.models import Transfer
from ledger.selectors.balances import trial_balance
from ledger.selectors.verify import book_differences
from ledger.selectors.wallets import grant_balances, grants_of
from neruba.models import Project
from payments.facts import Kind, facts_of
from payments.models import Dispute, Payment, Refund
from payments.services.intents import work_on_payment
from payments.snapshots import DisputeSnapshot, DisputeStatus, PaymentSnapshot, RefundSnapshot
from payments.state import CHECKOUT, DISPUTE, PAYMENT, REFUND, Table, follows
from tests import factories
from tests.payments import rows

START = factories.START
TABLES = (PAYMENT, REFUND, DISPUTE, CHECKOUT)
STEPS = ("refund", "refund_fails", "dispute", "dispute_won", "dispute_lost", "reversed", "fee")


@dataclass(frozen=True, slots=True)
class History:
    """A payment at each moment of its life, first to last."""

    looks: tuple[PaymentSnapshot, ...]


@st.composite
def histories(draw: st.DrawFn, *, metadata: dict[str, str] | None = None) -> History:
    """What can happen to a payment, a step an hour: an attempt that failed, success, the fee, and
    then refunds, disputes and a failure, as far as the provider allows them.
    """
    at = START
    now = PaymentSnapshot(
        id="pi_1", status="pending", amount_minor=10000, currency="USD", created_at=at,
        metadata=metadata or {},
    )  # fmt: skip
    looks = [now]
    if draw(st.booleans()):
        now = replace(now, status="failed", cause="declined")
        looks.append(now)
    at += timedelta(hours=1)
    now = replace(now, status="succeeded", succeeded_at=at, charge="ch_1")
    looks.append(now)
    for step in draw(st.lists(st.sampled_from(STEPS), max_size=7)):
        at += timedelta(hours=1)
        after = _step(now, step, at, draw)
        if after is not None:
            now = after
            looks.append(now)
    return History(tuple(looks))


def _step(now: PaymentSnapshot, step: str, at: datetime, draw: st.DrawFn) -> PaymentSnapshot | None:
    """The payment after a step, or None where the provider does not allow it."""
    if step == "fee":
        return replace(now, fee_minor=320) if now.fee_minor is None else None
    if now.is_reversed:
        return None
    if step == "reversed" and not now.disputes:
        return replace(now, is_reversed=True, status="failed", cause="returned")
    return _refunded(now, step, at, draw) or _disputed(now, step, at)


def _gone(now: PaymentSnapshot) -> int:
    return sum(one.amount_minor for one in now.refunds if one.status != "failed")


def _refunded(
    now: PaymentSnapshot, step: str, at: datetime, draw: st.DrawFn
) -> PaymentSnapshot | None:
    left = 10000 - _gone(now)
    if step == "refund" and left and all(one.status == "won" for one in now.disputes):
        minor = min(left, draw(st.sampled_from([1, 2500, 10000])))
        made = RefundSnapshot(
            f"re_{len(now.refunds)}", minor, "succeeded", created_at=at, left_at=at
        )
        return replace(now, refunds=(*now.refunds, made))
    if step == "refund_fails" and now.refunds and now.refunds[-1].status != "failed":
        failed = replace(now.refunds[-1], status="failed", failed_at=at, cause="account closed")
        return replace(now, refunds=(*now.refunds[:-1], failed))
    return None


def _disputed(now: PaymentSnapshot, step: str, at: datetime) -> PaymentSnapshot | None:
    if step == "dispute" and not now.disputes and not _gone(now):
        opened = DisputeSnapshot("dp_1", 10000, 1500, "open", opened_at=at)
        return replace(now, disputes=(opened,))
    if step in ("dispute_won", "dispute_lost") and now.disputes:
        (dispute,) = now.disputes
        outcome: DisputeStatus = "won" if step == "dispute_won" else "lost"
        if dispute.status == "open":
            return replace(now, disputes=(replace(dispute, status=outcome, closed_at=at),))
    return None


@st.composite
def deliveries(draw: st.DrawFn, history: History) -> list[int]:
    """At which moment of its life each delivery makes us look at the payment; a look may be older
    than the one before it (two workers), and the last moment is looked at in the end.
    """
    moments = st.integers(0, len(history.looks) - 1)
    seen = draw(st.lists(moments, max_size=10))
    place = draw(st.integers(0, len(seen)))
    return [*seen[:place], len(history.looks) - 1, *seen[place:]]


@given(histories())
def test_the_facts_of_a_look_are_those_with_which_later_ones_begin(history: History) -> None:
    """Those that move money; but for the fee, which is told late and counts from the payment, and
    for what has no time.
    """
    known: list[tuple[object, ...]] = []
    for look in history.looks:
        found: list[tuple[object, ...]] = [
            (fact.at, fact.kind, (fact.refund or fact.dispute or look).id)
            for fact in facts_of(look)
            if fact.kind not in (Kind.FEE, Kind.REFUND_SUCCEEDED) and fact.at is not None
        ]
        assert found[: len(known)] == known
        known = found


@given(st.sampled_from(TABLES), st.data())
def test_the_later_of_two_states_stays_in_whichever_order_they_are_seen(
    table: Table, data: st.DataObject
) -> None:
    first, *rest = table
    seen = data.draw(st.lists(st.sampled_from([first, *rest]), min_size=1))
    for a in seen:
        assert not follows(table, a, a)
        for b in seen:
            assert not (follows(table, a, b) and follows(table, b, a))
    reached = [state for state in table if not table[state]]
    for end in reached:
        path = [first]
        while path[-1] != end:
            path.append(next(s for s in table[path[-1]] if s == end or follows(table, s, end)))
        mixed = data.draw(st.permutations(path))
        state = first
        for told in mixed:
            state = told if follows(table, state, told) else state
        assert state == end


def _shop(purpose: str) -> tuple[Project, dict[str, str]]:
    project = factories.project(mode="live")
    customer = factories.customer(project=project, external_id="acme", at=START)
    metadata = {"neruba_customer": "acme"}
    if purpose == "invoice":
        bill = factories.invoice(customer=customer, amount="100.00")
        metadata["neruba_invoice"] = bill.public_id
    elif purpose == "part":
        bill = factories.invoice(customer=customer, amount="60.00")
        metadata["neruba_invoice"] = bill.public_id
    else:
        pack = rows.pack(project=project)
        metadata["neruba_credit_pack"] = pack.code
    return project, metadata


def _play(history: History, looks: Iterator[int] | list[int], purpose: str) -> object:
    """The end state and the books after these looks, by names that do not differ between plays."""
    project, metadata = _shop(purpose)
    for number in looks:
        look = replace(history.looks[number], metadata=metadata)
        work_on_payment(project, look, at=START + timedelta(days=1))
    assert list(book_differences(project)) == []
    assert list(settlement_differences(project)) == []
    transfers = Transfer.objects.filter(project=project).order_by()
    moves = transfers.values_list(
        *("entry__kind", "debit_account__code", "credit_account__code", "amount_minor"),
        "entry__occurred_at",
    )
    grants = list(grants_of(project))
    left = grant_balances(grants)
    return (
        sorted(moves),
        [(row.account.code, row.balance_minor) for row in trial_balance(project)],
        list(Payment.objects.filter(project=project).values_list("state", "fee_minor")),
        sorted(Refund.objects.filter(project=project).values_list("provider_id", "state")),
        list(Dispute.objects.filter(project=project).values_list("state", "fee_minor")),
        [(one.kind, left[one.pk], one.end, bool(one.frozen_by), one.due_at) for one in grants],
    )


@pytest.mark.django_db
@settings(max_examples=30)
@given(st.data(), histories(), st.sampled_from(["invoice", "part", "pack"]))
def test_any_order_of_looks_comes_to_the_same_end(
    data: st.DataObject, history: History, purpose: str
) -> None:
    in_order = _play(history, list(range(len(history.looks))), purpose)
    assert _play(history, data.draw(deliveries(history)), purpose) == in_order
    assert _play(history, [len(history.looks) - 1], purpose) == in_order
