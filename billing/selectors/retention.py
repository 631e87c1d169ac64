"""What billing still needs raw events for."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import F

from billing.models import Invoice, LateUsage, Period, Subscription
from neruba.models import Project
from neruba.period import rfc3339


def needs_of_billing(project: Project, before: datetime) -> Iterator[str]:
    """In words, what is not billed for good of the time before `before`, the oldest of each kind.

    Late usage that no document can take (docs/late-usage.md) waits for ever, and holds nothing
    back: it is read from the archive.
    """
    drafts = Invoice.objects.filter(
        project=project, status=Invoice.Status.DRAFT, period_start__lt=before
    )
    draft = drafts.select_related("subscription").order_by("period_start").first()
    if draft is not None:
        yield f"{draft} of {draft.subscription or draft.customer} is not finalised"
    running = Period.objects.filter(
        project=project,
        start__lt=before,
        subscription__next_boundary__lte=F("number") + 1,
        subscription__due_at__isnull=False,
    )
    period = running.select_related("subscription").order_by("start", "pk").first()
    if period is not None:
        yield (
            f"the period of subscription {period.subscription.external_id!r} from "
            f"{rfc3339(period.start)} to {rfc3339(period.end)} is not billed"
        )
    unbilled = Subscription.objects.filter(project=project, due_at__lt=before)
    subscription = unbilled.order_by("due_at", "pk").first()
    if subscription is not None and subscription.due_at is not None:
        yield (
            f"the boundary of subscription {subscription.external_id!r} at "
            f"{rfc3339(subscription.due_at)} is not billed"
        )
    late = LateUsage.objects.filter(project=project, due_at__isnull=False, period__start__lt=before)
    noted = late.select_related("period__subscription").order_by("period__start").first()
    if noted is not None:
        yield (
            f"late usage of subscription {noted.period.subscription.external_id!r}, period from "
            f"{rfc3339(noted.period.start)}, is not billed"
        )
