"""What it costs to read a customer's usage of a month, in a project of few and of many events.

Two projects in databases of their own. The customer asked for has the same 310 events in both; all
others are other customers', 500 each. GET /usage is timed over HTTP, in turns: with clean windows,
which is the normal state, and with every day of every customer marked dirty, as it is after a month
of events that no worker has seen to. "No more" means that the second side is slower by
no more than one side differs when it is measured again, or than a tenth.
"""

import argparse
import http.client
import json
import statistics
import time
from collections.abc import Sequence
from http import HTTPStatus
from itertools import pairwise
from typing import Any

from bench.server import manage, mariadb
from bench.stored import SOURCE, TYPE, Site, connect, post, site, store_events

ASKED = "asked"
DAYS = 31
EVENTS_A_DAY = 10
EVENTS_A_CUSTOMER = 500
TOLERANCE = 0.1
MONTH = "from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z"
REBUILD = (
    "from ingest.services.windows import rebuild_windows; "
    "from neruba.models import Project, Subject; "
    f"pk = Subject.objects.get(external_id='{ASKED}').pk; "
    "rebuild_windows(Project.objects.get(), subject_ids=[pk])"
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="bin/bench usage", description=__doc__)
    parser.add_argument("--few", type=int, default=10_000, help="events in the small project")
    parser.add_argument("--many", type=int, default=10_000_000, help="events in the large one")
    parser.add_argument("--requests", type=int, default=100, help="of each side in each round")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--pool-mb", type=int, default=4096, help="InnoDB's buffer pool")
    given = parser.parse_args()
    print(f"buffer pool {given.pool_mb} MiB", flush=True)
    with (
        mariadb(pool_mb=given.pool_mb) as url,
        site(url, workers=1) as few,
        site(url, workers=1, database="neruba_many") as many,
    ):
        for to, events in ((few, given.few), (many, given.many)):
            started = time.perf_counter()
            fill(to, events)
            print(f"{events:,} events in {time.perf_counter() - started:.0f} s", flush=True)
        compare("clean windows", few, many, given)
        for to in (few, many):
            mark_all(to.url)
        compare("dirty windows", few, many, given)


def fill(to: Site, events: int) -> None:
    """The customer asked for, with clean windows, and the others, with windows like theirs."""
    post(to, "customers", {"external_id": ASKED, "name": "Asked"})
    post(to, "events/batch", asked_events())
    own = DAYS * EVENTS_A_DAY
    store_events(to.url, events=events - own, customers=max(events // EVENTS_A_CUSTOMER, 1))
    manage("shell", "-c", REBUILD, DATABASE_URL=to.url)
    copy_windows(to.url)


def asked_events() -> list[dict[str, Any]]:
    return [
        {
            "id": f"{ASKED}-{day}-{number}",
            "source": SOURCE,
            "type": TYPE,
            "subject": ASKED,
            "time": f"2026-01-{day:02}T{2 * number:02}:30:00Z",
            "data": {"input_tokens": 100 * day + number, "output_tokens": day},
        }
        for day in range(1, DAYS + 1)
        for number in range(EVENTS_A_DAY)
    ]


def copy_windows(url: str) -> None:
    """Give every other customer as many windows; what they hold is nobody's concern here."""
    database = connect(url)
    cursor = database.cursor()
    others = "JOIN neruba_subject other ON other.external_id LIKE 'other-%%'"
    cursor.execute("SELECT id FROM neruba_subject WHERE external_id = %s", [ASKED])
    (asked,) = cursor.fetchone()
    for table, columns in (
        ("ingest_windowseries", "project_id, meter_id, zone"),
        (
            "ingest_usagewindow",
            (
                "project_id, meter_id, zone, day, group_key, `group`, subscription, count, sum, "
                "min, max, checksum, unusable, last_event, last_retraction"
            ),
        ),
    ):
        chosen = ", ".join(f"one.{column.strip()}" for column in columns.split(","))
        cursor.execute(
            f"INSERT INTO {table} (subject_id, {columns}) "  # noqa: S608
            f"SELECT other.id, {chosen} FROM {table} one {others} WHERE one.subject_id = %s",
            [asked],
        )
        cursor.execute(f"ANALYZE TABLE {table}")
        cursor.fetchall()
    database.commit()


def mark_all(url: str) -> None:
    """Mark every day of every customer."""
    database = connect(url)
    cursor = database.cursor()
    cursor.execute(
        "INSERT INTO ingest_dirtymark (project_id, subject_id, type, day) "
        "SELECT project_id, neruba_subject.id, %s, DATE('2026-01-01') + INTERVAL seq DAY "
        "FROM seq_0_to_%s JOIN neruba_subject",
        [TYPE, DAYS - 1],
    )
    database.commit()
    cursor.execute("ANALYZE TABLE ingest_dirtymark")


def compare(state: str, few: Site, many: Site, given: argparse.Namespace) -> None:
    """Time both sides in turns and say whether more events cost more."""
    sides: list[list[float]] = [[], []]
    for number in range(-1, given.rounds):
        answers = []
        for to, medians in zip((few, many), sides, strict=True):
            took, answer = timed(to, given.requests)
            answers.append(answer)
            if number >= 0:  # the first warms up
                medians.append(took)
        if answers[0] != answers[1]:
            raise RuntimeError(f"not the same usage: {answers}")
    first, second = (statistics.median(medians) for medians in sides)
    ratio = statistics.median(more / less for less, more in zip(*sides, strict=True))
    noise = statistics.median(repeats(sides[0]) + repeats(sides[1]))
    verdict = "no more" if ratio - 1 <= max(noise, TOLERANCE) else "more"
    print(
        f"{state}: {first:.2f} ms beside {given.few:,} events, {second:.2f} ms beside "
        f"{given.many:,}: ratio {ratio:.2f}, it costs {verdict}; a side measured again differs by "
        f"{noise:.0%}",
        flush=True,
    )


def repeats(medians: Sequence[float]) -> list[float]:
    """How far each round is from the round before it, as a share of that."""
    return [abs(later / earlier - 1) for earlier, later in pairwise(medians)]


def timed(to: Site, requests: int) -> tuple[float, Any]:
    """The median time of a request in milliseconds, and what was answered."""
    connection = http.client.HTTPConnection("127.0.0.1", to.port)
    path = f"/api/v1/usage?customer={ASKED}&meter=input_tokens&{MONTH}"
    times = []
    for _ in range(requests):
        started = time.perf_counter()
        connection.request("GET", path, headers={"Authorization": f"Bearer {to.key}"})
        answer = connection.getresponse()
        body = answer.read()
        times.append((time.perf_counter() - started) * 1000)
        if answer.status != HTTPStatus.OK:
            raise RuntimeError(f"{path} answered {answer.status}: {body[:300]!r}")
    return statistics.median(times), json.loads(body)


if __name__ == "__main__":
    main()
