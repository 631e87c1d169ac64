"""Credentials of other systems, which a project hands to Neruba."""

from django.db import models

from neruba.models.project import Project


class ProjectSecret(models.Model):
    """One credential, encrypted. Its value is written and used, and shown to nobody."""

    class Name(models.TextChoices):
        STRIPE_API_KEY = "stripe_api_key", "Stripe: API key"
        STRIPE_WEBHOOK_SECRET = "stripe_webhook_secret", "Stripe: signing secret of the webhook"

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+", db_index=False)
    name = models.CharField(max_length=64, choices=Name.choices)
    ciphertext = models.TextField()
    ending = models.CharField(
        max_length=4, blank=True, help_text="The last characters, to tell one value from another."
    )
    set_at = models.DateTimeField(help_text="The real time.")
    set_by = models.CharField(max_length=255)

    class Meta:
        verbose_name = "secret"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["project", "name"], name="neruba_project_secret")
        ]

    def __str__(self) -> str:
        return self.name
