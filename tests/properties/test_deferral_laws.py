"""Laws of what was billed ahead: by days, cumulative, and gone once its line is credited whole."""

import os
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from billing.models import CreditNote, Invoice
from billing.rating.deferral import earned_minor
from billing.selectors.amounts import issued_lines
from billing.services.credit_notes import in_proportion, issue_credit_note, void_credit_note
from ledger.selectors.balances import trial_balance
from ledger.selectors.settlements import settlement_of
from ledger.selectors.verify import book_differences
from neruba.actor import SYSTEM
from neruba.models import Project
from neruba.money import Money
from neruba.period import Interval
from tests.billing.sandbox import BASE, started

# A subscription each: a fraction of the examples of a plain law.
EXAMPLES = max(4, int(os.environ.get("NERUBA_EXAMPLES", "50")) // 8)
START = datetime(2026, 1, 1, tzinfo=UTC)
TOTAL = 3000  # what BASE bills for January, in minor units
ZONES = ("UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Apia")

minutes = st.integers(-2 * 1440, 45 * 1440)
bases = st.integers(0, 10**12)
zones = st.sampled_from(ZONES)


@given(base=bases, days=st.integers(1, 400), at=st.lists(minutes, max_size=8), zone=zones)
def test_what_is_earned_never_falls_and_stays_within_its_base(
    base: int, days: int, at: list[int], zone: str
) -> None:
    first = datetime(2026, 3, 1, tzinfo=ZoneInfo(zone))
    period = Interval(first.astimezone(UTC), (first + timedelta(days=days)).astimezone(UTC))
    instants = sorted([period.start, *(period.start + timedelta(minutes=one) for one in at)])
    earned = [earned_minor(base, period, at=one, zone=zone) for one in instants]
    assert all(before <= after for before, after in pairwise(earned))
    assert all(0 <= minor <= base for minor in earned)
    assert earned_minor(base, period, at=period.start, zone=zone) == 0
    assert earned_minor(base, period, at=period.end, zone=zone) == base
    # The day of the instant is not over: of n days, each whole one earns its share.
    for passed in range(min(days, 40)):
        noon = (first + timedelta(days=passed, hours=12)).astimezone(UTC)
        share = base * passed // days
        assert earned_minor(base, period, at=noon, zone=zone) - share in (0, 1)


class DeferralLaws(TestCase):
    @settings(max_examples=EXAMPLES, deadline=None)
    @given(
        credits=st.lists(
            st.tuples(st.integers(0, 35 * 1440), st.integers(1, TOTAL), st.booleans()), max_size=5
        ),
        last=st.integers(0, 35 * 1440),
    )
    def test_a_line_credited_whole_at_any_instant_leaves_nothing_deferred(
        self, credits: list[tuple[int, int, bool]], last: int
    ) -> None:
        """In parts, some of them taken back, and then all that is left of it."""
        sandbox = started(BASE)
        sandbox.subscribe()
        sandbox.clock("2026-01-01T00:00:00Z")
        invoice = Invoice.objects.get(project=sandbox.project)
        stands = 0
        for minute, wanted, is_voided in sorted([*credits, (last, TOTAL, False)]):
            at = START + timedelta(minutes=minute)
            before = books(sandbox.project)
            minor = min(wanted, TOTAL - stands)
            if not minor:
                continue
            note = credited(invoice, minor, at=at)
            stands += minor
            if is_voided:
                void_credit_note(note=note, reason="x", actor=SYSTEM, at=at)
                stands -= minor
                assert books(sandbox.project) == before
            found = books(sandbox.project)
            assert all(balance >= 0 for balance in found.values()), found
            # What was billed is earned, still deferred, or given back before it was earned.
            back = found.get("4900", 0)
            kept = found.get("4000", 0) + found.get("2100", 0)
            assert kept - back == TOTAL - stands == found.get("1100", 0)
        found = books(sandbox.project)
        assert "2100" not in found
        assert "1100" not in found
        assert found.get("4000", 0) == found.get("4900", 0)
        assert {one.left_minor for one in issued_lines(invoice)} == {0}
        settled = settlement_of(invoice.project, invoice.document)
        assert (settled.credited_minor, settled.given_back_minor) == (TOTAL, 0)


def credited(invoice: Invoice, minor: int, *, at: datetime) -> CreditNote:
    return issue_credit_note(
        invoice=invoice,
        lines=in_proportion(invoice, Money(minor, invoice.currency)),
        settle="invoice",
        reason="x",
        actor=SYSTEM,
        at=at,
    )


def books(project: Project) -> dict[str, int]:
    """The balance of each code that is not zero; the books hold."""
    assert list(book_differences(project)) == []
    rows = trial_balance(project)
    return {row.account.code: row.balance_minor for row in rows if row.balance_minor}
