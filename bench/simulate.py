"""A year of subscriptions that change every month, on a sandbox clock: invoices a second, and
whether the time of an invoice grows with the number of subscriptions.

Each subscription has a fee and seats in advance; each month half of them take more seats, at once
or with the next invoice, by the services that the API calls; then the clock moves to the next month
and a run bills what is due. A few are played before many, on one database in one run.
"""

import argparse
import logging
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import django
from dateutil.relativedelta import relativedelta

from bench.server import mariadb

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def main() -> None:
    parser = argparse.ArgumentParser(prog="bin/bench simulate", description=__doc__)
    parser.add_argument("--subscriptions", type=int, default=1_000)
    parser.add_argument("--few", type=int, default=250, help="subscriptions of the small project")
    parser.add_argument("--months", type=int, default=12)
    given = parser.parse_args()
    with mariadb():
        os.environ["NERUBA_ALLOWED_HOSTS"] = "*"
        django.setup()
        logging.disable(logging.CRITICAL)  # a line for each request
        year(f"warm-{given.few}", min(given.few, 10), 2)
        small = year(f"few-{given.few}", given.few, given.months)
        large = year(f"many-{given.subscriptions}", given.subscriptions, given.months)
    small.report()
    large.report()
    grown = large.of_an_invoice / small.of_an_invoice
    print(
        f"an invoice of {large.subscriptions:,} takes {grown:.2f} times what one of "
        f"{small.subscriptions:,} takes (bar: 1.25)"
    )


@dataclass(frozen=True, slots=True)
class Played:
    """What a year came to."""

    subscriptions: int
    invoices: int
    changes: int
    billing: float
    changing: float

    @property
    def of_an_invoice(self) -> float:
        """Seconds, with its share of the changes."""
        return (self.billing + self.changing) / self.invoices

    def report(self) -> None:
        print(
            f"{self.subscriptions:,} subscriptions: {self.changes:,} changes in "
            f"{self.changing:.1f} s, {self.invoices:,} invoices in all; runs took "
            f"{self.billing:.1f} s: {1 / self.of_an_invoice:,.0f} invoices a second with changes, "
            f"{self.invoices / self.billing:,.0f} by runs",
            flush=True,
        )


def year(slug: str, subscriptions: int, months: int) -> Played:
    """Play a project from its first day."""
    from billing.execution import bill_to  # noqa: PLC0415 - needs the settings above
    from billing.models import Invoice, Subscription  # noqa: PLC0415
    from billing.services.changes import change_subscription  # noqa: PLC0415
    from neruba.actor import SYSTEM  # noqa: PLC0415
    from neruba.edge import run_atomic  # noqa: PLC0415
    from neruba.models import Project  # noqa: PLC0415
    from neruba.services.projects import set_clock  # noqa: PLC0415
    from tests.billing.sandbox import BASE, SEATS, Sandbox  # noqa: PLC0415

    sandbox = Sandbox(slug=slug)
    sandbox.plan(BASE, SEATS)
    for number in range(subscriptions):
        sandbox.customer(f"customer-{number}")
        sandbox.subscribe(f"sub-{number}", customer=f"customer-{number}", quantities={"seats": "1"})
    project = Project.objects.get(pk=sandbox.project.pk)
    rows = list(Subscription.objects.filter(project=project).select_related("project", "customer"))
    billing = changing = 0.0
    changes = 0
    for month in range(months + 1):
        at = START + relativedelta(months=month) + HOUR
        set_clock(project=project, to=at)
        began = time.perf_counter()
        bill_to(project, at, lambda: True)
        billing += time.perf_counter() - began
        changing_began, at = time.perf_counter(), at + timedelta(days=10)
        set_clock(project=project, to=at)
        for place, row in enumerate(rows):
            if (place + month) % 2:
                continue
            given = {
                "price": "seats",
                "quantity": str(month + 2),
                "invoice": "now" if place % 4 else "next",
            }

            def ask(row: Subscription = row, given: dict[str, str] = given) -> None:
                change_subscription(
                    subscription=row,
                    type="set_quantity",
                    given=given,
                    reason="",
                    actor=SYSTEM,
                    at=at,  # noqa: B023 - called at once
                )

            run_atomic(ask)
            changes += 1
        changing += time.perf_counter() - changing_began
    invoices = Invoice.objects.filter(project=project, sequence__isnull=False).count()
    return Played(subscriptions, invoices, changes, billing, changing)


if __name__ == "__main__":
    main()
