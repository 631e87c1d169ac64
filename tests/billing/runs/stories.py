"""Stories of runs: customers of whom some cannot be billed, and what workers do."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.test import override_settings

from billing.models import BillingRun, Invoice, RunChunk
from billing.services.runs import create_run, plan_run
from billing.tasks import bill_run_chunk
from ingest.models import UsageEvent
from neruba import clock
from neruba.actor import SYSTEM
from neruba.models import Project
from tests.billing.sandbox import BASE, Sandbox, started

# More than the books can hold: billing refuses it, whoever tries.
TOO_MUCH = 10**18
TOKENS = {
    "code": "tokens",
    "kind": "usage",
    "meter": "tokens",
    "model": "per_unit",
    "unit_amount": "1.00",
}


def customers_of_a_month(*names: str, **project: Any) -> Sandbox:
    """Each with a fee and a price for tokens, and one token used in January; it is 1 February."""
    sandbox = started(BASE)
    sandbox.meter("tokens", aggregation="sum", value_property="n")
    sandbox.plan(BASE, TOKENS, code="tokens")
    for name in names:
        sandbox.customer(name)
        sandbox.subscribe(f"sub-{name}", customer=name, plan="tokens", anchor="calendar")
    sandbox.clock("2026-01-15T00:00:00Z")
    for name in names:
        use(sandbox, name, 1)
    sandbox.clock("2026-02-01T00:30:00Z")
    return sandbox


def use(sandbox: Sandbox, name: str, tokens: int, at: str = "2026-01-10T00:00:00Z") -> None:
    data = {"n": tokens}
    sandbox.event(at, id=f"{name}-{tokens}", subject=name, type="tokens", data=data)


def mend(sandbox: Sandbox, name: str) -> None:
    """Take back the usage that cannot be billed."""
    event = UsageEvent.objects.get(subject__external_id=name, event_id=f"{name}-{TOO_MUCH}")
    body = {"source": event.source, "id": event.event_id, "reason": "a mistake of the sender"}
    sandbox.post("/events/void", body, 200)


def live(sandbox: Sandbox) -> Project:
    """The project by the real clock from now on, as nobody may do but a test."""
    Project.objects.filter(pk=sandbox.project.pk).update(clock_at=None, mode=Project.Mode.LIVE)
    return Project.objects.get(pk=sandbox.project.pk)


def run_of(project: Project, *, as_of: datetime | None = None, **more: Any) -> BillingRun:
    at = clock.now(project)
    given: dict[str, Any] = {
        "customers": None,
        "dry_run": False,
        "trigger": BillingRun.Trigger.API,
        "actor": SYSTEM,
    }
    return create_run(project=project, as_of=as_of, at=at, **{**given, **more})


def planned(project: Project, *, chunk: int = 200, **more: Any) -> BillingRun:
    """A run divided into chunks of so many customers."""
    run = run_of(project, **more)
    with override_settings(BILLING_CHUNK=chunk):
        plan_run(run)
    return BillingRun.objects.get(pk=run.pk)


def chunks_of(run: BillingRun) -> list[RunChunk]:
    return list(RunChunk.objects.filter(run=run).order_by("number"))


def work_off(run: BillingRun, chunks: Sequence[RunChunk] | None = None) -> BillingRun:
    """What a worker does with the messages of these chunks, or of all."""
    for chunk in chunks_of(run) if chunks is None else chunks:
        bill_run_chunk(chunk.pk)
    return BillingRun.objects.get(pk=run.pk)


def numbers(project: Project) -> list[int | None]:
    rows = Invoice.objects.filter(project=project, sequence__isnull=False)
    return list(rows.order_by("sequence").values_list("sequence", flat=True))
