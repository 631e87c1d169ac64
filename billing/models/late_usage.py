"""What came after the document of its period."""

from django.db import models

from billing.models.subscription import Period
from neruba.models import Project


class LateUsage(models.Model):
    """Usage of this period changed after its end was billed: the next document of the subscription
    looks at it again.

    Written under the customer's lock, by `billing.services.late` alone. `last_*` is
    how far the order of arrival had come when it was written: a document whose bound is not below
    them has seen all that it tells of.
    """

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+")
    period = models.OneToOneField(Period, on_delete=models.PROTECT, related_name="late_usage")
    last_event = models.BigIntegerField()
    last_retraction = models.BigIntegerField()
    due_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="When the next document may take it.",
    )
    recorded_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "late usage"
        indexes = [models.Index(fields=["project", "due_at"], name="billing_late_due")]

    def __str__(self) -> str:
        return str(self.period)
