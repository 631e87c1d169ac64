"""`Idempotency-Key`: the answer to a request, stored in the transaction of its effect and replayed
to repeats.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, OperationalError, transaction

from neruba.edge import is_lock_wait, run_atomic
from neruba.errors import KeyInUseError, KeyReusedError
from neruba.models import IdempotencyRecord, Project

KEPT = timedelta(days=30)
ROWS_A_DELETE = 1000


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """What the first request was answered."""

    status: int
    body: str


def claim_key(
    *, project: Project, key: str, request_hash: str, at: datetime
) -> IdempotencyRecord | StoredAnswer:
    """Claim `key` for this request, or return the answer that the same request got before.

    A rival that is still at work holds the unique row; the database makes us wait for it. Raises
    KeyInUseError when that took too long, KeyReusedError when the key came with another request.
    `at` is wall time.
    """
    try:
        with transaction.atomic():
            return IdempotencyRecord.objects.create(
                project=project, key=key, request_hash=request_hash, created_at=at
            )
    except IntegrityError:
        prior = IdempotencyRecord.objects.filter(project=project, key=key).first()
        if prior is None:
            raise
    except OperationalError as error:
        if not is_lock_wait(error):
            raise
        raise KeyInUseError(
            "The first request with this idempotency key is still at work."
        ) from error
    if prior.request_hash != request_hash:
        raise KeyReusedError("This idempotency key was used with another request.")
    return StoredAnswer(prior.status, prior.body)


def forget_answers(*, at: datetime) -> int:
    """Delete the answers that were kept for 30 days by the wall time `at`, some at a time; return
    how many.
    """
    forgotten = 0
    old = IdempotencyRecord.objects.filter(created_at__lte=at - KEPT).order_by("created_at")
    while pks := list(old.values_list("pk", flat=True)[:ROWS_A_DELETE]):
        run_atomic(IdempotencyRecord.objects.filter(pk__in=pks).delete)
        forgotten += len(pks)
    return forgotten


def keep_answer(claimed: IdempotencyRecord, *, status: int, body: str) -> None:
    """Store the answer of a request that took effect."""
    claimed.status, claimed.body = status, body
    claimed.save(update_fields=["status", "body"])
