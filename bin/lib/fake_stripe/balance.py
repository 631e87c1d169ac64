"""The account's balance: a row for each movement, fees, and payouts.

Funds are available at once; Stripe holds them for some days.
"""

from collections.abc import Iterable

from bin.lib.fake_stripe import forms, listing, shapes
from bin.lib.fake_stripe.errors import invalid, wrong_state
from bin.lib.fake_stripe.routing import route
from bin.lib.fake_stripe.world import Obj, World

FEE_FIXED = 30
FEE_PER_MILLE = 29
DISPUTE_FEE = 1500


def charge_fee(amount: int) -> int:
    """2.9 % and 30 minor units, rounded half up."""
    return (amount * FEE_PER_MILLE + 500) // 1000 + FEE_FIXED


def move(
    world: World,
    kind: str,
    *,
    category: str,
    amount: int,
    source: Obj,
    fee: int = 0,
    fee_kind: str = "Stripe processing fees",
    description: str | None = None,
) -> Obj:
    """One movement; `amount` is signed, in Stripe's minor units, and net is what reaches us."""
    currency = source["currency"]
    fees = [
        {
            "amount": fee,
            "application": None,
            "currency": currency,
            "description": fee_kind,
            "type": "stripe_fee",
        }
    ]
    return world.add(
        shapes.balance_transaction(
            id=world.new_id("txn"),
            amount=amount,
            available_on=world.now(),
            created=world.now(),
            currency=currency,
            description=description,
            fee=fee,
            fee_details=fees if fee else [],
            net=amount - fee,
            reporting_category=category,
            source=source["id"],
            type=kind,
        )
    )


def available(world: World) -> dict[str, int]:
    """What is there, by currency: the sum of all nets."""
    sums: dict[str, int] = {}
    for row in world.all("balance_transaction"):
        sums[row["currency"]] = sums.get(row["currency"], 0) + row["net"]
    return sums


@route("GET", "/v1/balance")
def retrieve_balance(world: World, given: Obj) -> Obj:
    sums = available(world)
    return {
        "object": "balance",
        "available": _amounts(sums.items()),
        "connect_reserved": [{"amount": 0, "currency": code} for code in sums],
        "livemode": False,
        "pending": _amounts((code, 0) for code in sums),
    }


def _amounts(sums: Iterable[tuple[str, int]]) -> list[Obj]:
    return [
        {"amount": amount, "currency": code, "source_types": {"card": amount}}
        for code, amount in sums
    ]


@route("GET", "/v1/balance_transactions/{}")
def retrieve(world: World, given: Obj, key: str) -> Obj:
    return world.get("balance_transaction", key)


@route(
    "GET",
    "/v1/balance_transactions",
    {
        **listing.PAGE,
        "currency": forms.currency,
        "payout": forms.text,
        "source": forms.text,
        "type": forms.text,
    },
)
def list_all(world: World, given: Obj) -> Obj:
    rows: Iterable[Obj] = world.all("balance_transaction")
    if "payout" in given:
        payout = world.get("payout", given["payout"], param="payout")
        if not payout["automatic"]:
            raise invalid(
                "Balance transaction history can only be filtered on automatic transfers, "
                "not manual.",
                param="payout",
            )
        paid = world.hidden[payout["id"]]["rows"]
        rows = [row for row in rows if row["id"] in paid]
    names = [name for name in ("currency", "source", "type") if name in given]
    found = [row for row in rows if all(row[name] == given[name] for name in names)]
    return listing.page(found, given, "/v1/balance_transactions")


@route(
    "POST",
    "/v1/payouts",
    {
        "amount!": forms.positive,
        "currency!": forms.currency,
        "description": forms.text,
        "statement_descriptor": forms.text,
        "metadata": forms.metadata,
    },
)
def create_payout(world: World, given: Obj) -> Obj:
    if given["amount"] > available(world).get(given["currency"], 0):
        raise wrong_state(
            "You have insufficient funds in your Stripe account.", "balance_insufficient"
        )
    row = new_payout(world, given["amount"], given["currency"], automatic=False)
    row.update({name: given[name] for name in given if name not in ("amount", "currency")})
    return row


def new_payout(world: World, amount: int, currency: str, *, automatic: bool) -> Obj:
    row = world.add(
        shapes.payout(
            id=world.new_id("po"),
            amount=amount,
            arrival_date=world.now(),
            automatic=automatic,
            created=world.now(),
            currency=currency,
            reconciliation_status="completed" if automatic else "not_applicable",
        )
    )
    moved = move(
        world,
        "payout",
        category="payout",
        amount=-amount,
        source=row,
        description="STRIPE PAYOUT",
    )
    row["balance_transaction"] = moved["id"]
    world.hidden[row["id"]]["rows"] = {moved["id"]}
    world.emit("payout.created", row)
    return row


def automatic_payout(world: World, currency: str) -> Obj:
    """Everything in one currency that no automatic payout holds yet, and the payout's own row.

    Rows of manual payouts and of payouts that failed are part of it, so that its rows sum to nil.
    """
    held: set[str] = set()
    for payout in world.all("payout"):
        if payout["automatic"]:
            held |= world.hidden[payout["id"]]["rows"]
    rows = [
        row
        for row in world.all("balance_transaction")
        if row["currency"] == currency and row["id"] not in held
    ]
    amount = sum(row["net"] for row in rows)
    if amount < 1:
        raise invalid(f"Nothing to pay out in {currency}: {amount}.", param="currency")
    payout = new_payout(world, amount, currency, automatic=True)
    world.hidden[payout["id"]]["rows"] |= {row["id"] for row in rows}
    return payout


def pay(world: World, key: str) -> Obj:
    """The bank took it."""
    row = _under_way(world, key)
    row["status"] = "paid"
    world.emit("payout.paid", row, status="in_transit")
    return row


def fail(world: World, key: str) -> Obj:
    """The bank returned it; the money is back in the balance."""
    row = _under_way(world, key, also="paid")
    back = move(
        world,
        "payout_failure",
        category="payout_reversal",
        amount=row["amount"],
        source=row,
        description="PAYOUT FAILURE",
    )
    row.update(
        status="failed",
        failure_code="account_closed",
        failure_message="The bank account has been closed",
        failure_balance_transaction=back["id"],
    )
    world.emit("payout.failed", row)
    return row


def _under_way(world: World, key: str, also: str = "pending") -> Obj:
    row = world.get("payout", key)
    if row["status"] not in ("pending", "in_transit", also):
        raise wrong_state(f"The payout is {row['status']}.", "payout_unexpected_state")
    return row


@route("GET", "/v1/payouts/{}")
def retrieve_payout(world: World, given: Obj, key: str) -> Obj:
    return world.get("payout", key)


@route(
    "GET",
    "/v1/payouts",
    {**listing.PAGE, "status": forms.text, "arrival_date": forms.instants},
)
def list_payouts(world: World, given: Obj) -> Obj:
    wanted = given.get("status")
    rows = [row for row in world.all("payout") if wanted in (None, row["status"])]
    if "arrival_date" in given:
        bounds = given["arrival_date"]
        rows = [row for row in rows if listing.within(row["arrival_date"], bounds)]
    return listing.page(rows, given, "/v1/payouts")
