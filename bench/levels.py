"""What a month of one customer costs by each aggregation, after years of an event an hour.

All windows are clean. Each meter is asked for its month by GET /usage over HTTP, in turns, for a
month at the beginning of the years and for one at their end: what grows with history differs
between the two.
"""

import argparse
import http.client
import statistics
import time
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

from bench.server import manage, mariadb
from bench.stored import SOURCE, Site, post, site
from bench.usage import ASKED, REBUILD

FIRST = datetime(2020, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
TYPE = "seats"  # no other meter reads it
BATCH = 5000
ITEMS = 100
METERS = (
    *(("count", False), ("sum", False), ("max", False), ("min", False), ("latest", False)),
    *(("unique_count", False), ("weighted_sum", False)),
    *(("sum", True), ("unique_count", True), ("weighted_sum", True)),
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="bin/bench levels", description=__doc__)
    parser.add_argument("--years", type=int, default=5)
    parser.add_argument("--requests", type=int, default=20, help="of each meter in each round")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    with mariadb(pool_mb=1024) as url, site(url, workers=1) as place:
        post(place, "customers", {"external_id": ASKED, "name": "Asked"})
        for kind, carries in METERS:
            post(place, "meters", meter(kind, carry_over=carries))
        hours = given.years * 365 * 24
        for first in range(0, hours, BATCH):
            several = [event(number) for number in range(first, min(first + BATCH, hours))]
            if post(place, "events/batch", several)["accepted"] != len(several):
                raise RuntimeError("not all events were accepted")
        manage("shell", "-c", REBUILD, DATABASE_URL=place.url)
        print(f"{hours:,} events of {given.years} years", flush=True)
        months = (FIRST + timedelta(days=31), FIRST + timedelta(days=365 * given.years - 31))
        found: dict[tuple[str, int], list[float]] = {}
        for number in range(-1, given.rounds):
            for kind, carries in METERS:
                for index, start in enumerate(months):
                    took = timed(place, code(kind, carry_over=carries), start, given.requests)
                    if number >= 0:  # the first warms up
                        found.setdefault((code(kind, carry_over=carries), index), []).append(took)
    for name in dict.fromkeys(name for name, _ in found):
        early, late = (statistics.median(found[name, index]) for index in range(2))
        print(f"{name}: {early:.1f} ms in the second month, {late:.1f} ms in the last", flush=True)


def code(kind: str, *, carry_over: bool) -> str:
    return f"{kind}-carried" if carry_over else kind


def meter(kind: str, *, carry_over: bool) -> dict[str, Any]:
    value = {"count": "", "unique_count": "item"}.get(kind, "n")
    return {
        "code": code(kind, carry_over=carry_over),
        "event_type": TYPE,
        "aggregation": kind,
        "value_property": value,
        "carry_over": carry_over,
    }


def event(number: int) -> dict[str, Any]:
    """One of every two removes what the other added, of items that come back."""
    operation = {"operation": "remove"} if number % 2 else {}
    return {
        "id": f"{number:07}",
        "source": SOURCE,
        "type": TYPE,
        "subject": ASKED,
        "time": (FIRST + number * HOUR).isoformat(),
        "data": {"n": 1 - number % 3, "item": f"item-{number // 2 % ITEMS}", **operation},
    }


def timed(to: Site, name: str, start: datetime, requests: int) -> float:
    """The median time of a request for 31 days, in milliseconds."""
    connection = http.client.HTTPConnection("127.0.0.1", to.port)
    month = f"from={start:%Y-%m-%d}T00:00:00Z&to={start + timedelta(days=31):%Y-%m-%d}T00:00:00Z"
    path = f"/api/v1/usage?customer={ASKED}&meter={name}&{month}"
    times = []
    for _ in range(requests):
        started = time.perf_counter()
        connection.request("GET", path, headers={"Authorization": f"Bearer {to.key}"})
        answer = connection.getresponse()
        body = answer.read()
        times.append((time.perf_counter() - started) * 1000)
        if answer.status != HTTPStatus.OK:
            raise RuntimeError(f"{path} answered {answer.status}: {body[:300]!r}")
    return statistics.median(times)


if __name__ == "__main__":
    main()
