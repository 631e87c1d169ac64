"""Endpoints of billing."""

from django.urls import path

from billing.api.catalog import PlanDetail, PlanDiff, PlanList
from billing.api.changes import (
    SubscriptionChangeDetail,
    SubscriptionChangePreview,
    SubscriptionChanges,
    SubscriptionTimeline,
)
from billing.api.charges import ChargeList
from billing.api.comparisons import InvoiceCompare
from billing.api.coupons import CouponDetail, CouponList, CustomerCoupon, CustomerCoupons
from billing.api.credit_notes import CreditNoteDetail, CreditNoteList, CreditNoteVoid
from billing.api.entitlements import CustomerEntitlements
from billing.api.erasure import CustomerErase
from billing.api.explanations import InvoiceExplain
from billing.api.invoice_acts import InvoiceVoid, InvoiceWriteOff
from billing.api.invoices import (
    InvoiceApplyCredits,
    InvoiceDetail,
    InvoiceList,
    InvoicePreview,
    InvoiceVerify,
)
from billing.api.prorating import ProrateCalculator
from billing.api.rating import RateCalculator
from billing.api.reports import ReceivablesAgeing
from billing.api.runs import RunDetail, RunItems, RunList, RunRepeat, RunRetry
from billing.api.subscriptions import SubscriptionDetail, SubscriptionList, SubscriptionPeriods
from billing.api.what_if import PlanWhatIf

urlpatterns = [
    path("customers/<str:external_id>/erase", CustomerErase.as_view()),
    path("customers/<str:external_id>/coupons", CustomerCoupons.as_view()),
    path("customers/<str:external_id>/coupons/<str:code>", CustomerCoupon.as_view()),
    path("customers/<str:external_id>/entitlements", CustomerEntitlements.as_view()),
    path("coupons", CouponList.as_view()),
    path("coupons/<str:code>", CouponDetail.as_view()),
    path("plans", PlanList.as_view()),
    path("plans/<str:code>", PlanDetail.as_view()),
    path("plans/<str:code>/what-if", PlanWhatIf.as_view()),
    path("rate", RateCalculator.as_view()),
    path("prorate", ProrateCalculator.as_view()),
    path("plans/<str:code>/diff", PlanDiff.as_view()),
    path("subscriptions", SubscriptionList.as_view()),
    path("subscriptions/<str:external_id>", SubscriptionDetail.as_view()),
    path("subscriptions/<str:external_id>/changes", SubscriptionChanges.as_view()),
    path("subscriptions/<str:external_id>/changes/preview", SubscriptionChangePreview.as_view()),
    path(
        "subscriptions/<str:external_id>/changes/<str:change_id>",
        SubscriptionChangeDetail.as_view(),
    ),
    path("subscriptions/<str:external_id>/timeline", SubscriptionTimeline.as_view()),
    path("subscriptions/<str:external_id>/periods", SubscriptionPeriods.as_view()),
    path("charges", ChargeList.as_view()),
    path("billing-runs", RunList.as_view()),
    path("billing-runs/<str:public_id>", RunDetail.as_view()),
    path("billing-runs/<str:public_id>/items", RunItems.as_view()),
    path("billing-runs/<str:public_id>/retry", RunRetry.as_view()),
    path("billing-runs/<str:public_id>/repeat", RunRepeat.as_view()),
    path("reports/receivables-ageing", ReceivablesAgeing.as_view()),
    path("invoices", InvoiceList.as_view()),
    path("invoices/preview", InvoicePreview.as_view()),
    path("invoices/<str:public_id>", InvoiceDetail.as_view()),
    path("invoices/<str:public_id>/explain", InvoiceExplain.as_view()),
    path("invoices/<str:public_id>/compare", InvoiceCompare.as_view()),
    path("invoices/<str:public_id>/verify", InvoiceVerify.as_view()),
    path("invoices/<str:public_id>/apply-credits", InvoiceApplyCredits.as_view()),
    path("invoices/<str:public_id>/void", InvoiceVoid.as_view()),
    path("invoices/<str:public_id>/write-off", InvoiceWriteOff.as_view()),
    path("credit-notes", CreditNoteList.as_view()),
    path("credit-notes/<str:public_id>", CreditNoteDetail.as_view()),
    path("credit-notes/<str:public_id>/void", CreditNoteVoid.as_view()),
]
