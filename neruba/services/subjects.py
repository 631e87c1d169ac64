"""Subjects: made when usage names them."""

from collections.abc import Collection

from django.db import IntegrityError, connection, transaction

from neruba.models import Customer, Project, Subject

NAMES_A_QUERY = 500
LOOK_UP = (
    f"SELECT external_id, id FROM {Subject._meta.db_table} "  # noqa: S608
    "WHERE project_id = %s AND external_id IN"
)


def subject_ids(*, project: Project, external_ids: Collection[str]) -> dict[str, int]:
    """The ids of the subjects with these names; those that are missing are made, as the customer's
    where one exists.

    A rival that makes the same subject is waited for. Call inside a transaction.
    """
    names = sorted(set(external_ids))
    found = _existing(project, names)
    while missing := [name for name in names if name not in found]:
        try:
            with transaction.atomic():
                _make(project, missing)
        except IntegrityError:
            before, found = found, _existing(project, names)
            if before == found:
                raise
        else:
            found = _existing(project, names)
    return found


def _existing(project: Project, names: list[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    # Not through the ORM, which prepares each of the names on its own.
    with connection.cursor() as cursor:
        for first in range(0, len(names), NAMES_A_QUERY):
            part = names[first : first + NAMES_A_QUERY]
            marks = ", ".join(["%s"] * len(part))
            cursor.execute(f"{LOOK_UP} ({marks})", [project.pk, *part])
            found.update(cursor.fetchall())
    return found


def _make(project: Project, names: list[str]) -> None:
    for first in range(0, len(names), NAMES_A_QUERY):
        part = names[first : first + NAMES_A_QUERY]
        rows = Customer.objects.filter(project=project, external_id__in=part)
        customers = dict(rows.values_list("external_id", "id"))
        Subject.objects.bulk_create(
            Subject(project=project, external_id=name, customer_id=customers.get(name))
            for name in part
        )
