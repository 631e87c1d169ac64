"""The locks of the ledger. In the global order accounts come last, by pk."""

from collections.abc import Collection

from ledger.models import Account


def accounts_with_floor(pks: Collection[int]) -> list[Account]:
    """Lock those that keep a balance, and read it; shared accounts keep none and stay unlocked."""
    rows = Account.objects.filter(pk__in=pks, balance_minor__isnull=False)
    return list(rows.select_for_update().order_by("pk")) if pks else []
