"""Checkout sessions that are open."""

from neruba.models import Project
from payments.models import CheckoutSession


def projects_with_open_sessions() -> list[Project]:
    """Projects in which somebody may be paying right now."""
    rows = CheckoutSession.objects.filter(state=CheckoutSession.State.OPEN)
    return list(Project.objects.filter(pk__in=rows.order_by().values("project")).order_by("pk"))
