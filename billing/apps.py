"""Billing: see README.md beside this file."""

from datetime import datetime

from django.apps import AppConfig


class BillingConfig(AppConfig):
    name = "billing"

    def ready(self) -> None:
        from billing.models import BillingRun
        from billing.selectors.runs import next_due
        from billing.services.runs import create_run, execute_run
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
