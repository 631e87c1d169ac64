"""Endpoints of this app."""

from django.urls import path

from ledger.api.export import LedgerExport
from ledger.api.views import (
    AccountEntryList,
    AccountList,
    CustomerBalanceView,
    TransactionDetail,
    TrialBalanceView,
)

urlpatterns = [
    path("ledger/accounts", AccountList.as_view()),
    path("ledger/accounts/<str:account_id>/entries", AccountEntryList.as_view()),
    path("ledger/transactions/<str:transaction_id>", TransactionDetail.as_view()),
    path("ledger/export", LedgerExport.as_view()),
    path("ledger/trial-balance", TrialBalanceView.as_view()),
    path("customers/<str:external_id>/balance", CustomerBalanceView.as_view()),
]
