"""The locks of the ledger; global order: customer, grant, last of all accounts, by pk."""

from collections.abc import Collection

from ledger.models import Account, Grant


def accounts_with_floor(pks: Collection[int]) -> list[Account]:
    """Lock those that keep a balance, and read it; shared accounts keep none and stay unlocked."""
    rows = Account.objects.filter(pk__in=pks, balance_minor__isnull=False)
    return list(rows.select_for_update().order_by("pk")) if pks else []


def lock_grant(pk: int) -> Grant:
    """The grant as it stands now, with wallet and customer; its customer is locked before."""
    Grant.objects.select_for_update().get(pk=pk)
    return Grant.objects.select_related("project", "wallet__customer").get(pk=pk)
