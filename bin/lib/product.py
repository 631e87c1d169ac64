"""The product's processes side by side: web, a worker with its children, the schedule.

    python -m bin.lib.product --port N     until Ctrl-C or SIGTERM

One that ends by itself takes the others with it, so that whoever watches this sees it: a product
without its worker would look well.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO

STOP_LIMIT_S = 30
LOOK_EVERY_S = 0.2
# Quiet: no banner among the lines of the log.
CELERY = (sys.executable, "-m", "celery", "--quiet", "--app", "neruba.celery")


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="bin/serve", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=int, default=8000)
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        with running(arguments.port, os.environ) as processes:
            name = first_to_end(processes)
    except KeyboardInterrupt:
        return 0
    print(f"bin/serve: {name} ended, and the others were stopped.", file=sys.stderr)
    return 1


def commands(port: int, host: str = "127.0.0.1") -> dict[str, tuple[str, ...]]:
    """What is run, by name. Workers by WEB_CONCURRENCY and WORKER_CONCURRENCY."""
    return {
        "web": (
            *(sys.executable, "-m", "gunicorn", "neruba.wsgi", "--no-control-socket"),
            *("--config", "python:neruba.ops.gunicorn"),
            *("--bind", f"{host}:{port}", "--worker-class", "gthread"),
            *("--workers", os.environ.get("WEB_CONCURRENCY", "2"), "--threads", "4"),
        ),
        # Without gossip and mingle: a worker would be deaf after a restart of Redis.
        "worker": (
            *(*CELERY, "worker", "--without-gossip", "--without-mingle"),
            *("--concurrency", os.environ.get("WORKER_CONCURRENCY", "2")),
        ),
        "schedule": (*CELERY, "beat", "--pidfile", ""),
    }


@contextmanager
def running(
    port: int, environment: Mapping[str, str], output: IO[bytes] | None = None
) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """All processes by name, until the block ends; each in a session of its own, so that a Ctrl-C
    is for this program, which then stops them in order. What they count for `/metrics` is added up
    in a folder that lives as long as they do.
    """
    processes: dict[str, subprocess.Popen[bytes]] = {}
    counts = tempfile.mkdtemp(prefix="neruba-metrics-")
    try:
        for name, command in commands(port).items():
            processes[name] = subprocess.Popen(
                command,
                env={"PROMETHEUS_MULTIPROC_DIR": counts, **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        yield processes
    finally:
        stop(processes)
        shutil.rmtree(counts, ignore_errors=True)


def stop(processes: Mapping[str, subprocess.Popen[bytes]]) -> None:
    """Ask all to end, and end those that do not."""
    for process in processes.values():
        process.terminate()
    deadline = time.monotonic() + STOP_LIMIT_S
    for process in processes.values():
        try:
            process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def first_to_end(processes: Mapping[str, subprocess.Popen[bytes]]) -> str:
    """Wait until one of them has ended; its name."""
    while True:
        for name, process in processes.items():
            if process.poll() is not None:
                return name
        time.sleep(LOOK_EVERY_S)


if __name__ == "__main__":
    sys.exit(main())
