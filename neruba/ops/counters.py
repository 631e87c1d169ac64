"""What processes count as they work. With `PROMETHEUS_MULTIPROC_DIR` the counts of all processes of
a host are added up (neruba/ops/metrics.py).

Labels are from small, fixed sets: no ids, no projects, no callers' names.
"""

import collections
from collections.abc import Iterable, Mapping
from functools import partial

from django.db import transaction
from prometheus_client import Counter, Histogram

LATENCY_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

INGESTED = Counter(
    "neruba_ingest_events", "Bodies that were sent as events, by outcome.", ["outcome"]
)
REQUESTS = Counter("neruba_http_requests", "Answered requests.", ["route", "method", "status"])
LATENCY = Histogram(
    "neruba_http_request_seconds",
    "Time to the answer.",
    ["route", "method"],
    buckets=LATENCY_BUCKETS,
)


def count_ingested(outcomes: Iterable[str]) -> None:
    """Count outcomes of events once the caller's transaction is committed: a transaction that is
    tried again counts once.
    """
    counts = collections.Counter(outcomes)
    transaction.on_commit(partial(_count_ingested, counts), robust=True)


def _count_ingested(counts: Mapping[str, int]) -> None:
    for outcome, number in counts.items():
        INGESTED.labels(outcome).inc(number)
