"""Pages of the console that are about no single row."""

from django.contrib import admin
from django.urls import path

from support.admin.finance.ageing import AgeingReport
from support.admin.finance.ledger_export import LedgerExportPage
from support.admin.finance.reconciliation import ReconciliationReport
from support.admin.finance.trial_balance import TrialBalanceReport

wrapped = admin.site.admin_view

urlpatterns = [
    path("trial-balance/", wrapped(TrialBalanceReport.as_view()), name="trial_balance"),
    path("receivables-ageing/", wrapped(AgeingReport.as_view()), name="receivables_ageing"),
    path("reconciliation/", wrapped(ReconciliationReport.as_view()), name="reconciliation"),
    path("ledger-export/", wrapped(LedgerExportPage.as_view()), name="ledger_export"),
]
