"""The only row locks of the platform; global order: key, project, customer."""

from neruba.models import ApiKey, Customer, Project


def lock_api_key(project: Project, prefix: str) -> ApiKey | None:
    """The project's key of this prefix as it stands now, or None."""
    return ApiKey.objects.select_for_update().filter(project=project, prefix=prefix).first()


def lock_project(project: Project) -> Project:
    """The project as it stands now."""
    return Project.objects.select_for_update().get(pk=project.pk)


def lock_customer(customer: Customer) -> Customer:
    """The customer as it stands now."""
    return Customer.objects.select_for_update().get(pk=customer.pk)
