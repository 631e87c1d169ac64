"""Tax rates and coupons of a sandbox's customer, and what must hold of all its invoices."""

from typing import Any

from ledger.selectors.balances import trial_balance
from ledger.selectors.verify import book_differences
from tests.billing.sandbox import Sandbox


def taxed(
    sandbox: Sandbox,
    percent: str = "20",
    *,
    code: str = "vat",
    customer: str = "acme",
    exempt: str = "none",
    **more: Any,
) -> None:
    """Make a tax rate that the customer carries beside what they carry already."""
    body = {"code": code, "name": code.upper(), "rate_percent": percent, **more}
    sandbox.post("/tax-rates", body)
    before = sandbox.get(f"/customers/{customer}")["tax_rates"]
    change = {"tax_rates": [*before, code], "tax_exempt": exempt}
    sandbox.call("PATCH", f"/customers/{customer}", change, status=200)


def redeemed(sandbox: Sandbox, code: str, *, customer: str = "acme", **coupon: Any) -> None:
    """Make a coupon, forever unless it says otherwise, and redeem it."""
    sandbox.post("/coupons", {"code": code, "duration": "forever", **coupon})
    sandbox.post(f"/customers/{customer}/coupons", {"code": code})


def verified(sandbox: Sandbox) -> list[Any]:
    """All invoices, each rebuilt from raw usage and found the same; the books hold."""
    found = sandbox.invoices()
    for invoice in found:
        if invoice["status"] != "draft":
            verdict = sandbox.post(f"/invoices/{invoice['id']}/verify", {}, 200)
            assert verdict["differences"] == []
            assert verdict["matches"]
    assert list(book_differences(sandbox.project)) == []
    return found


def books(sandbox: Sandbox) -> dict[str, int]:
    """The balances of the project's accounts by code, in minor units; none that is zero."""
    rows = trial_balance(sandbox.project)
    return {row.account.code: row.balance_minor for row in rows if row.balance_minor}


def sums(invoice: Any) -> tuple[str, ...]:
    """Subtotal, discounts, tax and total."""
    names = ("subtotal", "discount_total", "tax_total", "total")
    return tuple(invoice[name] for name in names)
