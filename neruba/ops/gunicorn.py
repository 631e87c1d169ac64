"""Gunicorn's settings beside its command line: `gunicorn --config python:neruba.ops.gunicorn`.

Its own lines go the way of all others; there is no access log, since neruba.ops.requests writes a
line for each request.
"""

from typing import Any

from prometheus_client import multiprocess

from neruba.settings import LOGGING, METRICS_FOLDER

logconfig_dict = LOGGING


def child_exit(_server: Any, worker: Any) -> None:
    """What a dead process measured of itself is no longer so; what it counted stays."""
    if METRICS_FOLDER:
        multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
