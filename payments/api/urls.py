"""Endpoints of payments."""

from django.urls import path

from payments.api.payments import InvoiceRecover, PaymentDetail, PaymentList

urlpatterns = [
    path("invoices/<str:public_id>/recover", InvoiceRecover.as_view()),
    path("payments", PaymentList.as_view()),
    path("payments/<str:public_id>", PaymentDetail.as_view()),
]
