"""Retention: what old events carried rests in files, and nothing that was counted changes."""

import gzip
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.test import Client
from pytest_django.fixtures import Settings

from billing.models import Invoice
from ingest.models import EventArchive, UsageEvent
from ingest.selectors.archives import archive_folder
from ingest.services import archive as service
from ingest.services.windows import rebuild_windows
from neruba.edge import run_atomic
from neruba.models import AuditRecord, Project
from tests import factories
from tests.billing.sandbox import BASE, CALLS, Sandbox

pytestmark = pytest.mark.django_db(transaction=True)

BEFORE = "2026-03-01T00:00:00Z"
TOKENS = {
    "code": "tokens",
    "kind": "usage",
    "meter": "tokens",
    "model": "per_unit",
    "unit_amount": "0.25",
}
COLUMNS = [field.attname for field in UsageEvent._meta.concrete_fields]
JANUARY = "/usage?customer=acme&meter=tokens&from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z"
# Parts of days at both ends: what windows cannot tell.
EDGES = "/usage?customer=acme&meter=tokens&from=2026-01-05T09:30:00Z&to=2026-01-09T11:00:00Z"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Settings) -> Path:
    settings.ARCHIVE_DIR = tmp_path / "archive"
    settings.RETENTION_MIN_DAYS = 30
    return tmp_path / "archive"


@pytest.fixture
def small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "EVENTS_A_FILE", 7)
    monkeypatch.setattr(service, "ROWS_AT_ONCE", 3)


def body(number: int, month: int, **more: Any) -> dict[str, Any]:
    day = 1 + number % 28
    return factories.event_body(
        **{
            "id": f"e{month}-{number}",
            "type": "tokens" if number % 3 else "calls",
            "time": f"2026-{month:02}-{day:02}T10:00:00Z",
            "data": {"n": number, "größe": "Straße \U0001f600", "x": 1.5},
            "custom": "extension",
            **more,
        }
    )


def billed() -> Sandbox:
    """January to March billed, with a late event, a void and its correction."""
    sandbox = _started()
    for month in (1, 2, 3):
        sandbox.now_at(f"2026-{month:02}-28T12:00:00Z")
        factories.accept(
            *(body(number, month) for number in range(20)), project=fresh(sandbox.project)
        )
        if month == 2:
            late = body(21, 1, id="late", time="2026-01-08T10:00:00Z")
            factories.accept(late, project=fresh(sandbox.project))
            void = {"source": "test", "id": "e1-4", "reason": "twice"}
            sandbox.post("/events/void", void, 200)
        sandbox.clock(f"2026-{month + 1:02}-02T00:00:00Z")
    sandbox.clock("2026-05-02T00:00:00Z")
    rebuild_windows(sandbox.project)
    return sandbox


def _started() -> Sandbox:
    sandbox = Sandbox()
    sandbox.meter()
    sandbox.meter("tokens", aggregation="sum", value_property="n")
    sandbox.plan(BASE, CALLS, TOKENS)
    sandbox.customer()
    sandbox.subscribe(anchor="calendar")
    return sandbox


def fresh(project: Project) -> Project:
    return Project.objects.get(pk=project.pk)


def rows(project: Project) -> list[tuple[Any, ...]]:
    return list(UsageEvent.objects.filter(project=project).order_by("id").values_list(*COLUMNS))


def run(name: str, *arguments: str) -> str:
    out = StringIO()
    call_command(name, *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def archive(sandbox: Sandbox, before: str = BEFORE, *more: str) -> str:
    return run("archive_events", "--project", sandbox.project.slug, "--before", before, *more)


def restore(sandbox: Sandbox) -> None:
    for path in sorted(archive_folder(sandbox.project).glob("*.gz")):
        run("restore_events", str(path), "--project", sandbox.project.slug)


def answers(sandbox: Sandbox) -> list[Any]:
    """All that was counted, as the API says it."""
    said = [sandbox.get(JANUARY), sandbox.get(EDGES), sandbox.invoices()]
    run_id = sandbox.get("/billing-runs")["data"][0]["id"]
    repeated = sandbox.post(f"/billing-runs/{run_id}/repeat", {"reason": "true?"}, 202)
    said.append(sandbox.get(f"/billing-runs/{repeated['id']}")["fingerprint"])
    return said


def test_nothing_that_was_counted_changes(small_files: None) -> None:
    sandbox = billed()
    before, counted = rows(sandbox.project), answers(sandbox)
    assert "41 events would move" in archive(sandbox, BEFORE, "--dry-run")
    assert rows(sandbox.project) == before

    assert "41 events rest in 6 files" in archive(sandbox)

    kept = UsageEvent.objects.filter(project=sandbox.project, archive__isnull=False)
    assert {(event.data, event.extensions) for event in kept} == {("", "")}
    assert kept.count() == 41
    assert answers(sandbox) == counted
    said = run("verify", "--project", sandbox.project.slug)
    assert "archived in 2026-01-" in said
    assert "no difference" in said
    restore(sandbox)
    assert rows(sandbox.project) == before
    assert "archived" not in run("verify", "--project", sandbox.project.slug)
    assert answers(sandbox) == counted


def test_the_manifest_tells_what_the_file_holds() -> None:
    sandbox = billed()
    archive(sandbox)
    january, february = EventArchive.objects.order_by("file")
    assert (january.events, january.retracted, february.events) == (21, 1, 20)
    hashes = UsageEvent.objects.filter(archive=january).values_list("content_hash", flat=True)
    total = sum(int.from_bytes(digest, "big") for digest in hashes) % 2**256
    assert january.checksum == total.to_bytes(32, "big")
    path = archive_folder(sandbox.project) / january.file
    assert january.file == f"2026-01-{january.sha256}.jsonl.gz"
    assert path.stat().st_size == january.size
    lines = gzip.decompress(path.read_bytes()).decode()
    assert lines.count("\n") == 21
    assert "acme" not in lines
    audit = AuditRecord.objects.filter(project=sandbox.project, action="events.archived")
    assert {record.object_id for record in audit} == {january.file, february.file}
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        EventArchive.objects.update(events=1)


def test_an_archived_event_is_still_a_duplicate_and_other_content_a_conflict() -> None:
    sandbox = billed()
    archive(sandbox)
    counted = answers(sandbox)
    outcomes = factories.accept(
        body(1, 1), body(2, 1, data={"n": 7}), body(4, 1), project=fresh(sandbox.project)
    )
    assert [one.outcome for one in outcomes] == ["duplicate", "conflict", "duplicate"]
    assert answers(sandbox) == counted


def test_late_usage_and_a_void_of_an_archived_month_are_billed_right() -> None:
    sandbox, twin = billed(), billed()
    archive(sandbox)
    for one in (sandbox, twin):
        late = body(26, 1, id="very-late", time="2026-01-08T10:00:00Z", data={"n": 1000})
        factories.accept(late, project=fresh(one.project))
        one.post("/events/void", {"source": "test", "id": "e1-5", "reason": "wrong"}, 200)
        one.clock("2026-06-02T00:00:00Z")
    assert [row["content_hash"] for row in sandbox.invoices()] == [
        row["content_hash"] for row in twin.invoices()
    ]
    assert sandbox.invoices()[0]["total"] != sandbox.invoices()[1]["total"]
    assert sandbox.get(JANUARY) == twin.get(JANUARY)
    run("verify", "--project", sandbox.project.slug)


def test_an_event_page_reads_the_archive() -> None:
    sandbox = billed()
    one = "/events/one?source=test&id=e1-5"
    before = sandbox.get(one)
    archive(sandbox)
    assert sandbox.get(one) == before
    listed = sandbox.get("/events?type=tokens&to=2026-02-01T00:00:00Z")["data"]
    assert {event["data"] for event in listed} == {None}


@pytest.fixture
def away(folder: Path) -> Sandbox:
    """January and February are archived, and the files were taken elsewhere."""
    sandbox = billed()
    archive(sandbox)
    folder.rename(folder.with_name("elsewhere"))
    return sandbox


def test_verify_says_what_is_not_at_hand(away: Sandbox, folder: Path) -> None:
    slug = away.project.slug
    out = StringIO()
    with pytest.raises(CommandError, match="of 2 of 5 invoices was not counted again") as raised:
        call_command("verify", "--project", slug, stdout=out, stderr=StringIO())
    assert raised.value.returncode == 3
    assert "21 events are archived in 2026-01-" in out.getvalue()
    assert "its quantities are those of its evidence" in out.getvalue()
    elsewhere = folder.with_name("elsewhere") / slug
    assert "no difference" in run("verify", "--project", slug, "--archive", str(elsewhere))
    verdicts = [
        away.post(f"/invoices/{invoice['id']}/verify", {}, 200) for invoice in away.invoices()
    ]
    assert [said["matches"] for said in verdicts].count(True) == 3
    said = next(said for said in verdicts if "2026-01-" in said.get("missing", ""))
    assert (said["matches"], said["differences"], said["rebuilt_hash"]) == (None, [], "")
    assert "not in the folder of archives" in said["missing"]
    assert "archived in 2026-01-" in said["archived"][0]


def test_the_invoice_page_says_so(away: Sandbox, client: Client) -> None:
    client.force_login(factories.operator(project=away.project, role="support"))
    first = Invoice.objects.get(project=away.project, boundary=1)
    page = f"/admin/billing/invoice/{first.pk}/change/?verify"
    assert "Usage was not counted again: Events are archived in 2026-01-" in shown(client, page)
    assert "Verified just now" not in shown(client, page)
    archived = EventArchive.objects.earliest("file")
    page = f"/admin/ingest/eventarchive/{archived.pk}/change/"
    assert "it is not in the folder of archives" in shown(client, page)


def shown(client: Client, page: str) -> str:
    return client.get(page).content.decode()


def test_a_difference_is_found_without_the_files_too(away: Sandbox) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE billing_invoiceline SET description = 'Other' WHERE kind = 'usage'")
    with pytest.raises(CommandError, match="differences") as raised:
        run("verify", "--project", away.project.slug)
    assert raised.value.returncode == 1


def test_usage_that_needs_what_is_not_at_hand_is_refused_never_guessed(away: Sandbox) -> None:
    assert away.get(JANUARY)["data"][0]["quantity"] != "0"  # from windows
    assert away.get(EDGES, 409)["code"] == "archive_missing"
    late = body(26, 1, id="very-late", time="2026-01-08T10:00:00Z")
    factories.accept(late, project=fresh(away.project))
    assert away.get(JANUARY, 409)["code"] == "archive_missing"


def test_billing_parks_whom_it_cannot_bill_and_names_the_file(away: Sandbox, folder: Path) -> None:
    late = body(26, 1, id="very-late", time="2026-01-08T10:00:00Z", data={"n": 1000})
    factories.accept(late, project=fresh(away.project))
    away.now_at("2026-06-02T00:00:00Z")
    with pytest.raises(CommandError, match="1 customers are parked"):
        run("bill", "--project", away.project.slug)
    folder.with_name("elsewhere").rename(folder)
    run("bill", "--project", away.project.slug)
    run("verify", "--project", away.project.slug)


@pytest.mark.parametrize("change", ["flip", "cut", "swap"])
def test_a_file_that_was_changed_is_found(change: str) -> None:
    sandbox = billed()
    archive(sandbox)
    january, february = sorted(archive_folder(sandbox.project).glob("*.gz"))
    content = january.read_bytes()
    if change == "flip":
        content = gzip.compress(gzip.decompress(content).replace(b'"n":5', b'"n":6'))
    elif change == "cut":
        content = content[:-20]
    else:
        content = february.read_bytes()
    january.write_bytes(content)
    with pytest.raises(CommandError, match="differences") as raised:
        run("verify", "--project", sandbox.project.slug)
    assert raised.value.returncode == 1
    assert sandbox.get(EDGES, 409)["code"] == "archive_damaged"
    before = rows(sandbox.project)
    with pytest.raises(CommandError, match="its checksum is not the one in its name"):
        run("restore_events", str(january), "--project", sandbox.project.slug)
    assert rows(sandbox.project) == before


def test_what_is_needed_stays() -> None:
    sandbox = billed()
    before = rows(sandbox.project)
    for bound, said in (
        ("2026-05-01T00:00:00Z", "events stay for 30 days"),
        ("2026-05-01T12:00:00Z", "the period of subscription 'sub' from 2026-05-01"),
    ):
        with pytest.raises(CommandError, match=said):
            archive(sandbox, bound)
    factories.accept(body(26, 1, id="very-late"), project=fresh(sandbox.project))
    with pytest.raises(CommandError, match=r"usage of 2026-01-27 has changed"):
        archive(sandbox)
    run_atomic(lambda: rebuild_windows(sandbox.project))
    with pytest.raises(CommandError, match="late usage of subscription 'sub'"):
        archive(sandbox)
    assert rows(sandbox.project)[: len(before)] == before
    sandbox.clock("2026-06-02T00:00:00Z")
    assert "42 events rest" in archive(sandbox)
    assert "0 events rest" in archive(sandbox)


def test_a_file_of_another_project_is_refused() -> None:
    sandbox = billed()
    archive(sandbox)
    path = next(iter(archive_folder(sandbox.project).glob("*.gz")))
    other = factories.project()
    with pytest.raises(CommandError, match="no archive of this project"):
        run("restore_events", str(path), "--project", other.slug)
    with pytest.raises(CommandError, match="No such file"):
        run(
            "restore_events",
            str(path.with_name("gone") / path.name),
            "--project",
            sandbox.project.slug,
        )
