"""A project to be billed: customers with one subscription each, and a month of their events.

Events are written by the server itself, from its table of numbers: as ingest would have stored
them, hashes included, at some 100,000 a second.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from django.db import connection

from bench.stored import connect
from billing.models import Plan, PlanVersion, Subscription, SubscriptionChange
from billing.rating.plan import parse_plan_price
from billing.rating.rhythm import Rhythm
from billing.rating.terms import Terms
from billing.services.plans import create_plan_version
from ingest.models import UsageEvent
from ingest.normalize import content_hash
from ingest.services.meters import create_meter
from neruba.actor import SYSTEM
from neruba.canonical import canonical_json
from neruba.edge import run_atomic
from neruba.models import Customer, Project, Subject
from neruba.services.projects import create_project

FIRST = datetime(2025, 12, 1, tzinfo=UTC)
START = datetime(2026, 1, 1, tzinfo=UTC)
END = datetime(2026, 2, 1, tzinfo=UTC)
METERS = ("input_tokens", "output_tokens")
PRICES = (
    {"code": "base", "kind": "recurring", "model": "flat", "amount": "20.00"},
    {
        "code": "input",
        "kind": "usage",
        "meter": "input_tokens",
        "model": "per_unit",
        "unit_amount": "0.0000025",
    },
    {
        "code": "output",
        "kind": "usage",
        "meter": "output_tokens",
        "model": "per_unit",
        "unit_amount": "0.00001",
    },
)
ROWS_A_STATEMENT = 50_000
CONNECTIONS = 2


@dataclass(frozen=True, slots=True)
class World:
    """A project and how much of it there is."""

    project: Project
    customers: int
    events: int


def new_world(slug: str, *, customers: int, events: int) -> World:
    """Make the project without its events; subscriptions start in the month before them."""
    project = create_project(
        slug=slug,
        name=slug.title(),
        currency="USD",
        timezone="UTC",
        mode="sandbox",
        clock_at=END + timedelta(days=1),
        settings={},
        actor=SYSTEM,
        wall=START,
    )
    for code in METERS:
        create_meter(
            project=project,
            code=code,
            name=code,
            event_type="llm.request",
            aggregation="sum",
            value_property=code,
            filters=[],
            group_by=[],
            actor=SYSTEM,
            at=START,
        )
    _subscribe(project, _plan(project), customers)
    return World(project, customers, events)


def load_events(world: World, url: str) -> None:
    """Store the events of the month, and no marks."""
    _load_events(world.project, customers=world.customers, events=world.events, url=url)
    _check_hashes(world.project)


def mark_dirty(world: World) -> None:
    """Mark every day of the month of every customer, as ingest does once for each batch."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO ingest_dirtymark (project_id, subject_id, type, day) "
            "SELECT s.project_id, s.id, 'llm.request', DATE(%s) + INTERVAL d.seq DAY "
            "FROM seq_0_to_30 d JOIN neruba_subject s ON s.project_id = %s",
            [START.date(), world.project.pk],
        )


def _plan(project: Project) -> PlanVersion:
    make = partial(
        create_plan_version,
        project=project,
        code="llm",
        name="LLM",
        currency="USD",
        interval="month",
        interval_count=1,
        prices=PRICES,
        actor=SYSTEM,
        at=START,
    )
    run_atomic(make)
    return Plan.objects.get(project=project, code="llm").versions.get()


def _subscribe(project: Project, version: PlanVersion, customers: int) -> None:
    names = [_customer(number) for number in range(customers)]
    Customer.objects.bulk_create(
        (
            Customer(project=project, external_id=name, name=name, created_at=FIRST)
            for name in names
        ),
        batch_size=1000,
    )
    of_project = Customer.objects.filter(project=project).order_by("pk")
    Subject.objects.bulk_create(
        (
            Subject(project=project, external_id=customer.external_id, customer=customer)
            for customer in of_project
        ),
        batch_size=1000,
    )
    Subscription.objects.bulk_create(
        (
            Subscription(
                project=project,
                external_id=f"sub-{customer.external_id}",
                customer=customer,
                currency="USD",
                start_at=FIRST,
                created_at=FIRST,
                due_at=FIRST,
            )
            for customer in of_project
        ),
        batch_size=1000,
    )
    SubscriptionChange.objects.bulk_create(
        (
            SubscriptionChange(
                project=project,
                subscription=subscription,
                number=1,
                type=SubscriptionChange.Type.CREATE,
                effective_at=subscription.start_at,
                requested_at=FIRST,
                actor="bench",
                plan_version=version,
                content=canonical_json(_terms(version, subscription.external_id).content()),
            )
            for subscription in Subscription.objects.filter(project=project)
        ),
        batch_size=1000,
    )


def _terms(version: PlanVersion, name: str) -> Terms:
    """Terms under a name of their own, so that no two subscriptions have the same."""
    return Terms(
        plan=f"llm for {name}",
        plan_version=version.version,
        currency="USD",
        rhythm=Rhythm("month"),
        anchor="calendar",
        billing_day=None,
        zone="UTC",
        basis="day",
        start=FIRST,
        prices=tuple(parse_plan_price(price) for price in PRICES),
    )


def _customer(number: int) -> str:
    return f"acct-{number:06d}"


def _load_events(project: Project, *, customers: int, events: int, url: str) -> None:
    """Spread the events evenly over the customers and the month, in the order of time.

    A customer's n-th event lies somewhere in the n-th part of the month; its numbers come from its
    place.
    """
    first = Subject.objects.filter(project=project).order_by("pk").values_list("pk", flat=True)[0]
    step = (END - START) // timedelta(microseconds=1) // events
    last = UsageEvent.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    # With ids of its own a statement needs no lock on the table's counter, and two run at once; the
    # subjects are looked up for each event, since without statistics the server may scan them.
    insert = f"""
        INSERT INTO ingest_usageevent (id, project_id, source, event_id, subject_id, type,
            effective_at, received_at, data, extensions, subscription, content_hash, backfill)
        SELECT STRAIGHT_JOIN {last} + 1 + e.seq, {project.pk}, 'bench', e.event_id, e.subject_id,
            'llm.request', e.at, e.at, e.data, '{{}}', '',
            UNHEX(SHA2(CONCAT('["bench","', e.event_id, '","llm.request","', s.external_id, '","',
                DATE_FORMAT(e.at, '%%Y-%%m-%%dT%%H:%%i:%%s.%%fZ'), '",', e.data, ']'), 256)), 0
        FROM (
            SELECT seq, CONCAT(%s, LPAD(seq, 9, '0')) AS event_id,
                {first} + (seq * 7919) %% {customers} AS subject_id,
                TIMESTAMP('2026-01-01') + INTERVAL seq * {step} MICROSECOND AS at,
                CONCAT('{{"input_tokens":', CRC32(CONCAT('i', seq)) %% 8000,
                    ',"output_tokens":', CRC32(CONCAT('o', seq)) %% 1000, '}}') AS data
            FROM seq_{{first}}_to_{{last}}
        ) e JOIN neruba_subject s ON s.id = e.subject_id
        """  # noqa: S608

    def load(part: tuple[int, int]) -> None:
        database = connect(url)
        cursor = database.cursor()
        cursor.execute("SET unique_checks = 0, foreign_key_checks = 0, time_zone = '+00:00'")
        cursor.execute(
            insert.replace("{first}", str(part[0])).replace("{last}", str(part[1])),
            [f"{project.slug}-"],
        )
        database.commit()
        database.close()

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        list(pool.map(load, _parts(events)))


def _parts(events: int) -> Iterator[tuple[int, int]]:
    for first in range(0, events, ROWS_A_STATEMENT):
        yield first, min(first + ROWS_A_STATEMENT, events) - 1


def _check_hashes(project: Project) -> None:
    """What was loaded is what ingest would have stored."""
    for event in UsageEvent.objects.filter(project=project).select_related("subject")[:1000]:
        made = content_hash(
            source=event.source,
            event_id=event.event_id,
            kind=event.type,
            subject=event.subject.external_id,
            time=event.effective_at,
            text=event.data,
            subscription="",
        )
        assert made == event.content_hash, event
