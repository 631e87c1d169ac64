"""The only row locks of the platform; global order: lease, message, key, project (its members),
invite, approval, secret, customer.
"""

from django.db.models import Q

from neruba.models import (
    ApiKey,
    Approval,
    Customer,
    Invite,
    Lease,
    Membership,
    OutboxMessage,
    Project,
    ProjectSecret,
    User,
)


def lock_lease(project: Project, name: str) -> Lease | None:
    """The lease of this name as it stands now, or None."""
    return Lease.objects.select_for_update().filter(project=project, name=name).first()


def lock_message(pk: int) -> OutboxMessage | None:
    """The message as it stands now, or None."""
    return OutboxMessage.objects.select_for_update().filter(pk=pk).first()


def lock_api_key(project: Project, prefix: str) -> ApiKey | None:
    """The project's key of this prefix as it stands now, or None."""
    return ApiKey.objects.select_for_update().filter(project=project, prefix=prefix).first()


def lock_invite(pk: int) -> Invite | None:
    """The invite as it stands now, or None."""
    return Invite.objects.select_for_update().filter(pk=pk).first()


def lock_approval(pk: int) -> Approval:
    """The approval as it stands now."""
    return Approval.objects.select_for_update().get(pk=pk)


def lock_memberships(project: Project) -> list[Membership]:
    """All members of the project as they stand now; its own row is the lock, for new ones too."""
    lock_project(project)
    rows = Membership.objects.filter(project=project).order_by("pk")
    return list(rows.select_related("user", "project"))


def lock_operators(pk: int) -> list[User]:
    """The operator and all superusers as they stand now, by pk."""
    rows = User.objects.select_for_update().filter(Q(pk=pk) | Q(is_superuser=True))
    return list(rows.order_by("pk"))


def lock_project(project: Project) -> Project:
    """The project as it stands now."""
    return Project.objects.select_for_update().get(pk=project.pk)


def lock_secret(project: Project, name: str) -> ProjectSecret | None:
    """The project's secret of this name as it stands now, or None."""
    return ProjectSecret.objects.select_for_update().filter(project=project, name=name).first()


def lock_customer(customer: Customer) -> Customer:
    """The customer as it stands now."""
    return Customer.objects.select_for_update().get(pk=customer.pk)
