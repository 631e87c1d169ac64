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
from ledger.api.wallets import (
    CustomerAdjustments,
    GrantDetail,
    GrantRevoke,
    WalletDetail,
    WalletEntries,
    WalletGrants,
    WalletList,
)

urlpatterns = [
    path("ledger/accounts", AccountList.as_view()),
    path("ledger/accounts/<str:account_id>/entries", AccountEntryList.as_view()),
    path("ledger/transactions/<str:transaction_id>", TransactionDetail.as_view()),
    path("ledger/export", LedgerExport.as_view()),
    path("ledger/trial-balance", TrialBalanceView.as_view()),
    path("customers/<str:external_id>/balance", CustomerBalanceView.as_view()),
    path("customers/<str:external_id>/adjustments", CustomerAdjustments.as_view()),
    path("wallets", WalletList.as_view()),
    path("wallets/<str:public_id>", WalletDetail.as_view()),
    path("wallets/<str:public_id>/grants", WalletGrants.as_view()),
    path("wallets/<str:public_id>/entries", WalletEntries.as_view()),
    path("grants/<str:public_id>", GrantDetail.as_view()),
    path("grants/<str:public_id>/revoke", GrantRevoke.as_view()),
]
