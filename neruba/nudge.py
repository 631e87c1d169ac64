"""Telling workers that there is work, once it is committed.

Only a nudge: the work is in the database, and the schedule finds it there when the message is lost
or the broker is away.
"""

import logging
from functools import partial
from typing import Any

from celery import Task
from django.db import transaction
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)


def nudge(task: "Task[Any, Any]", *arguments: int | str) -> None:
    """Send the task when the caller's transaction is committed, at once outside of one.

    A broker that is away costs a line in the log, never the caller's answer.
    """
    transaction.on_commit(partial(_send, task, arguments), robust=True)


def _send(task: "Task[Any, Any]", arguments: tuple[int | str, ...]) -> None:
    try:
        task.delay(*arguments)
    except (OperationalError, OSError) as error:
        logger.warning("the broker is away, the schedule will find it: %s (%s)", task.name, error)
