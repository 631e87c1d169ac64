"""Matching: every line is in one item, and nothing of a difference is lost."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from payments.matching import (
    Known,
    Line,
    Occasion,
    Section,
    State,
    Thing,
    match,
    occasion_of_transaction,
    why_missing_here,
    why_missing_there,
)

AT = datetime(2026, 1, 5, tzinfo=UTC)
THINGS = st.builds(
    Thing,
    st.sampled_from([Occasion.PAYMENT, Occasion.REFUND]),
    st.sampled_from(["a", "b", "c"]),
    st.just("USD"),
)
LINES = st.lists(
    st.builds(
        Line,
        THINGS,
        st.just("name"),
        st.integers(-3, 3),
        st.just(AT),
        st.integers(-1, 1),
    ),
    max_size=6,
)


def named(lines: list[Line], side: str) -> list[Line]:
    """The lines with names of their own."""
    return [
        Line(one.thing, f"{side}{index}", one.amount_minor, one.at, one.fee_minor)
        for index, one in enumerate(lines)
    ]


@given(LINES, LINES)
def test_each_line_is_in_one_item_and_the_differences_add_up(
    ours: list[Line], theirs: list[Line]
) -> None:
    here, there = named(ours, "h"), named(theirs, "t")
    items = list(match(Section.PROVIDER, here, there, explain=lambda _t, state: f"why {state}"))
    assert sorted(line.name for item in items for line in item.here) == sorted(
        line.name for line in here
    )
    assert sorted(line.name for item in items for line in item.there) == sorted(
        line.name for line in there
    )
    net = sum(line.net_minor for line in here) - sum(line.net_minor for line in there)
    assert sum(item.difference_minor for item in items) == net
    assert len({item.thing for item in items}) == len(items)
    for item in items:
        assert all(line.thing == item.thing for line in (*item.here, *item.there))
        assert (item.state == State.MATCHED) == (item.cause == "")
        if item.state == State.MATCHED:
            assert item.difference_minor == 0
        assert (item.state == State.MISSING_HERE) == (not item.here)
        assert (item.state == State.MISSING_THERE) == (not item.there)


def lines(amount: int, fee: int = 0) -> list[Line]:
    return [Line(Thing(Occasion.PAYMENT, "ch_1", "USD"), "pay_1", amount, AT, fee)]


def test_a_fee_that_is_hidden_in_the_amount_is_no_match() -> None:
    (item,) = match(Section.PROVIDER, lines(97), lines(100, 3), explain=lambda *_: "")
    assert (item.state, item.difference_minor) == (State.DIFFERS, 0)
    assert item.cause == (
        "the amount differs by -0.03 USD and the fee of 0.03 USD is not known here yet"
    )


def test_types_of_transactions_are_told_apart() -> None:
    told = {
        ("charge", "charge"): Occasion.PAYMENT,
        ("payment", "charge"): Occasion.PAYMENT,
        ("payment_failure_refund", "charge_failure"): Occasion.PAYMENT_FAILED,
        ("refund", "refund"): Occasion.REFUND,
        ("refund_failure", "refund_failure"): Occasion.REFUND_FAILED,
        ("adjustment", "dispute"): Occasion.DISPUTE,
        ("adjustment", "dispute_reversal"): Occasion.DISPUTE_WON,
        ("adjustment", "other_adjustment"): Occasion.OTHER,
        ("payout", "payout"): Occasion.PAYOUT,
        ("payout_failure", "payout_reversal"): Occasion.PAYOUT_FAILED,
        ("stripe_fee", "fee"): Occasion.OTHER,
    }
    assert {pair: occasion_of_transaction(*pair) for pair in told} == told


def test_causes_say_what_to_do() -> None:
    payment = Thing(Occasion.PAYMENT, "ch_1", "USD")
    assert why_missing_here(payment, Known(webhook="dead")) == (
        "At Stripe, not known here (ch_1): its webhook is dead: mend the cause and replay it."
    )
    assert why_missing_here(payment, Known(row="pending", webhook="waiting")) == (
        "The payment is pending here; its webhook was received and is not worked on yet."
    )
    assert why_missing_here(payment, Known(webhook="done")).endswith("replay the last of them.")
    payout = Thing(Occasion.PAYOUT, "po_1", "USD")
    assert "when it has reached the bank" in why_missing_here(payout, Known())
    assert why_missing_there(payment, Known(moved_in="EUR"), fetched_to=AT) == (
        "Stripe settled it in EUR."
    )
    assert why_missing_there(payment, Known(), fetched_to=AT) == (
        "No transaction named ch_1 among those fetched until 2026-01-05 00:00 UTC."
    )
