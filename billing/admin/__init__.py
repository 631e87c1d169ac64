"""Billing as operators see it: all of it read-only."""

from billing.admin.adjustment import InvoiceDiscountAdmin, InvoiceTaxAdmin
from billing.admin.catalog import PlanAdmin, PlanVersionAdmin, PriceAdmin
from billing.admin.charge import ChargeAdmin
from billing.admin.coupon import CouponAdmin, RedemptionAdmin
from billing.admin.credit_note import CreditNoteAdmin
from billing.admin.invoice import InvoiceAdmin, InvoiceLineAdmin, InvoicePartyAdmin
from billing.admin.late_usage import LateUsageAdmin
from billing.admin.run import BillingRunAdmin, NumberSeriesAdmin
from billing.admin.run_item import RunChunkAdmin, RunItemAdmin
from billing.admin.subscription import PeriodAdmin, SubscriptionAdmin, SubscriptionChangeAdmin

__all__ = [
    "BillingRunAdmin",
    "ChargeAdmin",
    "CouponAdmin",
    "CreditNoteAdmin",
    "InvoiceAdmin",
    "InvoiceDiscountAdmin",
    "InvoiceLineAdmin",
    "InvoicePartyAdmin",
    "InvoiceTaxAdmin",
    "LateUsageAdmin",
    "NumberSeriesAdmin",
    "PeriodAdmin",
    "PlanAdmin",
    "PlanVersionAdmin",
    "PriceAdmin",
    "RedemptionAdmin",
    "RunChunkAdmin",
    "RunItemAdmin",
    "SubscriptionAdmin",
    "SubscriptionChangeAdmin",
]
