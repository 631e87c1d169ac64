"""How fast events come in, as a share of what the database takes at all.

Three ratios, each of two sides measured in turns. Batches of 1,000 over HTTP into MariaDB, against
plain multi-row INSERTs of the same rows into a table with the same columns and indexes, from as
many processes. The 99th percentile of a single event, against that of an empty Django view behind
the same server, at 4 connections. Batches into a table that holds millions of events, against one
that is nearly empty.
"""

import argparse
import http.client
import json
import multiprocessing
import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus
from typing import Any

from bench.server import mariadb
from bench.stored import SOURCE, TYPE, Site, connect, site, store_events

BATCH = 1000
SUBJECTS = 200
OTHERS = 20_000
CONNECTIONS = 4
EMPTY = "/empty"
BAR, BAR_SINGLE, BAR_STORED = 0.5, 4, 0.75
COLUMNS = (
    *("project_id", "source", "event_id", "subject_id", "type", "effective_at", "received_at"),
    *("data", "extensions", "subscription", "content_hash", "backfill"),
)
ROW = f"({', '.join(['%s'] * len(COLUMNS))})"
INSERT_ROWS = f"INSERT INTO bench_rows ({', '.join(COLUMNS)}) VALUES "  # noqa: S608
AT = datetime(2026, 1, 1)  # noqa: DTZ001 - as the driver takes it
Batch = Sequence[Any]


def main() -> None:
    parser = argparse.ArgumentParser(prog="bin/bench ingest", description=__doc__)
    parser.add_argument("--events", type=int, default=40_000, help="of each round (default 40,000)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--processes", type=int, default=4, help="that send, and web workers")
    parser.add_argument("--singles", type=int, default=2000, help="requests of each round; 0: none")
    parser.add_argument("--stored", type=int, default=5_000_000, help="events; 0: none")
    parser.add_argument("--pool-mb", type=int, default=4096, help="InnoDB's buffer pool")
    given = parser.parse_args()
    print(f"durable (a sync for each commit), buffer pool {given.pool_mb} MiB", flush=True)
    with (
        mariadb(pool_mb=given.pool_mb) as url,
        site(url, workers=given.processes) as near_empty,
    ):
        rates(near_empty, given)
        if given.singles:
            singles(near_empty, given)
        if given.stored:
            with site(url, workers=given.processes, database="neruba_full") as full:
                stored(near_empty, full, given)


def rates(to: Site, given: argparse.Namespace) -> None:
    """Batches over HTTP against plain INSERTs."""
    ratios = []
    send_round(to, events=4 * BATCH, processes=given.processes)  # warms up
    insert_round(to, events=4 * BATCH, processes=given.processes)
    for number in range(given.rounds):
        over_http = send_round(to, events=given.events, processes=given.processes)
        plain = insert_round(to, events=given.events, processes=given.processes)
        ratios.append(over_http / plain)
        print(
            f"round {number + 1}: {over_http:9,.0f} rows/s over HTTP, "
            f"{plain:9,.0f} rows/s plain INSERTs: {ratios[-1]:.0%}",
            flush=True,
        )
    print(f"batches: median {statistics.median(ratios):.0%} of plain INSERTs (bar: {BAR:.0%})")


def singles(to: Site, given: argparse.Namespace) -> None:
    """The slowest requests of single events against those of a view that does nothing; and, to tell
    where the time goes, the slowest of one plain INSERT with its commit.
    """
    ratios = []
    prepare_rows(to.url)
    sides: tuple[Callable[[int], list[float]], ...] = (
        partial(latencies, partial(send_singles, to, EMPTY)),
        partial(latencies, partial(send_singles, to, "/api/v1/events")),
        partial(latencies, partial(insert_singles, to.url)),
    )
    for number in range(-1, given.rounds):
        requests = given.singles if number >= 0 else 200
        nothing, event, plain = (p99(measure(requests)) for measure in sides)
        if number >= 0:  # the first warms up
            ratios.append(event / nothing)
            print(
                f"round {number + 1}: p99 {event:6.2f} ms an event, {nothing:6.2f} ms an empty "
                f"view, {plain:6.2f} ms a plain INSERT: {ratios[-1]:.1f} times an empty view",
                flush=True,
            )
    print(f"single events: p99 median {statistics.median(ratios):.1f} times (bar: {BAR_SINGLE})")


def p99(seconds: Sequence[float]) -> float:
    """In milliseconds."""
    return statistics.quantiles(seconds, n=100)[98] * 1000


def stored(near_empty: Site, full: Site, given: argparse.Namespace) -> None:
    """Batches into a table of millions of events against one of few."""
    started = time.perf_counter()
    store_events(full.url, events=given.stored, customers=OTHERS)
    print(f"stored {given.stored:,} events in {time.perf_counter() - started:.0f} s", flush=True)
    ratios = []
    for number in range(-1, given.rounds):
        events = given.events if number >= 0 else 4 * BATCH
        few, many = (
            send_round(to, events=events, processes=given.processes) for to in (near_empty, full)
        )
        if number >= 0:
            ratios.append(many / few)
            print(
                f"round {number + 1}: {many:9,.0f} rows/s beside {given.stored:,} events, "
                f"{few:9,.0f} rows/s beside few: {ratios[-1]:.0%}",
                flush=True,
            )
    print(
        f"with {given.stored:,} events stored: median {statistics.median(ratios):.0%} of the rate "
        f"without (bar: {BAR_STORED:.0%})"
    )


def send_round(to: Site, *, events: int, processes: int) -> float:
    """Rows a second over HTTP."""
    batches = [new_batch(first) for first in range(0, events, BATCH)]
    return rate(send_batches, (to,), batches, processes)


def insert_round(to: Site, *, events: int, processes: int) -> float:
    """Rows a second by plain INSERTs of the rows that were stored last."""
    rows = stored_rows(to.url, events)
    parts = [rows[first : first + BATCH] for first in range(0, events, BATCH)]
    return rate(insert_batches, (to.url,), parts, processes)


def new_batch(first: int) -> bytes:
    return json.dumps([new_event(first + number) for number in range(BATCH)]).encode()


def new_event(second: int) -> dict[str, Any]:
    """An event with a random id, as most senders give them, of one of some customers."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    return {
        "id": f"{random.getrandbits(128):032x}",
        "source": SOURCE,
        "type": TYPE,
        "subject": f"acct-{random.randrange(SUBJECTS):03}",
        "time": (start + timedelta(seconds=second)).isoformat(),
        "data": {
            "model": random.choice(["small", "large"]),
            "input_tokens": random.randrange(8000),
            "output_tokens": random.randrange(1000),
        },
    }


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


def send_batches(to: Site, batches: Sequence[bytes], barrier: Any) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", to.port)
    connection.connect()
    barrier.wait()
    for batch in batches:
        status, body = request(connection, to, "/api/v1/events/batch", batch)
        if status != HTTPStatus.OK or json.loads(body)["accepted"] != BATCH:
            print(status, body[:300], file=sys.stderr)
            os._exit(1)


def request(
    connection: http.client.HTTPConnection, to: Site, path: str, body: bytes
) -> tuple[int, bytes]:
    headers = {"Authorization": f"Bearer {to.key}", "Content-Type": "application/json"}
    # A server closes a connection on which a view left a body unread: the empty one gets none.
    method, sent = ("GET", None) if path == EMPTY else ("POST", body)
    connection.request(method, path, sent, headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


def latencies(send: Callable[[Sequence[bytes]], list[float]], requests: int) -> list[float]:
    """The seconds that each request took, sent one after the other by each of 4 connections."""
    bodies = [json.dumps(new_event(second)).encode() for second in range(requests)]
    parts = [bodies[n::CONNECTIONS] for n in range(CONNECTIONS)]
    with ProcessPoolExecutor(CONNECTIONS, multiprocessing.get_context("fork")) as senders:
        return [one for took in senders.map(send, parts) for one in took]


def send_singles(to: Site, path: str, bodies: Sequence[bytes]) -> list[float]:
    connection = http.client.HTTPConnection("127.0.0.1", to.port)
    connection.connect()
    times = []
    for body in bodies:
        started = time.perf_counter()
        status, answer = request(connection, to, path, body)
        times.append(time.perf_counter() - started)
        if status not in {HTTPStatus.OK, HTTPStatus.CREATED}:
            raise RuntimeError(f"{path} answered {status}: {answer[:300]!r}")
    return times


def insert_singles(url: str, bodies: Sequence[bytes]) -> list[float]:
    """Rows as events have them, each with a commit."""
    database = connect(url)
    cursor = database.cursor()
    times = []
    for body in bodies:
        name = json.loads(body)["id"]
        started = time.perf_counter()
        cursor.execute(
            INSERT_ROWS + ROW,
            [1, SOURCE, name, 1, TYPE, AT, AT, "{}", "{}", "", b"x" * 32, 0],
        )
        database.commit()
        times.append(time.perf_counter() - started)
    return times


def insert_batches(url: str, batches: Sequence[Sequence[Any]], barrier: Any) -> None:
    database = connect(url)
    cursor = database.cursor()
    barrier.wait()
    for batch in batches:
        values = [one for each in batch for one in each]
        cursor.execute(INSERT_ROWS + ", ".join([ROW] * len(batch)), values)
        database.commit()


def stored_rows(url: str, events: int) -> list[tuple[Any, ...]]:
    """The rows that were stored last, in their order; into an empty table they go again."""
    prepare_rows(url)
    cursor = connect(url).cursor()
    columns = ", ".join(COLUMNS)
    newest = f"SELECT id, {columns} FROM ingest_usageevent ORDER BY id DESC LIMIT %s"  # noqa: S608
    cursor.execute(newest, [events])
    return [row[1:] for row in sorted(cursor.fetchall())]


def prepare_rows(url: str) -> None:
    """An empty table with the columns and indexes of that of events."""
    cursor = connect(url).cursor()
    cursor.execute("DROP TABLE IF EXISTS bench_rows")
    cursor.execute("CREATE TABLE bench_rows LIKE ingest_usageevent")


if __name__ == "__main__":
    main()
