"""What leaves the running product: a request's id from the answer to the worker's line, counts of
all its processes, no secret anywhere.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django import DjangoDbBlocker

from tests.e2e.conftest import new_database
from tests.e2e.product import Product, serving

REQUESTS = 40


@pytest.fixture(scope="module")
def database_url(
    tmp_path_factory: pytest.TempPathFactory, django_db_blocker: DjangoDbBlocker
) -> Iterator[str]:
    """One for all that look at the product."""
    with new_database(tmp_path_factory.mktemp("observed"), django_db_blocker) as url:
        yield url


@pytest.fixture(scope="module")
def product(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with serving(database_url, tmp_path_factory.mktemp("logs") / "product.log") as made:
        made.wait_until_ready()
        yield made


def lines(product: Product) -> list[dict[str, Any]]:
    """The log, of which every line is JSON."""
    found: list[dict[str, Any]] = []
    for line in product.log.read_text().splitlines():
        found.append(json.loads(line))
    return found


def test_one_requests_id_is_in_the_answer_the_log_and_the_workers_line(product: Product) -> None:
    key = product.server.create_project("traced", "--currency", "USD")
    sent = {"X-Request-ID": "night-shift.1"}
    run = product.server.call(
        "POST", "/api/v1/billing-runs", {"as_of": "2026-05-01T00:00:00Z"}, key=key, headers=sent
    )
    assert (run.status, run.headers["X-Request-ID"]) == (202, "night-shift.1")

    def of_request() -> list[dict[str, Any]]:
        return [line for line in lines(product) if line.get("request_id") == "night-shift.1"]

    product.wait_for(
        "the worker's line",
        lambda: any("plan_billing_run" in line.get("task", "") for line in of_request()),
    )
    (web,) = [line for line in of_request() if line["event"] == "request"]
    prefix = key.split("_")[1]
    assert {name: web[name] for name in ("method", "route", "status", "project", "key")} == {
        "method": "POST", "route": "api/v1/billing-runs", "status": 202, "project": "traced",
        "key": prefix,
    }  # fmt: skip
    assert web["duration_ms"] > 0
    done = [line for line in of_request() if line["event"] == "task_succeeded"]
    assert done[0]["task"] == "billing.tasks.plan_billing_run"


def test_an_id_that_could_forge_a_line_is_not_taken_and_none_is_made_twice(
    product: Product,
) -> None:
    made = set()
    for given in ("", "a" * 65, 'x" "level": "error', "né", "a b"):
        headers = {"X-Request-ID": given.encode().decode("latin-1")}
        answer = product.server.call("GET", "/api/v1/nothing", key="none", headers=headers)
        assert re.fullmatch("[0-9a-f]{32}", answer.headers["X-Request-ID"])
        assert answer.body["request_id"] == answer.headers["X-Request-ID"]
        made.add(answer.body["request_id"])
    assert len(made) == 5


def test_no_secret_and_no_query_is_logged(product: Product) -> None:
    key = product.server.create_project("masked", "--currency", "USD")
    for path in ("/customers?cursor=jane@example.com", "/customers/jane@example.com", "/nothing"):
        product.server.call("GET", f"/api/v1{path}", key=key)
    forged = key[:-6] + "wrong!"
    body = {"external_id": "jane@example.com", "name": "Jane"}
    assert product.server.call("POST", "/api/v1/customers", body, key=forged).status == 401
    assert product.server.call("POST", "/api/v1/customers", body, key=key).status == 201
    product.get("/admin/login/?next=/admin/%3Ftoken%3Dhidden", Cookie="sessionid=hidden")
    product.server.manage("show_settings")
    text = product.log.read_text()
    assert key.split("_")[1] in text
    for secret in (key.split("_", 2)[2][:-6], "jane", "Jane", "hidden", "Bearer"):
        assert secret not in text
    assert all(line["event"] for line in lines(product))


def ingested(product: Product) -> Counter[str]:
    """Bodies by outcome, as whichever web process answers tells it."""
    return Counter(
        {
            outcome: int(product.metric(f'neruba_ingest_events_total{{outcome="{outcome}"}}') or 0)
            for outcome in ("accepted", "duplicate", "conflict", "failed")
        }
    )


def test_counts_of_two_web_processes_add_up(product: Product) -> None:
    key = product.server.create_project("counted", "--currency", "USD")
    before = ingested(product)
    event = {"id": "0", "source": "test", "type": "calls", "subject": "acme",
             "time": "2026-02-10T00:00:00Z"}  # fmt: skip
    for number in range(REQUESTS):
        body = {**event, "id": str(number // 2)}
        product.server.call("POST", "/api/v1/events", body, key=key)
    product.server.call("POST", "/api/v1/events", {**event, "data": {"n": 2}}, key=key)
    product.server.call("POST", "/api/v1/events", {**event, "time": "never"}, key=key)
    sent = {"accepted": REQUESTS // 2, "duplicate": REQUESTS // 2, "conflict": 1, "failed": 1}
    for _ in range(REQUESTS):  # whichever process answers, it answers for both
        assert ingested(product) - before == sent
    refused = 'method="POST",route="api/v1/events",status="409"'
    assert product.metric(f"neruba_http_requests_total{{{refused}}}") == 1
    assert product.metric("neruba_failed_events_open") == 1
    assert product.get("/metrics")[0] == 401


def test_smoke_passes_over_http_and_leaves_nothing_that_bills(product: Product) -> None:
    product.server.create_project("smoked", "--currency", "USD")
    said = product.server.manage(
        "smoke", "--project", "smoked", "--url", product.server.url, "--json"
    )
    steps = json.loads(said)
    names = ["key", "event", "duplicate", "usage", "preview", "void", "revoke"]
    assert (steps["ok"], [step["name"] for step in steps["steps"]]) == (True, names)
    nobody = "http://127.0.0.1:1"
    said = product.server.manage(
        "smoke", "--project", "smoked", "--url", nobody, "--json", status=1
    )
    failed = [step["name"] for step in json.loads(said)["steps"] if not step["ok"]]
    assert failed == ["key", "revoke"]
