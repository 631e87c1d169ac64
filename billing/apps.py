"""Billing: see README.md beside this file."""

from datetime import datetime

from django.apps import AppConfig


class BillingConfig(AppConfig):
    name = "billing"

    def ready(self) -> None:
        from billing.models import BillingRun
        from billing.selectors.runs import next_due
        from billing.selectors.usage_traces import (
            billed_for_good,
            corrections_of_event,
            lines_of_event,
        )
        from billing.services.late import note_late_usage
        from billing.services.runs import create_run, execute_run
        from ingest.news import register_reader
        from ingest.selectors.trace import register_finality, register_tracer
        from neruba.actor import SYSTEM
        from neruba.due import DueKind, register
        from neruba.models import Project

        def bill(project: Project, at: datetime) -> None:
            run = create_run(
                project=project,
                as_of=at,
                customers=None,
                dry_run=False,
                trigger=BillingRun.Trigger.CLOCK,
                actor=SYSTEM,
                at=at,
            )
            execute_run(run, at=at)

        register(DueKind("billing", next_due, bill))
        register_tracer("invoice_lines", lines_of_event)
        register_tracer("corrections", corrections_of_event)
        register_finality(billed_for_good)
        register_reader(note_late_usage)
