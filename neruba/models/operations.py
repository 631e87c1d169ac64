"""What processes leave for operators to see. Belongs to no project; times are wall times."""

from django.db import models

from neruba.fields import IdentifierField


class Heartbeat(models.Model):
    """The last sign of life of something that must not be silent."""

    name = IdentifierField(max_length=64, unique=True)
    at = models.DateTimeField()
    owner = models.CharField(max_length=255, help_text="Host and process.")

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class InvariantCheck(models.Model):
    """What the last look at something that must always be true came to."""

    name = IdentifierField(max_length=64, unique=True)
    at = models.DateTimeField()
    checked = models.PositiveIntegerField(help_text="Things that were looked at.")
    violations = models.PositiveIntegerField()
    detail = models.TextField(blank=True, help_text="The first of them, a line each.")

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
