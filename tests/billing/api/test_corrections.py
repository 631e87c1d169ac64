"""Credit notes, voids and write-offs by API; what is refused changes nothing."""

from typing import Any

import pytest

from billing.models import CreditNote, Invoice
from ledger.models import JournalEntry, Transfer
from ledger.selectors.balances import trial_balance
from ledger.selectors.verify import book_differences
from neruba.actor import Actor
from neruba.edge import run_atomic
from neruba.errors import ConflictError
from neruba.models import Approval, AuditRecord, Project
from neruba.services.approvals import approve
from tests import factories
from tests.billing.sandbox import BASE, CALLS, Sandbox, started

pytestmark = pytest.mark.django_db


@pytest.fixture
def sandbox() -> Sandbox:
    return started()


def charge(sandbox: Sandbox, amount: str, key: str = "setup") -> Any:
    body = {"customer": "acme", "amount": amount, "description": "Work", "invoice_now": True}
    made = sandbox.post("/charges", {**body, "charge_key": key})
    return sandbox.get(f"/invoices/{made['invoice']}")


def credit(
    sandbox: Sandbox, invoice: Any, amount: str | None, status: int = 201, **more: Any
) -> Any:
    line = {"line": invoice["lines"][0]["id"], "amount": amount}
    body = {"invoice": invoice["id"], "lines": [line], "reason": "a mistake", **more}
    return sandbox.post("/credit-notes", body, status)


def books(project: Project) -> dict[str, int]:
    assert list(book_differences(project)) == []
    rows = trial_balance(project)
    return {row.account.code: row.balance_minor for row in rows if row.balance_minor}


def counts() -> tuple[int, ...]:
    models = (CreditNote, JournalEntry, Transfer, AuditRecord, Approval)
    return tuple(model.objects.count() for model in models)


def test_a_credit_note_lowers_what_is_due_and_is_listed(sandbox: Sandbox) -> None:
    invoice = charge(sandbox, "40.00")
    other = charge(sandbox, "5.00", "other")
    note = credit(sandbox, invoice, "15.00")
    wanted = {
        "number": "CN-000001",
        "status": "issued",
        "settle": "invoice",
        "invoice": invoice["id"],
        "invoice_number": "INV-000001",
        "customer": "acme",
        "subtotal": "15.00",
        "tax_total": "0.00",
        "total": "15.00",
        "grant": None,
        "voided_at": None,
    }
    assert {name: note[name] for name in wanted} == wanted
    (line,) = note["lines"]
    assert (line["line"], line["amount"], line["tax_amount"]) == ("charge:setup", "15.00", "0.00")
    shown = sandbox.get(f"/invoices/{invoice['id']}")
    assert (shown["credited"], shown["amount_due"]) == ("15.00", "25.00")
    assert sandbox.get(f"/credit-notes/{note['id']}") == note
    second = credit(sandbox, other, "1.00")
    assert sandbox.get("/credit-notes")["data"] == [note, second]
    assert sandbox.get(f"/credit-notes?invoice={invoice['id']}")["data"] == [note]
    assert sandbox.get("/credit-notes?customer=acme&limit=1")["data"] == [note]
    assert sandbox.get("/credit-notes?customer=nobody")["data"] == []


def test_without_an_amount_all_that_is_left_is_given_back(sandbox: Sandbox) -> None:
    invoice = charge(sandbox, "40.00")
    credit(sandbox, invoice, "15.00")
    assert credit(sandbox, invoice, None)["total"] == "25.00"
    before = counts()
    refused = credit(sandbox, invoice, None, 400)
    assert refused["errors"][0]["pointer"] == "/lines/0/amount"
    refused = credit(sandbox, invoice, "0.01", 400)
    assert "0.00 USD is left" in refused["errors"][0]["detail"]
    assert counts() == before


def test_a_repeat_of_the_key_gives_the_same_credit_note(sandbox: Sandbox) -> None:
    invoice = charge(sandbox, "40.00")
    body = {
        "invoice": invoice["id"],
        "lines": [{"line": "charge:setup", "amount": "15.00", "quantity": "0.5"}],
        "reason": "a mistake",
    }
    first = sandbox.post("/credit-notes", body, key="once")
    after = counts()
    assert sandbox.post("/credit-notes", body, key="once") == first
    assert first["lines"][0]["quantity"] == "0.5"
    assert counts() == after


@pytest.mark.parametrize(
    ("settle", "balances", "made"),
    [
        ("invoice", {"2020": 1500}, 0),
        ("balance", {"2020": 1500}, 0),
        ("wallet", {"2000": 1500}, 1),
        ("refund", {"2300": 1500}, 0),
    ],
)
def test_what_was_paid_goes_where_it_was_asked_to(
    sandbox: Sandbox, settle: str, balances: dict[str, int], made: int
) -> None:
    invoice = charge(sandbox, "40.00")
    pay(sandbox, "40.00")
    note = credit(sandbox, invoice, "15.00", settle=settle)
    found = books(sandbox.project)
    assert {code: minor for code, minor in found.items() if code[0] == "2"} == balances
    assert bool(note["grant"]) == bool(made)


def pay(sandbox: Sandbox, amount: str) -> Any:
    body = {"customer": "acme", "amount": amount, "currency": "USD"}
    return sandbox.post("/payments", {**body, "method": "cash", "reference": "till 1"})


def test_a_void_makes_it_due_again_and_keeps_the_number(sandbox: Sandbox) -> None:
    invoice = charge(sandbox, "40.00")
    before = books(sandbox.project)
    note = credit(sandbox, invoice, "15.00")
    void = sandbox.post(f"/credit-notes/{note['id']}/void", {"reason": "it was right"}, 200)
    assert (void["status"], void["total"]) == ("void", "15.00")
    assert books(sandbox.project) == before
    assert sandbox.get(f"/invoices/{invoice['id']}")["amount_due"] == "40.00"
    stands = counts()
    again = sandbox.post(f"/credit-notes/{note['id']}/void", {"reason": "twice"}, 409)
    assert "void already" in again["detail"]
    assert counts() == stands
    assert credit(sandbox, invoice, "40.00")["number"] == "CN-000002"


def test_a_refunded_credit_note_is_not_taken_back(sandbox: Sandbox) -> None:
    invoice = charge(sandbox, "40.00")
    pay(sandbox, "40.00")
    note = credit(sandbox, invoice, "15.00", settle="refund")
    before = (counts(), books(sandbox.project))
    sandbox.post(f"/credit-notes/{note['id']}/void", {"reason": "no"}, 409)
    sandbox.post(f"/invoices/{invoice['id']}/void", {"reason": "no"}, 409)
    assert (counts(), books(sandbox.project)) == before


def test_a_subscription_billed_ahead_and_credited_mid_period_leaves_nothing_deferred() -> None:
    """30.00 for January, credited whole on the 16th: 15 of 31 days are earned."""
    sandbox = started(BASE)
    sandbox.subscribe()
    sandbox.clock("2026-01-16T00:00:00Z")
    (invoice,) = sandbox.get("/invoices")["data"]
    assert books(sandbox.project)["2100"] == 3000
    note = credit(sandbox, invoice, "10.00")
    # 14.52 are earned and recognised; of the 15.48 that are not, 10.00 are given back.
    found = books(sandbox.project)
    assert found == {"1100": 2000, "2100": 548, "4000": 1452}
    credit(sandbox, invoice, None)
    assert books(sandbox.project) == {"4000": 1452, "4900": 1452}
    sandbox.clock("2026-02-01T01:00:00Z")
    sandbox.post(f"/credit-notes/{note['id']}/void", {"reason": "it was right"}, 200)
    assert sandbox.get(f"/invoices/{invoice['id']}")["amount_due"] == "10.00"


def test_a_void_invoice_is_owed_by_nobody(sandbox: Sandbox) -> None:
    invoice = charge(sandbox, "40.00")
    path = f"/invoices/{invoice['id']}/void"
    before = counts()
    refused = sandbox.post(path, {"reason": "x", "rebill": True}, 400)
    assert refused["code"] == "unsupported"
    assert counts() == before
    note = credit(sandbox, invoice, "1.00")
    stands = counts()
    assert "CN-000001" in sandbox.post(path, {"reason": "x"}, 409)["detail"]
    assert counts() == stands
    sandbox.post(f"/credit-notes/{note['id']}/void", {"reason": "first"}, 200)
    void = sandbox.post(path, {"reason": "wrong customer"}, 200)
    assert (void["status"], void["amount_due"], void["number"]) == ("void", "0.00", "INV-000001")
    assert books(sandbox.project) == {}


def test_what_is_written_off_is_due_no_more(sandbox: Sandbox) -> None:
    invoice = charge(sandbox, "40.00")
    pay(sandbox, "10.00")
    path = f"/invoices/{invoice['id']}/write-off"
    done = sandbox.post(path, {"reason": "bankrupt"}, 200)
    assert (done["written_off"], done["invoice"]["status"]) == ("30.00", "uncollectible")
    stands = counts()
    sandbox.post(path, {"reason": "again"}, 409)
    assert counts() == stands


def test_a_draft_is_neither_credited_nor_void_nor_written_off() -> None:
    sandbox = started(BASE, CALLS)
    sandbox.subscribe()
    sandbox.clock("2026-02-01T00:30:00Z")
    draft = next(row for row in sandbox.get("/invoices")["data"] if row["status"] == "draft")
    before = counts()
    credit(sandbox, draft, "1.00", 409)
    for act in ("void", "write-off"):
        sandbox.post(f"/invoices/{draft['id']}/{act}", {"reason": "x"}, 409)
    assert counts() == before


# The second person


def operator_of(sandbox: Sandbox, role: str) -> tuple[Sandbox, Actor]:
    user = factories.operator(project=sandbox.project, role=role)
    caller = Sandbox.__new__(Sandbox)
    caller.project = sandbox.project
    secret = factories.token_of(user).secret
    caller.client = factories.client(project=sandbox.project, secret=secret)
    caller.client.credentials(
        HTTP_AUTHORIZATION=f"Bearer {secret}", HTTP_NERUBA_PROJECT=sandbox.project.slug
    )
    return caller, Actor("operator", user.email)


def decide(sandbox: Sandbox, asked: Any) -> Approval:
    approval = Approval.objects.select_related("project").get(public_id=asked["approval"])
    owner = factories.operator(project=sandbox.project, role="owner")
    return run_atomic(
        lambda: approve(
            approval=approval,
            reason="agreed",
            actor=Actor("operator", owner.email),
            at=factories.START,
        )
    )


def test_a_credit_note_above_the_limit_waits_for_a_second_person(sandbox: Sandbox) -> None:
    invoice = charge(sandbox, "9000.00")
    finance, who = operator_of(sandbox, "finance")
    asked = credit(finance, invoice, None, 202)
    assert (CreditNote.objects.count(), books(sandbox.project)["1100"]) == (0, 900000)
    approval = decide(sandbox, asked)
    note = CreditNote.objects.get()
    assert (approval.result, note.issued_by) == (note.public_id, who.name)
    assert sandbox.get(f"/invoices/{invoice['id']}")["amount_due"] == "0.00"


def test_up_to_the_limit_it_is_issued_at_once(sandbox: Sandbox) -> None:
    invoice = charge(sandbox, "9000.00")
    finance, _ = operator_of(sandbox, "finance")
    credit(finance, invoice, "5000.00")
    credit(finance, invoice, None)
    assert (CreditNote.objects.count(), Approval.objects.count()) == (2, 0)


def test_what_cannot_be_done_is_not_asked_for(sandbox: Sandbox) -> None:
    invoice = charge(sandbox, "9000.00")
    finance, _ = operator_of(sandbox, "finance")
    before = counts()
    credit(finance, invoice, "9000.01", 400)
    assert counts() == before
    pay(sandbox, "9000.00")
    before = counts()
    finance.post(f"/invoices/{invoice['id']}/write-off", {"reason": "x"}, 409)
    assert counts() == before


def test_what_changed_since_it_was_asked_is_not_written_off(sandbox: Sandbox) -> None:
    invoice = charge(sandbox, "9000.00")
    finance, who = operator_of(sandbox, "finance")
    asked = finance.post(f"/invoices/{invoice['id']}/write-off", {"reason": "bankrupt"}, 202)
    pay(sandbox, "100.00")
    with pytest.raises(ConflictError, match=r"8900\.00 USD is due of it now"):
        decide(sandbox, asked)
    assert Invoice.objects.get().status == "open"
    asked = finance.post(f"/invoices/{invoice['id']}/write-off", {"reason": "bankrupt"}, 202)
    assert decide(sandbox, asked).result == invoice["id"]
    assert Invoice.objects.get().status == "uncollectible"
    record = AuditRecord.objects.filter(action="invoice.written_off").get()
    assert record.actor == who.name
