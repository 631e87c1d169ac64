"""What a project comes to: all that must be equal whether or not something broke off on the way."""

from datetime import datetime
from typing import Any

from billing.models import Charge, Invoice, LateUsage
from billing.selectors.verify import issue_entries_without_invoice, number_gaps, verify_invoices
from ingest.models import DirtyMark, EventRetraction, FailedEvent, Meter, UsageEvent
from ingest.selectors.usage import UsageNeed, usage_of
from ledger.models import Transfer
from ledger.selectors.balances import trial_balance
from ledger.selectors.verify import book_differences
from neruba.models import Project, Subject
from neruba.period import parse_instant
from tests.billing.sandbox import Sandbox
from tests.crash.operations import move_clock, run_billing

START = parse_instant("2026-01-01T00:00:00Z")


EndState = dict[str, Any]


def end_state(made: Sandbox, end: datetime) -> EndState:
    """The project by natural keys, once all that is due by `end` was billed, and verified."""
    project = Project.objects.get(pk=made.project.pk)
    move_clock(made, end)
    final = run_billing(project, end)
    assert run_billing(project, end).finalized == 0, "something was left due"
    _verify(project)
    invoices = Invoice.objects.filter(project=project)
    return {
        "fingerprint": final.fingerprint,
        "invoices": sorted(invoices.values_list("operation_key", "status", "content_hash")),
        "charges": sorted(
            Charge.objects.filter(project=project).values_list(
                "charge_key", "invoice__operation_key"
            )
        ),
        "transfers": _transfers(project),
        "balances": [
            (one.account.code, one.currency, one.debit_minor, one.credit_minor)
            for one in trial_balance(project)
        ],
        "events": _events(project),
        "usage": _usage(project, end),
        "late": LateUsage.objects.filter(project=project).count(),
        "marks": DirtyMark.objects.filter(project=project).values("subject", "type", "day")
        .distinct().count(),
    }  # fmt: skip


def _verify(project: Project) -> None:
    issued = Invoice.objects.filter(project=project, sequence__isnull=False)
    assert number_gaps(project) == []
    assert issue_entries_without_invoice(project) == []
    assert list(book_differences(project)) == []
    rows = list(issued.select_related("customer", "subscription__customer", "party"))
    differing = [one for one in verify_invoices(project, rows) if not one.matches]
    assert differing == []


def _transfers(project: Project) -> list[tuple[Any, ...]]:
    accounts = [
        f"{side}_account__{part}"
        for side in ("debit", "credit")
        for part in ("code", "currency", "party", "sub")
    ]
    rows = Transfer.objects.filter(project=project).order_by()
    key = ("entry__kind", "entry__object", "entry__occurrence", "entry__request_hash")
    return sorted(rows.values_list(*key, "document", "line", "amount_minor", *accounts))


def _events(project: Project) -> list[tuple[Any, ...]]:
    """Accepted, retracted and failed ones. How often a failed body came is no part: it comes again
    with a repeated batch.
    """
    accepted = UsageEvent.objects.filter(project=project).values_list(
        "source", "event_id", "subject__external_id", "subject__customer__external_id",
    )  # fmt: skip
    hashes = UsageEvent.objects.filter(project=project).values_list("event_id", "content_hash")
    retracted = EventRetraction.objects.filter(project=project)
    failed = FailedEvent.objects.filter(project=project).values_list("body_hash", "code", "state")
    return [
        *sorted(accepted, key=str),
        *sorted((name, bytes(digest).hex()) for name, digest in hashes),
        *sorted(retracted.values_list("event__event_id", "kind")),
        *sorted(failed),
    ]


def _usage(project: Project, end: datetime) -> list[tuple[Any, ...]]:
    """What each subject used by each meter, from windows and from raw events alike."""
    rows = [
        (subject, meter)
        for subject in Subject.objects.filter(project=project).order_by("external_id")
        for meter in Meter.objects.filter(project=project).order_by("code")
    ]
    needs = [
        UsageNeed(subject.pk, meter.pk, project.timezone, START, end, None)
        for subject, meter in rows
    ]
    windows = usage_of(project, needs, bound=None, source="windows")
    assert windows == usage_of(project, needs, bound=None, source="raw")
    return [
        (subject.external_id, meter.code, one.quantity, one.events, one.checksum)
        for (subject, meter), one in zip(rows, windows, strict=True)
    ]
