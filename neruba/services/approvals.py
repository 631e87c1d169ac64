"""TEMP SHIM"""

from typing import Any


def exceeds_limit(*, project: Any, actor: Any, amount: Any) -> bool:
    return False


def request_approval(**kwargs: Any) -> Any:
    raise NotImplementedError
