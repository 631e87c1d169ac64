"""Billing: see README.md beside this file."""

from django.apps import AppConfig


class BillingConfig(AppConfig):
    name = "billing"

    def ready(self) -> None:
        from billing.execution import bill_to
        from billing.gauges import billing_gauges
        from billing.selectors.names import names_of_invoices
        from billing.selectors.retention import needs_of_billing
        from billing.selectors.runs import next_due
        from billing.selectors.usage_traces import (
            billed_for_good,
            corrections_of_event,
            lines_of_event,
        )
        from billing.services.asking import KINDS
        from billing.services.late import note_late_usage
        from ingest.news import register_reader
        from ingest.selectors.retention import register_need
        from ingest.selectors.trace import register_finality, register_tracer
        from ledger.documents import register_namer
        from neruba.approvals import register_kind
        from neruba.due import DueKind, register
        from neruba.ops.gauges import register_gauges

        register(DueKind("billing", next_due, bill_to))
        register_tracer("invoice_lines", lines_of_event)
        register_tracer("corrections", corrections_of_event)
        register_finality(billed_for_good)
        register_need(needs_of_billing)
        register_reader(note_late_usage)
        register_gauges(billing_gauges)
        register_namer(names_of_invoices)
        for kind in KINDS:
            register_kind(kind)
