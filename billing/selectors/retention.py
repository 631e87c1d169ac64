"""What billing still needs raw events for."""

from collections.abc import Iterator
from datetime import datetime
from itertools import count

from django.db.models import F, QuerySet

from billing.models import Invoice, LateUsage, Period, Subscription
from billing.selectors.timelines import timelines_of
from neruba.models import Project
from neruba.period import rfc3339

AT_ONCE = 1000


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
        subscription__due_at__lte=F("end"),
    )
    period = _first_with_usage(project, running)
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


def _first_with_usage(project: Project, running: QuerySet[Period]) -> Period | None:
    """The oldest of these periods, but for those of a rhythm that has nothing but fees beside one
    that is finer: a fee paid for a year needs no events of that year.
    """
    rows = running.select_related("subscription").order_by("start", "pk")
    for first in count(0, AT_ONCE):
        some = list(rows[first : first + AT_ONCE])
        timelines = timelines_of(project, {row.subscription_id for row in some})
        for row in some:
            timeline = timelines[row.subscription_id]
            is_finest = row.rhythm == timeline.stretch_of(row.number).terms.boundary_rhythm.code
            if is_finest or timeline.meters_by_rhythm.get(row.rhythm):
                return row
        if len(some) < AT_ONCE:
            break
    return None
