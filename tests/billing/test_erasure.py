"""Erasure: nothing names the person any more, and not a byte of the books has changed."""

import json
from datetime import UTC, datetime
from functools import partial
from io import StringIO
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_django.fixtures import Settings

from billing.models import Invoice, InvoiceParty
from neruba.actor import SYSTEM
from neruba.models import AuditRecord, Customer, OutboxMessage, Project, User
from neruba.services.audit import record
from tests import factories
from tests.billing.sandbox import BASE, CALLS, Sandbox

pytestmark = pytest.mark.django_db(transaction=True)

NAME = 'Änne "Anni" Müller-Lüdenscheid'
PERSON: dict[str, Any] = {
    "name": NAME,
    "email": "aenne@private.example",
    "billing_address": {"street": "Gänsemarkt 36", "postal_code": "DE-20354", "city": "Hamburg"},
    "tax_ids": ["DE811569869"],
    "metadata": {"phone": "+49 40 123456", "segment": "gold"},
}
OLD = {"name": "Änne Schmidt", "email": "schmidt@private.example"}
WORDS = (
    *(
        NAME,
        json.dumps(NAME)[1:-1],
        json.dumps(NAME, ensure_ascii=False)[1:-1],
        "Müller",
        "M\\u00fc",
    ),
    *("aenne@", "Gänsemarkt 36", "DE-20354", "811569869", "40 123456"),
    *("Änne Schmidt", "\\u00c4nne", "schmidt@private"),
)


@pytest.fixture
def nothing_is_kept(settings: Settings) -> None:
    settings.INVOICE_KEEP_YEARS = 0


def billed() -> Sandbox:
    """A person who was renamed, billed, parked, spoken of, and who left; and one who stays."""
    sandbox = Sandbox()
    sandbox.meter()
    sandbox.plan(BASE, CALLS)
    sandbox.post("/customers", {"external_id": "c-17", **PERSON, **OLD})
    sandbox.customer("other")
    sandbox.call("PATCH", "/customers/c-17", PERSON, status=200)
    sandbox.subscribe(customer="c-17", anchor="calendar")
    sandbox.subscribe("sub-other", customer="other", anchor="calendar")
    sandbox.event("2026-01-01T00:00:00Z", subject="c-17", id="e1")
    sandbox.event("2026-01-01T00:00:00Z", subject="c-17", id="e2")
    void = {"source": "test", "id": "e2", "reason": f"{NAME} called"}
    sandbox.post("/events/void", void, 200)
    bad = {"id": "e3", "source": "test", "type": "calls", "subject": "c-17", "time": "soon"}
    sandbox.post("/events", {**bad, "data": {"who": NAME, "mail": PERSON["email"]}}, 400)
    charge = {"charge_key": "k", "customer": "c-17", "amount": "5.00", "description": "Set-up"}
    sandbox.post("/charges", {**charge, "metadata": {"phone": "+49 40 123456"}})
    leaves = {"type": "cancel", "reason": f"wish of {PERSON['email'].upper()}, Gänsemarkt 36"}
    sandbox.post("/subscriptions/sub/changes", leaves)
    project = Project.objects.get(pk=sandbox.project.pk)
    OutboxMessage.objects.create(
        project=project, topic="t", key="k", handler="h", payload=json.dumps({"to": NAME}),
        state="dead", cause=f"mail to {PERSON['email']} failed",
    )  # fmt: skip
    customer = Customer.objects.get(external_id="c-17")
    LogEntry.objects.create(
        user=User.objects.create_user("someone@neruba.example"),
        content_type=ContentType.objects.get_for_model(Customer),
        object_id=str(customer.pk),
        object_repr=str(customer),
        action_flag=2,
    )
    sandbox.clock("2026-03-02T00:00:00Z")
    return sandbox


def database() -> str:
    """Every value of every row of every table, as text."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            found += [
                value.decode(errors="replace") if isinstance(value, bytes) else str(value)
                for row in cursor.fetchall()
                for value in row
            ]
    return "\n".join(found).casefold()


def named_in(text: str) -> list[str]:
    return [word for word in WORDS if word.casefold() in text]


def books(sandbox: Sandbox) -> list[Any]:
    run_id = sandbox.get("/billing-runs")["data"][0]["id"]
    repeated = sandbox.post(f"/billing-runs/{run_id}/repeat", {"reason": "true?"}, 202)
    shown = [
        {name: value for name, value in invoice.items() if name != "parties"}
        for invoice in sandbox.invoices()
    ]
    usage = "meter=calls&from=2026-01-01T00:00:00Z&to=2026-03-01T00:00:00Z"
    return [
        shown,
        sandbox.get(f"/billing-runs/{repeated['id']}")["fingerprint"],
        sandbox.get("/ledger/trial-balance")["data"],
        sandbox.get(f"/usage?customer=c-17&{usage}"),
    ]


def run(name: str, *arguments: str) -> str:
    out = StringIO()
    call_command(name, *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def erase(sandbox: Sandbox, status: int = 200, **more: Any) -> Any:
    body = {"reason": f"{NAME} asked for it", **more}
    return sandbox.post("/customers/c-17/erase", body, status)


@pytest.mark.usefixtures("nothing_is_kept")
def test_no_word_is_left_and_the_books_stay() -> None:
    sandbox = billed()
    assert len(named_in(database())) > len(WORDS) - 3
    run("verify", "--project", sandbox.project.slug)
    before = books(sandbox)

    answer = erase(sandbox)

    assert named_in(database()) == []
    assert books(sandbox) == before
    assert "the parties' text was erased" in run("verify", "--project", sandbox.project.slug)
    assert (answer["documents"], answer["documents_kept"], answer["kept_until"]) == (2, 0, None)
    assert answer["id_names_person"] is False
    noted = AuditRecord.objects.get(action="customer.erased")
    assert (noted.object_id, noted.reason) == ("c-17", "[erased] asked for it")
    kept = sandbox.get("/customers/other")
    assert (kept["name"], kept["erased_at"]) == ("other", None)


@pytest.mark.usefixtures("nothing_is_kept")
def test_again_it_answers_the_same_and_notes_nothing() -> None:
    sandbox = billed()
    first = erase(sandbox)
    noted = AuditRecord.objects.count()
    assert erase(sandbox) == first
    assert AuditRecord.objects.count() == noted


def test_what_the_law_keeps_goes_when_its_time_is_over() -> None:
    sandbox = billed()
    said = run(
        "erase_customer",
        *("--project", sandbox.project.slug, "--customer", "c-17", "--reason", "asked for it"),
    )
    assert "2 of 2 invoices keep names and addresses, the last until 2037-01-01" in said
    assert sandbox.get("/customers/c-17")["name"] == "Erased customer"
    run("verify", "--project", sandbox.project.slug)
    parties = InvoiceParty.objects.filter(invoice__customer__external_id="c-17")
    assert all(NAME in json.loads(party.content)["to"]["name"] for party in parties)

    again = ("--project", sandbox.project.slug, "--again", "--reason", "its time is over")
    sandbox.now_at("2036-12-31T23:00:00Z")
    assert erase(sandbox)["documents_kept"] == 2
    assert "0 customers had text that was free" in run("erase_customer", *again)
    sandbox.now_at("2037-01-01T00:00:00Z")
    assert "1 customers had text that was free" in run("erase_customer", *again)
    assert "0 customers had text that was free" in run("erase_customer", *again)
    assert erase(sandbox)["documents_kept"] == 0
    assert named_in(database()) == []
    assert AuditRecord.objects.filter(action="customer.erased").count() == 2


def test_who_will_still_be_billed_is_not_erased() -> None:
    sandbox = billed()
    before = database()
    refused = sandbox.post("/customers/other/erase", {"reason": "asked"}, 409)
    assert refused["code"] == "bills_to_come"
    assert "subscription 'sub-other' runs" in refused["detail"]
    assert database().replace(refused["detail"].casefold(), "") == before
    with pytest.raises(CommandError, match="no customer 'nobody'"):
        run(
            "erase_customer",
            *("--project", sandbox.project.slug, "--customer", "nobody", "--reason", "x"),
        )


@pytest.mark.usefixtures("nothing_is_kept")
def test_an_erased_customer_takes_nothing_new_and_usage_is_still_counted() -> None:
    sandbox = billed()
    erase(sandbox)
    new = {"external_id": "new", "customer": "c-17", "plan": "pro"}
    assert sandbox.post("/subscriptions", new, 409)["code"] == "customer_erased"
    charge = {"charge_key": "k2", "customer": "c-17", "amount": "5.00", "description": "x"}
    assert sandbox.post("/charges", charge, 409)["code"] == "customer_erased"
    patched = sandbox.call("PATCH", "/customers/c-17", {"name": "Back"}, status=409)
    assert patched["code"] == "customer_erased"
    sandbox.post("/customers", {"external_id": "c-17", "name": NAME}, 409)
    sandbox.event("2026-03-01T00:00:00Z", subject="c-17")
    assert named_in(database()) == []


def test_an_id_that_names_the_person_is_told_of() -> None:
    sandbox = Sandbox()
    sandbox.post("/customers", {"external_id": "bo@private.example", "name": "Bo Ek",
                                "email": "bo@private.example"})  # fmt: skip
    answer = sandbox.post("/customers/bo@private.example/erase", {"reason": "asked"}, 200)
    assert answer["id_names_person"] is True


def test_text_that_went_without_an_erasure_is_a_difference() -> None:
    sandbox = billed()
    InvoiceParty.objects.filter(invoice__customer__external_id="c-17").update(salt="")
    with pytest.raises(CommandError, match="differences"):
        run("verify", "--project", sandbox.project.slug)


def test_a_key_without_the_scope_and_another_project_do_not_erase() -> None:
    sandbox = billed()
    for caller, status in (
        (factories.client(project=sandbox.project, scopes=["billing:write"]), 403),
        (factories.client(project=factories.project()), 404),
    ):
        answer = caller.post("/api/v1/customers/c-17/erase", {"reason": "x"}, format="json")
        assert answer.status_code == status
    assert Invoice.objects.exists()
    assert Customer.objects.get(external_id="c-17").name == NAME


@pytest.mark.usefixtures("nothing_is_kept")
def test_what_is_of_others_stays_byte_for_byte_and_can_be_read() -> None:
    """Numbers of an address and common words stand in everybody's rows."""
    sandbox = billed()
    metadata = {"budget": "20354", "year": "2026", "friend": "other", "flag": "null"}
    sandbox.call("PATCH", "/customers/c-17", {**PERSON, "metadata": metadata}, status=200)
    theirs = {
        "external_id": "third",
        "name": "Third",
        "metadata": {"limit": "20354", "of": "null"},
    }
    key, client = {"HTTP_IDEMPOTENCY_KEY": "third-1"}, sandbox.client
    send: Any = partial(client.post, "/api/v1/customers", theirs, format="json", **key)  # type: ignore[arg-type]
    first = send()
    note = {"events": 20354, "size": 5, "year": "2026", "none": None, "who": "other"}
    record(
        project=sandbox.project, actor=SYSTEM, action="thing.done", on=("thing", "1"),
        at=datetime(2026, 1, 1, tzinfo=UTC), reason="20354 units in 2026", details=note,
    )  # fmt: skip
    before = AuditRecord.objects.values_list("reason", "details").get(action="thing.done")

    erase(sandbox)

    assert AuditRecord.objects.values_list("reason", "details").get(action="thing.done") == before
    again = send()
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert sandbox.get("/audit?limit=1000")["next_cursor"] is None
    for document in OutboxMessage.objects.values_list("payload", flat=True):
        json.loads(document)
    history = Customer.objects.get(external_id="c-17").history
    assert not history.filter(erased_at=None).exists()
