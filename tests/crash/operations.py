"""What is killed: work of the product, each with what waits for it and how it is done again."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from billing.execution import execute_run
from billing.models import BillingRun
from billing.services.runs import create_run
from neruba import clock
from neruba.actor import SYSTEM
from neruba.edge import run_atomic
from neruba.models import Lease, Project
from neruba.period import parse_instant
from neruba.services.leases import lease_time, release_expired
from tests import factories
from tests.billing.sandbox import Sandbox, started

FEE = {"code": "base", "kind": "recurring", "model": "flat", "amount": "31.00"}
CALLS = {
    "code": "calls",
    "kind": "usage",
    "meter": "calls",
    "model": "per_unit",
    "unit_amount": "7.5",
}
TOKENS = {
    "code": "tokens",
    "kind": "usage",
    "meter": "tokens",
    "model": "graduated",
    "tiers": [
        {"up_to": "100", "unit_amount": "0.01"},
        {"up_to": None, "unit_amount": "0.003"},
    ],
}


@dataclass(frozen=True, slots=True)
class Operation:
    """`prepare` makes a project in which `work` has something to do; `repeat` is how the work is
    taken up after a crash, and must do nothing where it was done. By `end` all is on invoices.
    """

    name: str
    prepare: Callable[[], Sandbox]
    work: Callable[[Sandbox], object]
    repeat: Callable[[Sandbox], object]
    end: datetime


def run_billing(project: Project, as_of: datetime) -> BillingRun:
    """A billing run of all that is due, from its creation to its end."""
    project = Project.objects.get(pk=project.pk)
    at = project.clock_at
    assert at is not None
    run = run_atomic(
        lambda: create_run(
            project=project,
            as_of=as_of,
            customers=None,
            dry_run=False,
            trigger=BillingRun.Trigger.COMMAND,
            actor=SYSTEM,
            at=at,
        )
    )
    return execute_run(run, at=at)


def move_clock(made: Sandbox, to: datetime) -> None:
    """Set the clock and leave undone what fell due, as where no schedule ran."""
    Project.objects.filter(pk=made.project.pk).update(clock_at=to)


def _metered(made: Sandbox) -> Sandbox:
    made.meter("tokens", aggregation="sum", value_property="n")
    made.plan(FEE, CALLS, TOKENS, code="usage")
    return made


# --- ingest ---------------------------------------------------------------------------------------

BILLED = parse_instant("2026-02-02T00:00:00Z")
ARRIVAL = parse_instant("2026-01-20T00:00:00Z")
FAULTY = {"id": "faulty", "type": "tokens", "data": {"n": "many"}}


def _body(number: int, **attributes: object) -> dict[str, object]:
    return factories.event_body(
        **{
            "id": f"e{number}",
            "type": "calls",
            "time": f"2026-01-{1 + number % 19:02}T10:00:00Z",
            **attributes,
        }
    )


def _half_known() -> Sandbox:
    made = _metered(started(FEE))
    made.subscribe(plan="usage", anchor="calendar")
    move_clock(made, ARRIVAL)
    known = [*(_body(number) for number in range(3)), factories.event_body(**FAULTY)]
    factories.accept(*known, project=made.project, at=ARRIVAL)
    return made


def _send_batch(made: Sandbox) -> None:
    """New events, duplicates of stored and of new ones, conflicts with both, failures old and new,
    and a subject that nobody named before.
    """
    outcomes = factories.accept(
        *(_body(number) for number in range(1, 8)),
        _body(7),
        _body(2, data={"n": 2}),
        _body(7, data={"n": 3}),
        _body(8, type="tokens", data={"n": 120}),
        _body(9, subject="globex"),
        _body(10, subject="globex", type="tokens", data={"n": 5}),
        factories.event_body(**FAULTY),
        _body(11, time="yesterday"),
        project=made.project,
        at=ARRIVAL,
    )
    assert [each.outcome for each in outcomes if each.outcome in {"conflict", "failed"}] == [
        *["conflict"] * 2,
        *["failed"] * 2,
    ]


INGEST = Operation("ingest", _half_known, _send_batch, _send_batch, BILLED)

# --- a billing run --------------------------------------------------------------------------------

BEFORE = parse_instant("2026-02-15T00:00:00Z")
AS_OF = parse_instant("2026-03-02T03:30:00Z")
AFTER = parse_instant("2026-03-02T05:00:00Z")


def _three_customers() -> Sandbox:
    """One with a short first period in a zone of its own, a late event, a late void and a charge;
    one whose subscription ended, with a late event; one with boundaries to catch up with, and a
    document that stays in its grace.
    """
    made = _metered(started(FEE, timezone="America/Sao_Paulo"))
    made.customer("ended")
    made.customer("behind")
    made.subscribe(plan="usage", anchor="calendar", start_at="2026-01-10T00:00:00Z")
    made.subscribe("sub-ended", customer="ended", plan="usage", start_at="2026-01-10T00:00:00Z")
    made.post("/subscriptions/sub-ended/changes", {"type": "cancel"})
    move_clock(made, parse_instant("2026-01-31T00:00:00Z"))
    _arrive(
        made,
        *({"id": f"in-time-{number}", "time": "2026-01-12T00:00:00Z"} for number in range(3)),
        {"id": "of-ended", "time": "2026-01-12T00:00:00Z", "subject": "ended"},
    )
    move_clock(made, BEFORE)
    run_billing(made.project, BEFORE)
    made.post("/events/void", {"source": "test", "id": "in-time-0", "reason": "test"}, 200)
    made.subscribe("sub-behind", customer="behind", plan="usage", start_at="2026-02-02T12:00:00Z")
    _arrive(
        made,
        {"id": "late", "time": "2026-01-13T00:00:00Z"},
        {"id": "late-of-ended", "time": "2026-01-13T00:00:00Z", "subject": "ended"},
        {"id": "next-period", "time": "2026-02-05T00:00:00Z"},
        {"id": "tokens", "time": "2026-02-06T00:00:00Z", "type": "tokens", "data": {"n": 150}},
        {"id": "of-behind", "time": "2026-02-14T00:00:00Z", "subject": "behind"},
    )
    charge = {"charge_key": "k", "customer": "acme", "amount": "5.00", "description": "Set-up"}
    made.post("/charges", charge)
    move_clock(made, AS_OF)
    return made


def _arrive(made: Sandbox, *events: Mapping[str, object]) -> None:
    bodies = [factories.event_body(**{"type": "calls", **event}) for event in events]
    factories.accept(*bodies, project=Project.objects.get(pk=made.project.pk))


def _bill(made: Sandbox) -> None:
    run_billing(made.project, AS_OF)


def _bill_again(made: Sandbox) -> None:
    """What was begun is taken up as by a sweep, when its dead worker's lease has expired; then the
    same run is asked for once more.
    """

    def later() -> datetime:
        return clock.wall() + lease_time()

    unfinished = BillingRun.UNFINISHED
    begun = BillingRun.objects.filter(project=made.project, status__in=unfinished)
    for run in begun.select_related("project"):
        assert execute_run(run, at=AS_OF, wall=later).status == BillingRun.Status.COMPLETED
    release_expired(at=later())
    assert not Lease.objects.filter(project=made.project).exists()
    _bill(made)


RUN = Operation("run", _three_customers, _bill, _bill_again, AFTER)

# --- an issuing step ------------------------------------------------------------------------------


def _charge_waiting() -> Sandbox:
    made = _metered(started(FEE))
    made.subscribe(plan="usage", anchor="calendar")
    move_clock(made, ARRIVAL)
    _arrive(made, {"id": "call", "time": "2026-01-12T00:00:00Z"})
    waits = {"charge_key": "waits", "customer": "acme", "amount": "5.00", "description": "Set-up"}
    made.post("/charges", waits)
    return made


def _charge_at_once(made: Sandbox) -> None:
    """The client's request, which it repeats with the same key."""
    charge = {
        "charge_key": "at-once",
        "customer": "acme",
        "amount": "12.34",
        "description": "Training",
        "invoice_now": True,
    }
    answer = made.post("/charges", charge, key="the-same-key")
    assert answer["invoice"] is not None


ISSUE = Operation("issue", _charge_waiting, _charge_at_once, _charge_at_once, BILLED)

OPERATIONS = (INGEST, RUN, ISSUE)
