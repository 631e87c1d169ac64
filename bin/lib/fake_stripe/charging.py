"""What happens when an intent is confirmed: charge, decline, authentication, bank debit."""

from bin.lib.fake_stripe import balance, cards, disputes, shapes
from bin.lib.fake_stripe.errors import StripeRefusal
from bin.lib.fake_stripe.world import Obj, World


def confirm(world: World, intent: Obj, method: Obj) -> None:
    """Charge the intent by the method. Raises 402 on a decline, with the intent as it is then."""
    intent["payment_method"] = method["id"]
    intent["last_payment_error"] = None
    if "bank" in world.hidden[method["id"]]:
        _start_debit(world, intent, method)
        return
    card: cards.Card = world.hidden[method["id"]]["card"]
    if card.asks:
        intent["status"] = "requires_action"
        intent["next_action"] = {
            "type": "use_stripe_sdk",
            "use_stripe_sdk": {"type": "three_d_secure_redirect"},
        }
        world.emit("payment_intent.requires_action", intent)
    elif card.decline:
        _decline(world, intent, method, card)
    else:
        _take(world, intent, method)


def authenticate(world: World, intent: Obj, *, passed: bool) -> None:
    """The payer's bank answers. Raises StripeRefusal where nothing was asked."""
    if intent["status"] != "requires_action":
        raise StripeRefusal(400, "invalid_request_error", "Nothing is asked of the payer.")
    method = world.objects[intent["payment_method"]]
    intent["next_action"] = None
    if passed:
        _take(world, intent, method)
        return
    code = "payment_intent_authentication_failure"
    intent["status"] = "requires_payment_method"
    intent["payment_method"] = None
    intent["last_payment_error"] = {
        "type": "card_error",
        "code": code,
        "message": "We are unable to authenticate your payment method.",
        "payment_method": method,
    }
    world.emit("payment_intent.payment_failed", intent)


def _new_charge(world: World, intent: Obj, method: Obj, **own: object) -> Obj:
    amount = intent["amount"]
    is_card = method["type"] == "card"
    details = shapes.card_details(method["card"], amount) if is_card else _debit_details(method)
    row = world.add(
        shapes.charge(
            id=world.new_id("py" if not is_card else "ch"),
            amount=amount,
            billing_details=method["billing_details"],
            created=world.now(),
            currency=intent["currency"],
            customer=intent["customer"],
            description=intent["description"],
            metadata=dict(intent["metadata"]),
            payment_intent=intent["id"],
            payment_method=method["id"],
            payment_method_details=details,
            shipping=intent["shipping"],
            **own,
        )
    )
    intent["latest_charge"] = row["id"]
    return row


def _debit_details(method: Obj) -> Obj:
    return {"type": method["type"], method["type"]: dict(method[method["type"]])}


def _decline(world: World, intent: Obj, method: Obj, card: cards.Card) -> None:
    words = cards.DECLINE_WORDS[card.decline]
    row = _new_charge(
        world,
        intent,
        method,
        paid=False,
        status="failed",
        failure_code=card.decline,
        failure_message=words,
        outcome=shapes.outcome(
            "issuer_declined", "declined_by_network", card.reason or card.decline, words
        ),
    )
    error = {
        "type": "card_error",
        "code": card.decline,
        "message": words,
        "charge": row["id"],
        "payment_method": method,
        **({"decline_code": card.reason} if card.reason else {}),
    }
    intent["status"] = "requires_payment_method"
    intent["payment_method"] = None
    intent["last_payment_error"] = error
    world.emit("charge.failed", row)
    world.emit("payment_intent.payment_failed", intent)
    more = {name: error[name] for name in error if name not in ("type", "code", "message")}
    raise StripeRefusal(
        402, "card_error", words, code=card.decline, kept=True, payment_intent=intent, **more
    )


def _take(world: World, intent: Obj, method: Obj) -> None:
    by_hand = intent["capture_method"] == "manual"
    row = _new_charge(
        world,
        intent,
        method,
        paid=True,
        status="succeeded",
        outcome=shapes.outcome("authorized", "approved_by_network", None, "Payment complete."),
    )
    if by_hand:
        intent["status"] = "requires_capture"
        intent["amount_capturable"] = intent["amount"]
        world.emit("charge.succeeded", row)
        world.emit("payment_intent.amount_capturable_updated", intent)
        return
    _settle(world, intent, row, intent["amount"], "charge.succeeded")


def _settle(world: World, intent: Obj, row: Obj, amount: int, name: str) -> None:
    """The money is taken. As at Stripe, the event of it does not yet name the balance transaction:
    capture is asynchronous, and `charge.updated` brings it.
    """
    row.update(captured=True, amount_captured=amount, paid=True, status="succeeded")
    intent.update(status="succeeded", amount_received=amount, amount_capturable=0, next_action=None)
    intent["processing"] = None
    world.emit(name, row)
    world.emit("payment_intent.succeeded", intent)
    moved = balance.move(
        world,
        "charge" if row["id"].startswith("ch_") else "payment",
        category="charge",
        amount=amount,
        source=row,
        fee=balance.charge_fee(amount),
        description=row["description"],
    )
    row["balance_transaction"] = moved["id"]
    world.emit("charge.updated", row, balance_transaction=None)
    method = world.hidden.get(row["payment_method"], {})
    card = method.get("card")
    if card is not None and card.dispute:
        disputes.open_dispute(world, row, card.dispute, inquiry=card.inquiry)


def capture(world: World, intent: Obj, amount: int) -> None:
    """Take what was authorised, or a part; the rest is let go."""
    _settle(world, intent, world.objects[intent["latest_charge"]], amount, "charge.captured")


def _start_debit(world: World, intent: Obj, method: Obj) -> None:
    row = _new_charge(
        world,
        intent,
        method,
        paid=False,
        status="pending",
        outcome=shapes.outcome("authorized", "approved_by_network", None, "Payment pending."),
    )
    intent["status"] = "processing"
    world.emit("charge.pending", row)
    world.emit("payment_intent.processing", intent)


def settle_debit(world: World, intent: Obj, *, succeeds: bool) -> None:
    """The bank's answer to a debit that is under way."""
    if intent["status"] != "processing":
        raise StripeRefusal(400, "invalid_request_error", f"The intent is {intent['status']}.")
    row = world.objects[intent["latest_charge"]]
    if succeeds:
        _settle(world, intent, row, intent["amount"], "charge.succeeded")
    else:
        _returned(world, intent, row)


def fail_after_success(world: World, intent: Obj) -> None:
    """A payment that counted comes back: a bank debit is returned days later."""
    if intent["status"] != "succeeded":
        raise StripeRefusal(400, "invalid_request_error", f"The intent is {intent['status']}.")
    row = world.objects[intent["latest_charge"]]
    moved = balance.move(
        world,
        "payment_failure_refund",
        category="charge_failure",
        amount=-(row["amount_captured"] - row["amount_refunded"]),
        source=row,
    )
    row["failure_balance_transaction"] = moved["id"]
    _returned(world, intent, row)


def _returned(world: World, intent: Obj, row: Obj) -> None:
    words = "The customer's account has insufficient funds to cover this payment."
    row.update(
        status="failed", paid=False, failure_code="insufficient_funds", failure_message=words
    )
    method = world.objects[intent["payment_method"]]
    intent.update(status="requires_payment_method", amount_received=0, payment_method=None)
    intent["last_payment_error"] = {
        "type": "card_error",
        "code": "payment_method_provider_decline",
        "decline_code": "insufficient_funds",
        "message": words,
        "charge": row["id"],
        "payment_method": method,
    }
    world.emit("charge.failed", row)
    world.emit("payment_intent.payment_failed", intent)
