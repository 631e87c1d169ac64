"""The only row locks of payments; global order: works of events, customer, payment, session,
accounts.
"""

from datetime import datetime

from django.db.models import Q

from neruba.models import Project
from payments.models import CheckoutSession, Payment, ProviderEventWork


def lock_payment(pk: int) -> Payment:
    """The payment as it stands now, with project and customer; its customer is locked before."""
    Payment.objects.select_for_update().get(pk=pk)
    return Payment.objects.select_related("project", "customer__project").get(pk=pk)


def lock_due_works(project: Project, subject: str, at: datetime) -> list[ProviderEventWork]:
    """The waiting events of a subject that are due at the wall time `at`, as they stand now."""
    rows = ProviderEventWork.objects.select_for_update().filter(
        Q(due_at=None) | Q(due_at__lte=at),
        project=project,
        subject=subject,
        state=ProviderEventWork.State.WAITING,
    )
    return list(rows.order_by("pk"))


def lock_work(pk: int) -> ProviderEventWork:
    """The event's work as it stands now."""
    ProviderEventWork.objects.select_for_update().get(pk=pk)
    return ProviderEventWork.objects.select_related("project", "event").get(pk=pk)


def lock_session(project: Project, provider_id: str) -> CheckoutSession | None:
    """The checkout session of the provider's name as it stands now, or None."""
    rows = CheckoutSession.objects.select_for_update()
    return rows.filter(project=project, provider_id=provider_id).first()
