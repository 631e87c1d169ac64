"""Who may call: operators and API keys."""

from collections.abc import Iterable
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser, UserManager
from django.db import models

from neruba.fields import IdentifierField
from neruba.models.project import Project
from neruba.roles import is_of_platform


class OperatorManager(UserManager["User"]):
    """Operators are named by their e-mail address, kept in lower case."""

    def _operator(self, email: str, password: str | None, **fields: Any) -> "User":
        user: User = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_user(  # type: ignore[override]
        self, email: str, password: str | None = None, **fields: Any
    ) -> "User":
        return self._operator(email, password, **fields)

    def create_superuser(  # type: ignore[override]
        self, email: str, password: str | None = None, **fields: Any
    ) -> "User":
        return self._operator(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=(username or "").strip().lower())


class User(AbstractUser):
    """A person who operates Neruba, across the projects of their memberships."""

    username = None  # type: ignore[assignment]
    email = IdentifierField(unique=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects: ClassVar[OperatorManager] = OperatorManager()

    class Meta:
        verbose_name = "operator"

    def __str__(self) -> str:
        return self.email

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        """Where they stand as a member, a superuser has the rights of their role, as everybody; the
        installation is theirs all the same. `place` is what the console found for this request.
        """
        place: Any = getattr(self, "place", None)
        if self.is_superuser and place is not None and place.role and not is_of_platform(perm):
            return self.is_active and perm in place.permissions
        return super().has_perm(perm, obj)


SCOPES: dict[str, str] = {
    "usage:write": "send events, charges and backfills",
    "usage:read": "read usage and entitlements",
    "billing:read": "read everything else",
    "billing:write": "catalogue, customers, subscriptions, runs, invoices, credit notes",
    "credits:write": "wallets and grants",
    "payments:write": "payments, checkout and refunds",
    "ledger:read": "read the ledger",
    "admin": "keys, members, settings, clock; includes all the others",
}


class ApiKey(models.Model):
    """A credential of a service, bound to one project. The secret is shown once and stored only as
    a hash.
    """

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="api_keys")
    name = models.CharField(max_length=200)
    prefix = IdentifierField(max_length=16, unique=True)
    secret_hash = models.CharField(max_length=64)
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    rotated_to = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        verbose_name = "API key"
        ordering = ["-id"]
        indexes = [models.Index(fields=["project", "id"], name="neruba_api_key_list")]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    def allows(self, scopes: Iterable[str]) -> bool:
        """Whether one of `scopes` is held; `admin` includes all."""
        return "admin" in self.scopes or any(scope in self.scopes for scope in scopes)
