"""The only row locks of the platform; global order: lease, message, key, project, customer."""

from neruba.models import ApiKey, Customer, Lease, OutboxMessage, Project


def lock_lease(project: Project, name: str) -> Lease | None:
    """The lease of this name as it stands now, or None."""
    return Lease.objects.select_for_update().filter(project=project, name=name).first()


def lock_message(pk: int) -> OutboxMessage | None:
    """The message as it stands now, or None."""
    return OutboxMessage.objects.select_for_update().filter(pk=pk).first()


def lock_api_key(project: Project, prefix: str) -> ApiKey | None:
    """The project's key of this prefix as it stands now, or None."""
    return ApiKey.objects.select_for_update().filter(project=project, prefix=prefix).first()


def lock_project(project: Project) -> Project:
    """The project as it stands now."""
    return Project.objects.select_for_update().get(pk=project.pk)


def lock_customer(customer: Customer) -> Customer:
    """The customer as it stands now."""
    return Customer.objects.select_for_update().get(pk=customer.pk)
