"""Operators are told by mail of runs that parked customers."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import override_settings

from billing.services.runs import COMPLETED
from neruba.models import OutboxMessage
from neruba.outbox import Handler, register_handler, unregister_handler
from neruba.tasks import deliver_due
from support.services.alerts import mail_parked_customers
from tests.billing.runs.stories import TOO_MUCH, customers_of_a_month, mend, use

pytestmark = pytest.mark.django_db


@pytest.fixture
def letters(tmp_path: Path) -> Iterator[Path]:
    register_handler(Handler(COMPLETED, "mail", mail_parked_customers, external=True))
    with override_settings(
        ALERTS_TO=["ops@neruba.example"],
        EMAIL_BACKEND="django.core.mail.backends.filebased.EmailBackend",
        EMAIL_FILE_PATH=str(tmp_path),
    ):
        yield tmp_path
    unregister_handler(COMPLETED, "mail")


def test_a_run_that_parked_customers_is_told_once_and_one_that_went_well_is_not(
    letters: Path,
) -> None:
    sandbox = customers_of_a_month("anna", "huge")
    use(sandbox, "huge", TOO_MUCH)
    sandbox.clock("2026-02-01T01:00:00Z")
    assert deliver_due() == OutboxMessage.objects.count() > 1
    assert deliver_due() == 0
    (letter,) = letters.iterdir()
    text = letter.read_text()
    run = sandbox.get("/billing-runs")["data"][-1]["id"]
    assert "To: ops@neruba.example" in text
    assert f"Subject: [Neruba] {sandbox.project.slug}: billing run {run}" in text
    assert "1 document waits" in text
    mend(sandbox, "huge")
    sandbox.post(f"/billing-runs/{run}/retry", {}, 202)
    assert deliver_due() == 1
    assert len(list(letters.iterdir())) == 1
