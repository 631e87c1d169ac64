"""Grants, draws, credit notes, payments, write-offs and voids in any order: the books hold."""

import os

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.properties.settlement_machine import Settlement
from tests.properties.stripe_machine import SettlementWithStripe

pytestmark = pytest.mark.once

EXAMPLES = max(4, int(os.environ.get("NERUBA_EXAMPLES", "50")) // 5)


@pytest.mark.django_db
def test_whatever_settles_invoices_leaves_books_that_hold() -> None:
    run_state_machine_as_test(
        Settlement, settings=settings(max_examples=EXAMPLES, stateful_step_count=25, deadline=None)
    )


@pytest.mark.django_db
def test_money_that_moves_through_stripe_leaves_books_that_hold() -> None:
    run_state_machine_as_test(
        SettlementWithStripe,
        settings=settings(max_examples=EXAMPLES, stateful_step_count=25, deadline=None),
    )
