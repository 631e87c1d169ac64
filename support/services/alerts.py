"""Telling operators by mail of what waits for a person."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.mail import send_mail

from billing.models import BillingRun
from neruba.models import Project


def mail_parked_customers(project: Project, news: Mapping[str, Any]) -> None:
    """Say that a run has ended with parked customers, and where their causes are; nothing of runs
    that went well. `news` is that of `billing_run.completed`.

    Mail may be sent twice: it cannot be sent in the transaction that notes it as sent.
    """
    if not news["failed"]:
        return
    run = BillingRun.objects.get(project=project, public_id=news["run"])
    documents = "1 document waits" if news["failed"] == 1 else f"{news['failed']} documents wait"
    send_mail(
        subject=f"[Neruba] {project.slug}: billing run {run.public_id} parked customers",
        message=(
            f"A billing run of {project.name} as of {run.as_of:%Y-%m-%d %H:%M} UTC is completed. "
            f"Some customers could not be billed, {documents}; everybody else is billed.\n\n"
            "Console: Billing runs, the run, Parked customers: the cause of each, and a button to "
            "try again.\n"
            f"API: GET /api/v1/billing-runs/{run.public_id}/items?status=failed\n"
        ),
        from_email=None,
        recipient_list=settings.ALERTS_TO,
    )
