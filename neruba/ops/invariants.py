"""What looks at what must always be true came to, kept for `/metrics` and the console."""

from collections.abc import Sequence
from datetime import datetime

from neruba.models import InvariantCheck

LINES_KEPT = 50


def keep_check(name: str, *, checked: int, differences: Sequence[str], at: datetime) -> None:
    """Keep the outcome of the look `name`, taken at the wall time `at`, in place of the one
    before.
    """
    InvariantCheck.objects.update_or_create(
        name=name,
        defaults={
            "at": at,
            "checked": checked,
            "violations": len(differences),
            "detail": "\n".join(differences[:LINES_KEPT]),
        },
    )
