"""What is tried on a restored copy, in a process of its own on the copy's DATABASE_URL.

    python -m bin.lib.copy_checks     prints JSON: the checks, the counts of rows, what to ask the
                                      source for

No worker and no schedule runs on the copy, and the settings let nothing out (rehearsal_settings).
News that waited in the source is marked dead before anything else, so that it is not told from a
copy that is kept either.
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from io import StringIO
from typing import Any

import django

django.setup()

from django.apps import apps  # noqa: E402
from django.core.management import CommandError, call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.db.migrations.executor import MigrationExecutor  # noqa: E402

from billing.models import BillingRun  # noqa: E402
from billing.selectors.runs import finalized_by, fingerprint_of  # noqa: E402
from ledger.selectors.balances import trial_balance  # noqa: E402
from neruba.append_only import APPEND_ONLY, OPERATIONS, missing_triggers  # noqa: E402
from neruba.models import OutboxMessage, Project  # noqa: E402
from neruba.money import Money  # noqa: E402

COUNTED = (*APPEND_ONLY, "neruba.Customer", "billing.Invoice", "billing.InvoiceLine")


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report."""

    name: str
    passed: bool
    detail: str
    seconds: float = 0


@dataclass(frozen=True, slots=True)
class Documents:
    """The finalised documents of a project that were due by an instant, up to a number."""

    project: str
    as_of: str
    last_number: int
    count: int
    fingerprint: str


def main() -> int:
    silence()
    rows = counts()  # before the runs below add theirs
    checks = [timed("migrations", migrations), timed("triggers", triggers)]
    documents: list[Documents] = []
    projects = list(Project.objects.order_by("slug"))
    checks.append(Check("projects", bool(projects), f"{len(projects)} to look at"))
    for project in projects:
        checks.append(timed(f"{project.slug}: verify", partial(verify, project)))
        checks.append(timed(f"{project.slug}: trial balance", partial(balance, project)))
        run = last_run(project)
        if run is not None:
            stored = stored_documents(project, run.as_of)
            documents.append(stored)
            checks.append(timed(f"{project.slug}: run", partial(repeat, project, run, stored)))
    silence()
    found = {
        "checks": [asdict(check) for check in checks],
        "counts": rows,
        "documents": [asdict(one) for one in documents],
    }
    print(json.dumps(found))
    return 0


def timed(name: str, look: Callable[[], tuple[bool, str]]) -> Check:
    started = time.monotonic()
    passed, detail = look()
    return Check(name, passed, detail, time.monotonic() - started)


def silence() -> None:
    """Let no news of the copy wait for a worker."""
    waiting = OutboxMessage.objects.filter(state=OutboxMessage.State.WAITING)
    waiting.update(state=OutboxMessage.State.DEAD, cause="a rehearsal's copy tells nobody")


def counts() -> dict[str, int]:
    """Rows by model, of those that only grow."""
    return {
        label: apps.get_model(label)._default_manager.count()  # noqa: SLF001
        for label in COUNTED
    }


def migrations() -> tuple[bool, str]:
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    applied = len(executor.loader.applied_migrations)
    return not missing, f"{applied} applied, {len(missing)} of this code are missing"


def triggers() -> tuple[bool, str]:
    missing, wanted = missing_triggers(), len(APPEND_ONLY) * len(OPERATIONS)
    return not missing, f"{wanted - len(missing)} of {wanted} stand {', '.join(missing)}".strip()


def verify(project: Project) -> tuple[bool, str]:
    said = StringIO()
    try:
        call_command("verify", project=project.slug, stdout=said, stderr=StringIO())
    except CommandError as error:
        return False, f"{error} {' | '.join(said.getvalue().splitlines()[:5])}"
    return True, said.getvalue().splitlines()[-1]


def balance(project: Project) -> tuple[bool, str]:
    sums: dict[str, tuple[int, int]] = {}
    for row in trial_balance(project):
        debit, credit = sums.get(row.currency, (0, 0))
        sums[row.currency] = debit + row.debit_minor, credit + row.credit_minor
    words = [
        f"debit {Money(debit, currency).amount} {currency}, credit {Money(credit, currency).amount}"
        for currency, (debit, credit) in sorted(sums.items())
    ]
    passed = all(debit == credit for debit, credit in sums.values())
    return passed, "; ".join(words) or "nothing was posted"


def last_run(project: Project) -> BillingRun | None:
    """The last run for all customers that billed and is completed."""
    rows = BillingRun.objects.filter(project=project, status=BillingRun.Status.COMPLETED)
    whole = rows.filter(dry_run=False, repeats=None, customers__isnull=True)
    return whole.order_by("as_of", "pk").last()


def stored_documents(project: Project, as_of: datetime, up_to: int | None = None) -> Documents:
    """Those finalised, by number (with `up_to`: to this one), as their rows say."""
    rows = finalized_by(project, as_of).order_by("sequence")
    if up_to is not None:
        rows = rows.filter(sequence__lte=up_to)
    found = list(rows.values_list("sequence", "content_hash"))
    last = (found[-1][0] or 0) if found else 0
    fingerprint = fingerprint_of(content for _, content in found)
    return Documents(project.slug, as_of.isoformat(), last, len(found), fingerprint)


def repeat(project: Project, run: BillingRun, stored: Documents) -> tuple[bool, str]:
    """Every document due by the run's instant computed again, from raw usage and snapshots."""
    said = StringIO()
    try:
        call_command(
            "bill", project=project.slug, repeat=run.public_id, stdout=said, stderr=StringIO()
        )
    except CommandError as error:
        return False, f"{run.public_id} repeated: {error}"
    again: dict[str, Any] = json.loads(said.getvalue())
    detail = f"{run.public_id} repeated: {stored.count} documents, {again['fingerprint'][:12]}…"
    if again["fingerprint"] != stored.fingerprint:
        return False, f"{detail}, but stored are {stored.fingerprint[:12]}…"
    is_newest = again["fingerprint"] == run.fingerprint
    return again["matches"] is True, f"{detail}{', as the run itself said' * is_newest}"


if __name__ == "__main__":
    sys.exit(main())
