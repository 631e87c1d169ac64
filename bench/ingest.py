"""How fast events come in, as a share of what the database takes at all.

Events of 200 customers in the order of time, in batches of 1,000 over HTTP into MariaDB, against
plain multi-row INSERTs of the same rows into a table with the same columns and indexes, from as
many processes, in turns. Prints rows a second of both, and their ratio.
"""

import argparse
import http.client
import json
import multiprocessing
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

import environ
import MySQLdb  # type: ignore[import-untyped]

from bench.server import ROOT, mariadb, web

BATCH = 1000
SUBJECTS = 200
COLUMNS = (
    *("project_id", "source", "event_id", "subject_id", "type", "effective_at", "received_at"),
    *("data", "extensions", "subscription", "content_hash", "backfill"),
)
Batch = Sequence[Any]


def main() -> None:
    parser = argparse.ArgumentParser(prog="bin/bench ingest", description=__doc__)
    parser.add_argument("--events", type=int, default=40_000, help="of each round (default 40,000)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--processes", type=int, default=2, help="that send, and web workers")
    given = parser.parse_args()
    with mariadb() as url:
        key = new_project()
        with web(given.processes) as port:
            ratios = []
            target = {"url": url, "port": port, "key": key, "processes": given.processes}
            run_round(**target, number=-1, events=4 * BATCH)  # warms both up
            for number in range(given.rounds):
                over_http, plain = run_round(**target, number=number, events=given.events)
                ratios.append(over_http / plain)
                print(
                    f"round {number + 1}: {over_http:9,.0f} rows/s over HTTP, "
                    f"{plain:9,.0f} rows/s plain INSERTs: {ratios[-1]:.0%}",
                    flush=True,
                )
    print(f"median ratio: {statistics.median(ratios):.0%} (the bar of the project: 50%)")


def run_round(
    *, url: str, port: int, key: str, number: int, events: int, processes: int
) -> tuple[float, float]:
    """Rows a second over HTTP and by plain INSERTs."""
    batches = [new_batch(number, first) for first in range(0, events, BATCH)]
    over_http = rate(send_batches, (port, key), batches, processes)
    rows = stored_rows(url, events)
    parts = [rows[first : first + BATCH] for first in range(0, events, BATCH)]
    return over_http, rate(insert_batches, (url,), parts, processes)


def new_project() -> str:
    """The API key of a project with a meter that reads the events."""
    command = [
        sys.executable,
        "manage.py",
        "create_project",
        "bench",
        "--currency",
        "USD",
        "--json",
    ]
    made = json.loads(subprocess.check_output(command, cwd=ROOT))
    return str(made["api_key"])


def new_batch(number: int, first: int) -> bytes:
    chance = random.Random(f"{number} {first}")
    start = datetime(2026, 1, 1, tzinfo=UTC)
    return json.dumps(
        [
            {
                "id": f"{number}-{first + n}-{chance.getrandbits(48):012x}",
                "source": "bench",
                "type": "llm.request",
                "subject": f"acct-{chance.randrange(SUBJECTS):03}",
                "time": (start + timedelta(seconds=first + n)).isoformat(),
                "data": {
                    "model": chance.choice(["small", "large"]),
                    "input_tokens": chance.randrange(8000),
                    "output_tokens": chance.randrange(1000),
                },
            }
            for n in range(BATCH)
        ]
    ).encode()


def rate(
    work: Callable[..., None], target: tuple[Any, ...], batches: Sequence[Batch], processes: int
) -> float:
    """Rows a second of all processes together, from the first to the last."""
    fork = multiprocessing.get_context("fork")
    barrier = fork.Barrier(processes + 1)
    children = [
        fork.Process(target=work, args=(*target, batches[n::processes], barrier))
        for n in range(processes)
    ]
    for child in children:
        child.start()
    barrier.wait()
    started = time.perf_counter()
    for child in children:
        child.join()
    elapsed = time.perf_counter() - started
    if any(child.exitcode for child in children):
        raise RuntimeError("a sender failed")
    return len(batches) * BATCH / elapsed


def send_batches(port: int, key: str, batches: Sequence[bytes], barrier: Any) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.connect()
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    barrier.wait()
    for batch in batches:
        connection.request("POST", "/api/v1/events/batch", batch, headers)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != HTTPStatus.OK or json.loads(body)["accepted"] != BATCH:
            print(answer.status, body[:300], file=sys.stderr)
            os._exit(1)


def insert_batches(url: str, batches: Sequence[Sequence[Any]], barrier: Any) -> None:
    database = connect(url)
    cursor = database.cursor()
    row = f"({', '.join(['%s'] * len(COLUMNS))})"
    into = f"INSERT INTO bench_rows ({', '.join(COLUMNS)}) VALUES "  # noqa: S608
    barrier.wait()
    for batch in batches:
        cursor.execute(
            into + ", ".join([row] * len(batch)), [one for each in batch for one in each]
        )
        database.commit()


def stored_rows(url: str, events: int) -> list[tuple[Any, ...]]:
    """The rows of this round as they were stored."""
    database = connect(url)
    cursor = database.cursor()
    cursor.execute("CREATE TABLE IF NOT EXISTS bench_rows LIKE ingest_usageevent")
    columns = ", ".join(COLUMNS)
    newest = f"SELECT {columns} FROM ingest_usageevent ORDER BY id DESC LIMIT %s"  # noqa: S608
    cursor.execute(newest, [events])
    return list(cursor.fetchall())


def connect(url: str) -> Any:
    given = environ.Env.db_url_config(url)
    return MySQLdb.connect(
        host=given["HOST"],
        port=given["PORT"],
        user=given["USER"],
        passwd=given["PASSWORD"],
        db=given["NAME"],
        charset="utf8mb4",
    )


if __name__ == "__main__":
    main()
