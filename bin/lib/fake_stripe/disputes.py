"""Disputes, which take the money and a fee at once, and inquiries, which take neither."""

from bin.lib.fake_stripe import balance, customers, forms, listing, shapes
from bin.lib.fake_stripe.errors import wrong_state
from bin.lib.fake_stripe.routing import route
from bin.lib.fake_stripe.world import Obj, World

OPEN = ("needs_response", "under_review", "warning_needs_response", "warning_under_review")
RESPONSE_DAYS = 7
DAY_S = 86_400


def open_dispute(world: World, charge: Obj, reason: str, *, inquiry: bool) -> Obj:
    """The payer's bank asks for the money of a charge, or asks about it."""
    method = charge["payment_method_details"]
    row = world.add(
        shapes.dispute(
            id=world.new_id("du"),
            amount=charge["amount_captured"] - charge["amount_refunded"],
            charge=charge["id"],
            created=world.now(),
            currency=charge["currency"],
            evidence_details={
                "due_by": world.now() + RESPONSE_DAYS * DAY_S,
                "enhanced_eligibility": {},
                "has_evidence": False,
                "past_due": False,
                "submission_count": 0,
            },
            is_charge_refundable=inquiry,
            payment_intent=charge["payment_intent"],
            payment_method_details={
                "type": "card",
                "card": {
                    "brand": method.get("card", {}).get("brand", "visa"),
                    "case_type": "inquiry" if inquiry else "chargeback",
                    "network": method.get("card", {}).get("brand", "visa"),
                    "network_reason_code": "10.4",
                },
            },
            reason=reason,
            status="warning_needs_response" if inquiry else "needs_response",
        )
    )
    charge["disputed"] = True
    world.hidden[charge["id"]]["inquiry"] = inquiry
    world.emit("charge.dispute.created", row)
    world.emit("charge.updated", charge, disputed=False)
    if not inquiry:
        _move(world, row, -row["amount"], "dispute", fee=balance.DISPUTE_FEE)
        world.emit("charge.dispute.funds_withdrawn", row)
    return row


def _move(world: World, row: Obj, amount: int, category: str, fee: int = 0) -> None:
    moved = balance.move(
        world,
        "adjustment",
        category=category,
        amount=amount,
        source=row,
        fee=fee,
        fee_kind="Dispute fee",
        description=f"Chargeback {'withdrawal' if amount < 0 else 'reversal'} for {row['charge']}",
    )
    row["balance_transactions"].append(moved)


def close(world: World, key: str, *, won: bool) -> Obj:
    """The bank decides. Won: the amount comes back, the fee does not."""
    row = _open(world, key)
    before = row["status"]
    if before.startswith("warning"):
        row["status"] = "warning_closed"
        world.hidden[row["charge"]]["inquiry"] = True
    else:
        row["status"] = "won" if won else "lost"
    row["is_charge_refundable"] = row["status"] != "lost"
    world.emit("charge.dispute.updated", row, status=before)
    if row["status"] == "won":
        _move(world, row, row["amount"], "dispute_reversal")
        world.emit("charge.dispute.funds_reinstated", row)
    world.emit("charge.dispute.closed", row)
    return row


def _open(world: World, key: str) -> Obj:
    row = world.get("dispute", key)
    if row["status"] not in OPEN:
        raise wrong_state("This dispute is already closed.", "dispute_already_closed")
    return row


@route("POST", "/v1/disputes/{}/close")
def accept(world: World, given: Obj, key: str) -> Obj:
    """The merchant gives in: lost."""
    return close(world, key, won=False)


@route(
    "POST",
    "/v1/disputes/{}",
    {
        "evidence": {"uncategorized_text": forms.text, "product_description": forms.text},
        "submit": forms.flag,
        "metadata": forms.metadata,
    },
)
def update(world: World, given: Obj, key: str) -> Obj:
    row = world.get("dispute", key)
    row["metadata"] = customers.merged(row["metadata"], given.get("metadata", {}))
    if "evidence" in given:
        row = _open(world, key)
        row["evidence"].update(given["evidence"])
        row["evidence_details"]["has_evidence"] = True
        if given.get("submit", True):
            row["evidence_details"]["submission_count"] += 1
            row["status"] = row["status"].replace("needs_response", "under_review")
    world.emit("charge.dispute.updated", row)
    return row


@route("GET", "/v1/disputes/{}")
def retrieve(world: World, given: Obj, key: str) -> Obj:
    return world.get("dispute", key)


@route(
    "GET",
    "/v1/disputes",
    {**listing.PAGE, "charge": forms.text, "payment_intent": forms.text},
)
def list_all(world: World, given: Obj) -> Obj:
    rows = listing.where(world.all("dispute"), given, "charge", "payment_intent")
    return listing.page(rows, given, "/v1/disputes")
