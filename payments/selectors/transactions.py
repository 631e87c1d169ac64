"""What was fetched of the provider's account, and what is to be fetched."""

from datetime import datetime, timedelta

from django.db.models import Max, Sum

from neruba.models import Project, ProjectSecret
from payments.models import PayoutTransaction, ProviderTransaction

# Booked late, or listed late: looked at once more.
OVERLAP = timedelta(days=2)
# The first fetch of a project.
FIRST = timedelta(days=35)


def projects_at_provider() -> list[Project]:
    """Projects that have an account at the provider."""
    rows = ProjectSecret.objects.filter(name=ProjectSecret.Name.STRIPE_API_KEY)
    return list(Project.objects.filter(pk__in=rows.values("project")).order_by("pk"))


def fetch_from(project: Project, wall: datetime) -> datetime:
    """From when on transactions are to be fetched, to miss none after the last one that is kept."""
    last = _mine(project)["created"]
    return wall - FIRST if last is None else last - OVERLAP


def fetched_to(project: Project) -> datetime | None:
    """When transactions were last fetched that were new, in real time; None: never."""
    return _mine(project)["fetched"]


def _mine(project: Project) -> dict[str, datetime | None]:
    rows = ProviderTransaction.objects.filter(project=project)
    return rows.aggregate(created=Max("created_at"), fetched=Max("fetched_at"))


def odd_payouts(project: Project, *, since: datetime, to: datetime) -> list[tuple[str, str, int]]:
    """Payouts begun from `since` up to and without `to` whose transactions, their own row among
    them, do not add up to zero: payout, currency, by how many minor units.
    """
    begun = PayoutTransaction.objects.filter(
        project=project,
        transaction__type="payout",
        transaction__created_at__gte=since,
        transaction__created_at__lt=to,
    )
    rows = PayoutTransaction.objects.filter(project=project, payout__in=begun.values("payout"))
    grouped = rows.order_by("payout").values_list("payout", "transaction__currency")
    sums = grouped.annotate(total=Sum("transaction__net_minor")).exclude(total=0)
    return [(payout, currency, total) for payout, currency, total in sums]
