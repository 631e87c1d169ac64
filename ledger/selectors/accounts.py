"""Accounts, found by their natural keys."""

from collections.abc import Collection

from django.db.models import QuerySet

from ledger.models import Account
from ledger.templates import AccountKey
from neruba.models import Project


def accounts_of(project: Project, *, party: str | None = None) -> QuerySet[Account]:
    """The project's accounts, or those of one customer."""
    rows = Account.objects.filter(project=project)
    return rows if party is None else rows.filter(party=party)


def accounts_by_key(project: Project, keys: Collection[AccountKey]) -> dict[AccountKey, int]:
    """The ids of those of these accounts that exist; one query for any number of keys."""
    if not keys:
        return {}
    rows = accounts_of(project).filter(
        code__in={key.code for key in keys},
        currency__in={key.currency for key in keys},
        party__in={key.party for key in keys},
        sub__in={key.sub for key in keys},
    )
    wanted = set(keys)
    return {
        key: pk
        for pk, *columns in rows.order_by().values_list("pk", *AccountKey._fields)
        if (key := AccountKey(*columns)) in wanted
    }
