"""Workers and schedule: over Redis with `REDIS_URL`, else over files beside the database."""

from pathlib import Path
from typing import Any

from kombu.transport import TRANSPORT_ALIASES

MEGABYTE = 1024


def broker(redis_url: str, database: str, base_dir: Path) -> tuple[str, dict[str, Any]]:
    """The broker's URL and its transport options."""
    if redis_url:
        # What was not acknowledged for an hour goes to another worker; nothing takes so long.
        url = redis_url.replace("unix://", "redis+socket://", 1)
        return url, {
            "visibility_timeout": 3600,
            "socket_connect_timeout": 2,
            # Of one who sends: a request does not wait for a broker that is away.
            "max_retries": 1,
            "interval_start": 0,
            "interval_step": 0.1,
        }
    if ":memory:" in database:
        return "memory://", {}
    beside = Path(database).parent if Path(database).is_absolute() else base_dir / "var"
    folder = beside / "broker"
    folder.mkdir(parents=True, exist_ok=True)
    TRANSPORT_ALIASES["filesystem"] = "neruba.file_broker:Transport"
    return "filesystem://localhost//", {
        "data_folder_in": str(folder),
        "data_folder_out": str(folder),
        "control_folder": str(folder / "control"),
        # Kombu's own second between two looks makes 300 tasks take a minute.
        "polling_interval": 0.05,
    }


def schedule(tick: float) -> dict[str, Any]:
    """What beat sends, `tick` being seconds; a message that no worker took before the next one is
    dropped.
    """
    every = {
        "neruba.tasks.beat": tick,
        "ingest.tasks.rebuild_all_marked": tick,
        "neruba.tasks.deliver_due": tick,
        "payments.tasks.work_on_due_events": tick,
        "billing.tasks.sweep": 2 * tick,
        "payments.tasks.close_needless_sessions": 2 * tick,
        "neruba.tasks.release_expired_leases": 2 * tick,
        "ledger.tasks.expire": 12 * tick,
        "billing.tasks.tick": 12 * tick,
        "payments.tasks.fetch_all_transactions": 720 * tick,
        "neruba.tasks.forget_old_answers": 720 * tick,
        "neruba.tasks.forget_old_logins": 720 * tick,
        "billing.tasks.verify_sample": 720 * tick,
    }
    return {
        task: {"task": task, "schedule": seconds, "options": {"expires": seconds}}
        for task, seconds in every.items()
    }


CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_TIME_LIMIT = 3000
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_MAX_MEMORY_PER_CHILD = 280 * MEGABYTE
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TIMEZONE = "UTC"
# In memory: the schedule is static, and a lost tick costs nothing.
CELERY_BEAT_SCHEDULER = "celery.beat:Scheduler"
