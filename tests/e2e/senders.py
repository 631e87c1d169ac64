"""A client that sends usage as services do: in batches, repeated until they are answered.

Knows nothing of the product but its HTTP interface, and runs in a process of its own.
"""

import http.client
import json
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

MAX_BATCH = 200
TIMEOUT_S = 1.5
LONGEST_TIMEOUT_S = 12
LONGEST_PAUSE_S = 0.3
ATTEMPTS = 60
BUSY = 503


@dataclass
class Report:
    """What came back: answers by status or kind of failure, outcomes by kind, the identities of the
    events that this client was told are accepted, and whatever was answered and should not be.
    """

    answers: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    accepted: list[tuple[str, str]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def send_all(port: int, key: str, events: list[dict[str, Any]], seed: int) -> Report:
    """Send every event in this order, in batches of this client's own."""
    chance, report, left = random.Random(seed), Report(), events
    while left:
        size = chance.randint(1, MAX_BATCH)
        batch, left = left[:size], left[size:]
        _count(batch, _until_answered(port, key, batch, chance, report), report)
        time.sleep(chance.uniform(0, LONGEST_PAUSE_S))  # so that billing has its share of the time
    assert report.outcomes.total() == len(events)
    return report


def _until_answered(
    port: int, key: str, batch: list[dict[str, Any]], chance: random.Random, report: Report
) -> Any:
    """The answer 200 to the batch; what breaks off, takes long or is refused as busy is sent
    again.
    """
    body, timeout_s = json.dumps(batch).encode(), TIMEOUT_S
    for _ in range(ATTEMPTS):
        try:
            status, text = _post(port, key, body, timeout_s)
        except (OSError, http.client.HTTPException) as error:
            report.answers[type(error).__name__] += 1
            timeout_s = min(2 * timeout_s, LONGEST_TIMEOUT_S)
        else:
            report.answers[str(status)] += 1
            if status == http.client.OK:
                return json.loads(text)
            if status != BUSY:
                raise AssertionError(f"{status}: {text[:500]!r}")
        time.sleep(chance.uniform(0.05, 0.3))
    raise AssertionError(f"no answer in {ATTEMPTS} attempts: {report.answers}")


def _post(port: int, key: str, body: bytes, timeout_s: float) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    try:
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        connection.request("POST", "/api/v1/events/batch", body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _count(batch: list[dict[str, Any]], answer: Any, report: Report) -> None:
    others = {result["index"]: result["outcome"] for result in answer["results"]}
    outcomes = Counter(others.values())
    outcomes["accepted"] = len(batch) - len(others)
    report.outcomes += outcomes
    report.accepted += [
        (event["source"], event["id"]) for index, event in enumerate(batch) if index not in others
    ]
    if any(answer[name] != outcomes[name] for name in ("accepted", "duplicate")):
        report.faults.append(f"{answer} does not count what it lists")
    if outcomes.keys() - {"accepted", "duplicate"}:
        report.faults.append(f"{answer['results'][:3]}")
