"""A small set of books: invoices of two customers, a payment, a grant drawn on, a reversal."""

from datetime import UTC, datetime

from ledger.services.journal import post_entry, reverse_entry
from ledger.templates import AccountKey, Move, OperationKey
from neruba.models import Project
from tests import factories

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)

BANK = AccountKey("1010", "USD")
FEES = AccountKey("4000", "USD")
USAGE = AccountKey("4010", "USD")
RECEIVABLE = AccountKey("1100", "USD", "acme")
DEFERRED = AccountKey("2100", "USD", "acme")
GRANT = AccountKey("2000", "USD", "acme", "grant-1")
BALANCE = AccountKey("2020", "USD", "acme")

ISSUE = OperationKey("issue", "invoice-1")
VOID = OperationKey("void", "invoice-2")

ENTRIES: tuple[tuple[OperationKey, datetime, tuple[Move, ...]], ...] = (
    (
        ISSUE,
        datetime(2026, 3, 1, tzinfo=UTC),
        (
            Move(RECEIVABLE, DEFERRED, 2000, "invoice-1", "base"),
            Move(RECEIVABLE, USAGE, 1230, "invoice-1", "calls"),
        ),
    ),
    (
        OperationKey("issue", "invoice-2"),
        datetime(2026, 3, 2, tzinfo=UTC),
        (Move(AccountKey("1100", "USD", "beta"), USAGE, 77, "invoice-2", "calls"),),
    ),
    (
        OperationKey("grant", "grant-1"),
        datetime(2026, 3, 3, tzinfo=UTC),
        (Move(BANK, GRANT, 500, "grant-1"),),
    ),
    (
        OperationKey("draw", "invoice-1"),
        datetime(2026, 3, 4, tzinfo=UTC),
        (Move(GRANT, RECEIVABLE, 480, "invoice-1"),),
    ),
    (
        OperationKey("payment", "payment-1"),
        datetime(2026, 3, 5, tzinfo=UTC),
        (
            Move(BANK, RECEIVABLE, 2750, "invoice-1"),
            Move(BANK, BALANCE, 250, "payment-1"),
        ),
    ),
    (
        OperationKey("issue", "invoice-3"),
        datetime(2026, 3, 6, tzinfo=UTC),
        (
            Move(
                AccountKey("1100", "JPY", "acme"),
                AccountKey("4010", "JPY"),
                1230,
                "invoice-3",
                "calls",
            ),
        ),
    ),
)


def books(project: Project | None = None) -> Project:
    """A project with all of them; the issue of invoice-2 is reversed on 7 March."""
    project = project or factories.project()
    for key, occurred_at, moves in ENTRIES:
        post_entry(project=project, key=key, moves=moves, occurred_at=occurred_at, at=AT)
    reverse_entry(
        project=project,
        key_of=OperationKey("issue", "invoice-2"),
        key=VOID,
        occurred_at=datetime(2026, 3, 7, tzinfo=UTC),
        at=AT,
    )
    return project
