"""Endpoints of payments."""

from django.urls import path

from payments.api.checkout import CheckoutDetail, CheckoutList
from payments.api.credit_packs import PackList
from payments.api.disputes import DisputeList
from payments.api.payments import InvoiceRecover, PaymentDetail, PaymentList
from payments.api.refunds import PaymentRefunds, RefundList

urlpatterns = [
    path("checkout-sessions", CheckoutList.as_view()),
    path("checkout-sessions/<str:public_id>", CheckoutDetail.as_view()),
    path("credit-packs", PackList.as_view()),
    path("disputes", DisputeList.as_view()),
    path("invoices/<str:public_id>/recover", InvoiceRecover.as_view()),
    path("payments", PaymentList.as_view()),
    path("payments/<str:public_id>", PaymentDetail.as_view()),
    path("payments/<str:public_id>/refunds", PaymentRefunds.as_view()),
    path("refunds", RefundList.as_view()),
]
