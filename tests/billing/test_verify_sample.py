"""The sample of the newest invoices and entries: sound books pass, changed ones are counted."""

import pytest

from billing.tasks import verify_sample
from ledger.models import JournalEntry, Transfer
from neruba.append_only import purging
from neruba.models import InvariantCheck, Project
from tests.billing.sandbox import BASE, Sandbox, started

pytestmark = pytest.mark.django_db


def billed() -> Sandbox:
    """One invoice, in a project that the sample looks at."""
    sandbox = started(BASE)
    sandbox.subscribe()
    sandbox.clock("2026-02-01T01:00:00Z")
    Project.objects.filter(pk=sandbox.project.pk).update(mode=Project.Mode.LIVE)
    return sandbox


def test_sound_books_have_no_violation() -> None:
    billed()
    assert verify_sample() == 0
    kept = InvariantCheck.objects.get()
    assert (kept.name, kept.violations, kept.detail) == ("sample", 0, "")
    assert kept.checked > JournalEntry.objects.count()


def test_what_was_changed_behind_the_back_is_counted_and_told() -> None:
    sandbox = billed()
    with purging():
        Transfer.objects.update(amount_minor=2900)
    assert verify_sample() > 0
    kept = InvariantCheck.objects.get()
    assert kept.violations == len(kept.detail.splitlines())
    assert f"{sandbox.project.slug}: invoice INV-000001: " in kept.detail
    assert f"{sandbox.project.slug}: entry " in kept.detail
    assert verify_sample() == kept.violations
    assert InvariantCheck.objects.count() == 1


def test_a_sandbox_is_not_looked_at() -> None:
    sandbox = started(BASE)
    sandbox.subscribe()
    assert verify_sample() == 0
    assert InvariantCheck.objects.get().checked == 0
