"""Known answers about credits, from other engines: what is drawn and left, when a grant ends."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from billing.models import Invoice
from billing.selectors.settlement import open_receivables
from billing.services.credits import apply_credits
from ledger.errors import GrantEndedError
from ledger.models import Grant
from ledger.selectors.verify import book_differences
from ledger.selectors.wallets import grant_balances, grants_of, wallet_transfers
from ledger.services.wallets import expire_grants, revoke_grant
from neruba.actor import SYSTEM
from neruba.errors import ConflictError
from neruba.models import Customer
from neruba.money import Money
from neruba.period import parse_instant
from tests import factories

pytestmark = pytest.mark.django_db
ROWS = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "cases/credits.jsonl").read_text().splitlines()
]
INSTANT = timedelta(microseconds=1)


def of_kind(kind: str) -> list[Any]:
    rows = [pytest.param(row, id=row["id"]) for row in ROWS if row["kind"] == kind]
    assert rows
    return rows


def instant(text: str) -> datetime:
    if len(text) == len("2025-09-01"):
        text += "T00:00:00Z"
    return parse_instant(text)


class Account:
    """A customer with one wallet, whose grants have the names that the row gives them."""

    def __init__(self, at: datetime) -> None:
        self.project = factories.project(clock_at=min(at, factories.START))
        self.customer: Customer = factories.customer(project=self.project, external_id="acme")
        self.wallet = factories.wallet(customer=self.customer, at=at)
        self.grants: dict[str, Grant] = {}

    def grant(self, row: Mapping[str, Any], *, at: datetime) -> None:
        amount = row.get("balance", row.get("amount"))
        kind = row.get("category", "promotional")
        expires = row.get("expires_at")
        self.grants[row["id"]] = factories.grant(
            wallet=self.wallet,
            amount=str(amount),
            kind=kind,
            priority=row.get("priority", 50),
            effective_at=instant(row["effective_at"]) if "effective_at" in row else at,
            expires_at=instant(expires) if expires else None,
            prices=() if row.get("eligible", True) else ("another",),
            at=at,
        )

    def use(self, amount: str, *, at: datetime) -> Invoice:
        return factories.invoice(customer=self.customer, amount=amount, at=at)

    def revoke(self, name: str, *, at: datetime, amount: Money | None = None) -> Money:
        return revoke_grant(grant=self.grants[name], amount=amount, reason="x", actor=SYSTEM, at=at)

    def left(self, *, at: datetime | None = None) -> dict[str, str]:
        """Of each grant, in major units without empty decimals; at an instant: just before it."""
        balances = grant_balances(list(grants_of(self.project)), at=at)
        assert list(book_differences(self.project)) == []
        return {
            name: f"{Money(balances[grant.pk], 'USD').amount}".removesuffix(".00")
            for name, grant in self.grants.items()
        }

    def due(self) -> str:
        rows = open_receivables(self.customer, "USD")
        return Money(sum(row.due_minor for row in rows), "USD").amount.removesuffix(".00")


def in_turn(grants: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As they were made, where the row says it."""
    return sorted(grants, key=lambda row: row.get("seq", 0))


@pytest.mark.parametrize("row", of_kind("draw"))
def test_an_amount_is_drawn_from_the_grants_in_order(row: dict[str, Any]) -> None:
    at = datetime(2025, 6, 1, tzinfo=UTC)
    account = Account(at)
    for grant in in_turn(row["grants"]):
        account.grant(grant, at=at)
    before = {grant["id"]: grant["balance"] for grant in row["grants"]}
    account.use(row["amount"], at=at)
    expected = {
        name: str(int(whole) - int(row["expected_draws"].get(name, "0")))
        for name, whole in before.items()
    }
    assert (account.left(), account.due()) == (expected, row["expected_uncovered"])


@pytest.mark.parametrize("row", of_kind("burn_down"))
def test_uses_over_time_leave_what_they_left_elsewhere(row: dict[str, Any]) -> None:
    """Each use is an invoice of its own, at its time; open ones are paid by grants that come."""
    end = instant(row["to"])
    starts = [instant(grant["effective_at"]) for grant in row["grants"]]
    account = Account(min([instant(row["from"]), *starts]))
    steps: list[tuple[datetime, int, Any]] = []
    for grant in in_turn(row["grants"]):
        steps.append((instant(grant["effective_at"]), 0, grant))
        if "voided_at" in grant:
            steps.append((instant(grant["voided_at"]), 1, grant["id"]))
    steps += [(instant(event["ts"]), 2, event["value"]) for event in row["events"]]
    for at, kind, what in sorted(steps, key=lambda step: step[:2]):
        expire_grants(account.project, at, lambda: True)
        if kind == 0:
            account.grant(what, at=at)
            for one in open_receivables(account.customer, "USD"):
                apply_credits(invoice=one.invoice, actor=SYSTEM, at=at)
        elif kind == 1:
            account.revoke(what, at=at)
        else:
            account.use(what, at=at)
    expire_grants(account.project, end, lambda: True)
    found = (account.left(at=end), account.due())
    assert found == (row["expected_balances"], row["expected_overage"])


@pytest.mark.parametrize("row", of_kind("effective_period"))
def test_a_grant_pays_until_the_first_of_expiry_and_revocation(row: dict[str, Any]) -> None:
    starts = instant(row["effective_at"])
    account = Account(starts)
    account.grant({**row, "id": "one", "amount": "100.00"}, at=starts)
    ends = [instant(row[name]) for name in ("voided_at", "deleted_at") if row[name]]
    expected = instant(row["expected_to"]) if row["expected_to"] else None
    if expected is None:
        account.use("1.00", at=starts + timedelta(days=36500))
        assert (account.left(), account.due()) == ({"one": "99"}, "0")
        return
    account.use("1.00", at=expected - INSTANT)
    assert (account.left(), account.due()) == ({"one": "99"}, "0")
    for end in ends:
        expire_grants(account.project, end, lambda: True)
        if end >= instant(row["expires_at"]):
            with pytest.raises(GrantEndedError):
                account.revoke("one", at=end)
        else:
            account.revoke("one", at=end)
    account.use("1.00", at=expected)
    assert account.due() == "1"
    expire_grants(account.project, expected, lambda: True)
    assert account.left() == {"one": "0"}


@pytest.mark.parametrize("row", of_kind("balance_steps"))
def test_a_balance_follows_each_step(row: dict[str, Any]) -> None:
    at = factories.START
    account = Account(at)
    for step in row["steps"]:
        if step["op"] == "grant":
            account.grant({"id": "one", "amount": step["credits"]}, at=at)
        elif step["op"] == "use":
            account.use(step["credits"], at=at)
        else:
            account.revoke("one", at=at, amount=Money.parse(step["credits"], "USD"))
        assert account.left() == {"one": step["expected_balance"]}
    assert account.left() == {"one": row["expected_balance"]}


def test_the_statements_about_revoking_hold() -> None:
    """cr-openmeter-034, 035, 036: used up and expired are refused; twice takes nothing more."""
    assert {row["id"] for row in ROWS if row["kind"] == "behaviour"} == {
        f"cr-openmeter-{number:03d}" for number in (34, 35, 36)
    }
    at = factories.START
    account = Account(at)
    account.grant({"id": "used", "amount": "40.00"}, at=at)
    account.use("40.00", at=at)
    with pytest.raises(ConflictError, match="used up"):
        account.revoke("used", at=at)
    end = at + timedelta(days=1)
    account.grant({"id": "old", "amount": "40.00", "expires_at": end.isoformat()}, at=at)
    with pytest.raises(GrantEndedError, match="expired"):
        account.revoke("old", at=end)
    account.grant({"id": "twice", "amount": "40.00"}, at=at)
    assert account.revoke("twice", at=at) == Money(4000, "USD")
    before = wallet_transfers(account.wallet).count()
    assert account.revoke("twice", at=at) == Money(0, "USD")
    assert wallet_transfers(account.wallet).count() == before
