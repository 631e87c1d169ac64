"""Sites to measure against: databases with a project, meters, and as many stored events as wanted.

Events are written by the database itself, from its table of numbers, at some 100,000 a second.
"""

import json
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import environ
import MySQLdb  # type: ignore[import-untyped]

from bench.server import manage, web

SOURCE, TYPE = "bench", "llm.request"
METERS = ("input_tokens", "output_tokens")
ROWS_A_STATEMENT = 50_000
CONNECTIONS = 2


@dataclass(frozen=True, slots=True)
class Site:
    """A running server of the product; `url` is that of its database, `key` of its one project."""

    url: str
    port: int
    key: str


@contextmanager
def site(url: str, *, workers: int, database: str = "") -> Iterator[Site]:
    """A new project, with a meter for each number of an event, behind a server of its own.

    `database`: the name of a further database to make for it on the same MariaDB.
    """
    place = _new_database(url, database) if database else url
    made = manage("create_project", "bench", "--currency", "USD", "--json", DATABASE_URL=place)
    key = str(json.loads(made)["api_key"])
    settings = "bench.settings"
    with web(workers, DATABASE_URL=place, DJANGO_SETTINGS_MODULE=settings) as port:
        running = Site(place, port, key)
        for name in METERS:
            meter = {"code": name, "event_type": TYPE, "aggregation": "sum", "value_property": name}
            post(running, "meters", meter)
        yield running


def post(to: Site, path: str, body: object) -> Any:
    """What the API answers."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{to.port}/api/v1/{path}",
        json.dumps(body).encode(),
        {"Authorization": f"Bearer {to.key}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - an address of ours
        return json.load(answer)


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


def store_events(url: str, *, events: int, customers: int) -> None:
    """Store `events` of the month of January 2026, spread over new customers and in the order of
    time; their ids are random, so that those of later events fall between them.
    """
    database = connect(url)
    cursor = database.cursor()
    cursor.execute("SELECT id FROM neruba_project")
    (project,) = cursor.fetchone()
    cursor.execute(
        "INSERT INTO neruba_customer (project_id, external_id, name, email, currency, timezone, "
        "billing_address, tax_ids, metadata, created_at) "
        "SELECT %s, CONCAT('other-', seq), 'Other', '', '', '', '{}', '[]', '{}', '2026-01-01' "
        "FROM seq_1_to_%s",
        [project, customers],
    )
    cursor.execute(
        "INSERT INTO neruba_subject (project_id, external_id, customer_id) "
        "SELECT project_id, external_id, id FROM neruba_customer WHERE name = 'Other'"
    )
    database.commit()
    cursor.execute("SELECT MIN(id), COUNT(*) FROM neruba_subject WHERE external_id LIKE 'other-%'")
    first, subjects = cursor.fetchone()
    apart = 31 * 24 * 60 * 60 * 1_000_000 // events
    cursor.execute("SELECT COALESCE(MAX(id), 0) FROM ingest_usageevent")
    (last,) = cursor.fetchone()
    # With ids of its own a statement needs no lock on the table's counter, and two run at once.
    insert = f"""
        INSERT INTO ingest_usageevent (id, project_id, source, event_id, subject_id, type,
            effective_at, received_at, data, extensions, subscription, content_hash, backfill)
        SELECT {last} + seq, {project}, '{SOURCE}', MD5(seq), {first} + (seq * 7919) MOD {subjects},
            '{TYPE}',
            TIMESTAMP('2026-01-01') + INTERVAL seq * {apart} MICROSECOND, '2026-02-01',
            CONCAT('{{"input_tokens":', seq MOD 8000, ',"model":"large","output_tokens":',
                seq MOD 997, '}}'),
            '{{}}', '', UNHEX(SHA2(seq, 256)), 0
        FROM seq_%s_to_%s
        """  # noqa: S608

    def store(part: tuple[int, int]) -> None:
        own = connect(url)
        own.cursor().execute("SET unique_checks = 0, foreign_key_checks = 0")
        own.cursor().execute(insert, part)
        own.commit()
        own.close()

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        list(pool.map(store, _parts(events)))
    cursor.execute("ANALYZE TABLE ingest_usageevent")


def _parts(events: int) -> Iterator[tuple[int, int]]:
    for first in range(1, events + 1, ROWS_A_STATEMENT):
        yield first, min(first + ROWS_A_STATEMENT - 1, events)


def _new_database(url: str, name: str) -> str:
    connect(url).cursor().execute(f"CREATE DATABASE {name}")
    place = f"{url.rpartition('/')[0]}/{name}"
    manage("migrate", "-v0", DATABASE_URL=place)
    return place
