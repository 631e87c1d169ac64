"""How long failed work waits before it is tried again. Pure."""

from datetime import timedelta

DELAYS = (
    timedelta(seconds=10),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=6),
)
MAX_ATTEMPTS = len(DELAYS) + 1


def delay_after(attempts: int) -> timedelta | None:
    """The wait after so many attempts (1 or more) have failed; None: a person has to look."""
    assert attempts > 0, "nothing has failed yet"
    return DELAYS[attempts - 1] if attempts <= len(DELAYS) else None
