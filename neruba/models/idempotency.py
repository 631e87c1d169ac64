"""Answers kept for repeats of a request."""

from django.db import models

from neruba.fields import IdentifierField
from neruba.models.project import Project


class IdempotencyRecord(models.Model):
    """The answer to a request with an `Idempotency-Key`, stored in the transaction of
    its effect.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    key = IdentifierField()
    request_hash = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(default=0)
    body = models.TextField(default="")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "key"], name="neruba_idempotency_key")
        ]
        indexes = [models.Index(fields=["created_at"], name="neruba_idempotency_age")]

    def __str__(self) -> str:
        return self.key
