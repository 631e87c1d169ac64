"""The ageing of receivables, from documents to its tie with the books."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from billing.ageing import RANGES, Owed, Owner, Tie, aged, range_of
from billing.models import Invoice
from billing.selectors.ageing import receivables_ageing
from ledger.services.journal import post_entry
from ledger.templates import AccountKey, Move, OperationKey
from neruba.models import Project
from tests import factories
from tests.billing.sandbox import BASE, Sandbox, started

DAY = date(2026, 6, 30)


@pytest.mark.parametrize(
    ("past_due", "name"),
    [
        (-400, RANGES[0]),
        (0, RANGES[0]),
        (1, RANGES[1]),
        (30, RANGES[1]),
        (31, RANGES[2]),
        (60, RANGES[2]),
        (61, RANGES[3]),
        (90, RANGES[3]),
        (91, RANGES[4]),
        (4000, RANGES[4]),
    ],
)
def test_a_document_is_in_the_range_of_its_days_past_due(past_due: int, name: str) -> None:
    assert RANGES[range_of(DAY - timedelta(days=past_due), DAY)] == name


def test_worked_numbers() -> None:
    documents = [
        Owed("acme", "USD", "a", 1000, date(2026, 6, 30)),
        Owed("acme", "USD", "b", 500, date(2026, 6, 1)),
        Owed("acme", "USD", "c", -200, date(2026, 1, 1)),
        Owed("acme", "JPY", "d", 70, None),
        Owed("beta", "USD", "e", 25, date(2026, 3, 1)),
    ]
    found = aged(
        documents,
        as_of=DAY,
        unapplied={Owner("beta", "USD"): 5, Owner("", "EUR"): 9},
        accounts={Owner("acme", "USD"): 1300, Owner("acme", "JPY"): 70, Owner("beta", "USD"): 25},
        booked={"USD": 1325, "JPY": 70},
    )
    rows = {
        row.owner: (row.ranges, row.undated, row.credits, row.total, row.unapplied)
        for row in found.rows
    }
    assert rows == {
        Owner("", "EUR"): ((0, 0, 0, 0, 0), 0, 0, 0, 9),
        Owner("acme", "JPY"): ((0, 0, 0, 0, 0), 70, 0, 70, 0),
        Owner("acme", "USD"): ((1000, 500, 0, 0, 0), 0, -200, 1300, 0),
        Owner("beta", "USD"): ((0, 0, 0, 0, 25), 0, 0, 25, 5),
    }
    assert {row.owner.currency: row.total for row in found.totals} == {
        "EUR": 0,
        "JPY": 70,
        "USD": 1325,
    }
    assert found.ties_out
    assert [one.document for one in found.undated] == ["d"]


def test_a_difference_is_named_with_its_account() -> None:
    owner = Owner("acme", "USD")
    found = aged(
        [Owed("acme", "USD", "a", 1000, DAY)],
        as_of=DAY,
        unapplied={},
        accounts={owner: 1300, Owner("beta", "USD"): 1},
        booked={"USD": 1301},
    )
    assert not found.ties_out
    assert [(tie.listed, tie.booked, tie.difference) for tie in found.ties] == [(1000, 1301, -301)]
    assert found.differences == [Tie(owner, 1000, 1300), Tie(Owner("beta", "USD"), 0, 1)]


def test_accounts_that_differ_and_add_up_to_the_same_do_not_tie_out() -> None:
    found = aged(
        [Owed("acme", "USD", "a", 1000, DAY)],
        as_of=DAY,
        unapplied={},
        accounts={Owner("beta", "USD"): 1000},
        booked={"USD": 1000},
    )
    assert not found.ties_out


DOCUMENTS = st.lists(
    st.builds(
        Owed,
        st.sampled_from(["acme", "beta", ""]),
        st.sampled_from(["USD", "JPY"]),
        st.text(max_size=2),
        st.integers(-(10**9), 10**9).filter(bool),
        st.none() | st.dates(date(2025, 1, 1), date(2027, 1, 1)),
    )
)


@given(DOCUMENTS)
def test_nothing_is_lost_and_totals_are_sums(documents: list[Owed]) -> None:
    booked: dict[str, int] = defaultdict(int)
    accounts: dict[Owner, int] = defaultdict(int)
    for one in documents:
        booked[one.currency] += one.minor
        accounts[Owner(one.customer, one.currency)] += one.minor
    found = aged(documents, as_of=DAY, unapplied={}, accounts=accounts, booked=booked)
    assert found.ties_out
    assert sum(row.total for row in found.rows) == sum(one.minor for one in documents)


# From the books


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def paid(project: Project, document: str, minor: int, *, on: datetime, party: str = "acme") -> None:
    post_entry(
        project=project,
        key=OperationKey("payment", f"{document}/{on}"),
        moves=(Move(AccountKey("1010", "USD"), AccountKey("1100", "USD", party), minor, document),),
        occurred_at=on,
        at=on,
    )


@pytest.fixture
def billed() -> Sandbox:
    """Three months of 20 USD ahead, of which the first was paid in part and the second whole."""
    sandbox = started(BASE)
    sandbox.subscribe("sub", customer="acme")
    sandbox.clock("2026-03-05T00:00:00Z")
    return sandbox


@pytest.mark.django_db
def test_invoices_age_until_they_are_paid(billed: Sandbox) -> None:
    project = billed.project
    invoices = list(Invoice.objects.filter(project=project, sequence__gt=0).order_by("sequence"))
    assert len(invoices) >= 3
    first, second = invoices[:2]
    before = receivables_ageing(project, at=at("2026-03-06T00:00:00"))
    (row,) = before.rows
    owed = row.total
    assert before.ties_out
    assert owed > 0

    paid(project, first.document, 100, on=at("2026-03-06T00:00:00"))
    assert receivables_ageing(project, at=at("2026-03-06T00:00:00")) == before
    (row,) = receivables_ageing(project, at=at("2026-03-06T00:00:01")).rows
    assert row.total == owed - 100

    whole = next(
        one.minor
        for one in _open(project, at("2026-03-07T00:00:00"))
        if one.document == second.document
    )
    paid(project, second.document, whole, on=at("2026-03-07T00:00:00"))
    # The first was due on 31 January, the third is due at the end of March.
    later = receivables_ageing(project, at=at("2026-03-08T00:00:00"))
    assert later.ties_out
    assert later.rows[0].ranges == (3000, 0, 2900, 0, 0)
    assert later.totals[0].total == owed - 100 - whole == 5900


def _open(project: Project, moment: datetime) -> list[Owed]:
    from ledger.selectors.receivables import open_documents

    return [Owed(*one, None) for one in open_documents(project, at=moment)]


@pytest.mark.django_db
def test_what_was_paid_too_much_or_to_no_document_stands_in_columns_of_its_own(
    billed: Sandbox,
) -> None:
    project, when = billed.project, at("2026-03-06T00:00:00")
    row = receivables_ageing(project, at=when).rows[0]
    paid(project, "payment:stray", 500, on=when)
    post_entry(
        project=project,
        key=OperationKey("receipt", "unknown"),
        moves=(
            Move(AccountKey("1010", "USD"), AccountKey("2050", "USD"), 33, "receipt"),
            Move(AccountKey("1100", "USD", "beta"), AccountKey("9000", "USD"), 44, "opening"),
        ),
        occurred_at=when,
        at=when,
    )
    found = receivables_ageing(project, at=when + timedelta(seconds=1))
    rows = {one.owner.customer: one for one in found.rows}
    assert (rows["acme"].credits, rows["acme"].total) == (-500, row.total - 500)
    assert (rows[""].unapplied, rows[""].total) == (33, 0)
    assert (rows["beta"].undated, rows["beta"].total) == (44, 44)
    assert [one.document for one in found.undated] == ["opening"]
    assert found.ties_out
    only = receivables_ageing(project, at=when + timedelta(seconds=1), customer="beta")
    assert [one.owner.customer for one in only.rows] == ["beta"]
    assert only.ties_out
    assert not receivables_ageing(project, at=when, currency="EUR").rows


@pytest.mark.django_db
def test_queries_do_not_grow_with_documents(billed: Sandbox) -> None:
    project, when = billed.project, at("2026-03-06T00:00:00")
    with CaptureQueriesContext(connection) as few:
        receivables_ageing(project, at=when)
    for number in range(50):
        moves = (Move(AccountKey("1100", "USD", f"c{number}"), AccountKey("4000", "USD"), 1, "x"),)
        key = OperationKey("issue", f"x{number}")
        early = when - timedelta(days=1)
        post_entry(project=project, key=key, moves=moves, occurred_at=early, at=when)
    with CaptureQueriesContext(connection) as many:
        assert len(receivables_ageing(project, at=when).rows) == 51
    assert len(many) == len(few)


@pytest.mark.django_db
def test_the_api_answers_what_the_report_says(billed: Sandbox) -> None:
    client = factories.client(project=billed.project, scopes=["ledger:read"])
    answer = client.get("/api/v1/reports/receivables-ageing?at=2026-03-06T00:00:00Z")
    body = answer.json()
    found = receivables_ageing(billed.project, at=at("2026-03-06T00:00:00"))
    assert body["ties_out"] is True
    assert body["as_of"] == "2026-03-05"
    (row,), (total,), (tie,) = body["data"], body["totals"], body["ties"]
    assert row["customer"] == "acme"
    assert total["customer"] is None
    assert int(row["total"].replace(".", "")) == found.rows[0].total
    assert tie["difference"] == "0.00"
    assert tie["booked"] == total["total"]
    wrong = client.get("/api/v1/reports/receivables-ageing?at=soon")
    assert wrong.status_code == 400
    other = factories.client(project=billed.project, scopes=["billing:read"])
    assert other.get("/api/v1/reports/receivables-ageing").status_code == 403
