"""Refunds: never more than was taken, nor of what is disputed."""

from bin.lib.fake_stripe import balance, customers, forms, listing, shapes
from bin.lib.fake_stripe.errors import invalid, missing, wrong_state
from bin.lib.fake_stripe.routing import route
from bin.lib.fake_stripe.world import Obj, World


@route(
    "POST",
    "/v1/refunds",
    {
        "payment_intent": forms.text,
        "charge": forms.text,
        "amount": forms.positive,
        "reason": forms.one_of("duplicate", "fraudulent", "requested_by_customer"),
        "metadata": forms.metadata,
    },
)
def create(world: World, given: Obj) -> Obj:
    charge = _charge(world, given)
    left = charge["amount_captured"] - charge["amount_refunded"]
    if charge["status"] != "succeeded" or not charge["captured"]:
        raise wrong_state(
            f"This charge is {charge['status']} and cannot be refunded.", "charge_not_refundable"
        )
    if charge["disputed"] and not world.hidden[charge["id"]].get("inquiry"):
        raise wrong_state(
            f"Charge {charge['id']} has been charged back; cannot issue a refund.",
            "charge_disputed",
        )
    if left == 0:
        raise wrong_state(
            f"Charge {charge['id']} has already been refunded.", "charge_already_refunded"
        )
    amount = given.get("amount", left)
    if amount > left:
        raise invalid(
            f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})",
            param="amount",
        )
    row = world.add(
        shapes.refund(
            id=world.new_id("re"),
            amount=amount,
            charge=charge["id"],
            created=world.now(),
            currency=charge["currency"],
            metadata=given.get("metadata", {}),
            payment_intent=charge["payment_intent"],
            reason=given.get("reason"),
        )
    )
    moved = balance.move(world, "refund", category="refund", amount=-amount, source=row)
    row["balance_transaction"] = moved["id"]
    before = charge["amount_refunded"]
    charge["amount_refunded"] = before + amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    world.emit("refund.created", row)
    world.emit("charge.refunded", charge, amount_refunded=before)
    return row


def _charge(world: World, given: Obj) -> Obj:
    if "charge" in given and "payment_intent" in given:
        raise invalid("Only one of charge and payment_intent.", param="payment_intent")
    if "charge" in given:
        return world.get("charge", given["charge"], param="charge")
    if "payment_intent" not in given:
        raise missing("payment_intent")
    intent = world.get("payment_intent", given["payment_intent"], param="payment_intent")
    if intent["latest_charge"] is None:
        raise wrong_state(
            f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.",
            "payment_intent_unexpected_state",
        )
    return world.objects[intent["latest_charge"]]


def fail(world: World, key: str) -> Obj:
    """The payer's bank sends a refund back: the money is in the balance again."""
    row = world.get("refund", key)
    if row["status"] != "succeeded":
        raise wrong_state(f"The refund is {row['status']}.", "refund_unexpected_state")
    charge = world.objects[row["charge"]]
    moved = balance.move(
        world, "refund_failure", category="refund_failure", amount=row["amount"], source=row
    )
    row.update(
        status="failed",
        failure_reason="expired_or_canceled_card",
        failure_balance_transaction=moved["id"],
    )
    charge["amount_refunded"] -= row["amount"]
    charge["refunded"] = False
    world.emit("refund.updated", row, status="succeeded")
    world.emit("refund.failed", row, status="succeeded")
    world.emit("charge.updated", charge, amount_refunded=charge["amount_refunded"] + row["amount"])
    return row


@route("POST", "/v1/refunds/{}", {"metadata!": forms.metadata})
def update(world: World, given: Obj, key: str) -> Obj:
    row = world.get("refund", key)
    row["metadata"] = customers.merged(row["metadata"], given["metadata"])
    world.emit("refund.updated", row)
    return row


@route("GET", "/v1/refunds/{}")
def retrieve(world: World, given: Obj, key: str) -> Obj:
    return world.get("refund", key)


@route(
    "GET",
    "/v1/refunds",
    {**listing.PAGE, "charge": forms.text, "payment_intent": forms.text},
)
def list_all(world: World, given: Obj) -> Obj:
    rows = listing.where(world.all("refund"), given, "charge", "payment_intent")
    return listing.page(rows, given, "/v1/refunds")
