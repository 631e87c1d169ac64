"""The catalogue, subscriptions and their periods, charges, runs, invoices."""

from billing.models.adjustment import InvoiceDiscount, InvoiceTax
from billing.models.catalog import Plan, PlanVersion, Price
from billing.models.charge import Charge
from billing.models.coupon import Coupon, Redemption
from billing.models.credit_note import CreditNote, CreditNoteLine
from billing.models.invoice import Invoice, InvoiceLine, InvoiceParty, NumberSeries
from billing.models.late_usage import LateUsage
from billing.models.run import BillingRun, RunChunk, RunItem
from billing.models.subscription import Period, Subscription, SubscriptionChange

__all__ = [
    "BillingRun",
    "Charge",
    "Coupon",
    "CreditNote",
    "CreditNoteLine",
    "Invoice",
    "InvoiceDiscount",
    "InvoiceLine",
    "InvoiceParty",
    "InvoiceTax",
    "LateUsage",
    "NumberSeries",
    "Period",
    "Plan",
    "PlanVersion",
    "Price",
    "Redemption",
    "RunChunk",
    "RunItem",
    "Subscription",
    "SubscriptionChange",
]
