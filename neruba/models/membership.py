"""Who operates which project, and as what."""

from django.conf import settings
from django.db import models

from neruba.fields import IdentifierField
from neruba.models.access import User
from neruba.models.project import Project
from neruba.roles import Role

ROLE_CHOICES = [(role.value, role.value) for role in Role]


class Membership(models.Model):
    """An operator's role in a project. The row goes when the operator leaves; the audit stays."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="memberships")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="memberships"
    )
    role = models.CharField(max_length=16, choices=ROLE_CHOICES)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["project", "user"], name="neruba_membership_of")
        ]

    def __str__(self) -> str:
        return f"{self.user.email} ({self.role})"


class Invite(models.Model):
    """An offer of a role to an e-mail address, taken once with a token that expires.

    The token is shown once and stored only as a hash. All times are wall times.
    """

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="invites")
    public_id = IdentifierField(max_length=32, unique=True)
    email = IdentifierField()
    role = models.CharField(max_length=16, choices=ROLE_CHOICES)
    token_hash = models.CharField(max_length=64, unique=True)
    invited_by = models.CharField(max_length=255)
    inviter_kind = models.CharField(max_length=16, help_text="Of actor, as in the audit history.")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["project", "id"], name="neruba_invite_list")]

    def __str__(self) -> str:
        return f"{self.email} ({self.role})"


class OperatorToken(models.Model):
    """A bearer token of an operator for the API; ends by time, by revocation, and with the
    password that it was got by. Stored only as a hash; all times are wall times.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tokens")
    prefix = IdentifierField(max_length=16, unique=True)
    secret_hash = models.CharField(max_length=64)
    password_hash = models.CharField(
        max_length=64, help_text="Of the password's own hash, as it stood at the login."
    )
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.user.email} ({self.prefix}…)"
