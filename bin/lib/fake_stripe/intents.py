"""Payment intents and the charges that come of them."""

from bin.lib.fake_stripe import cards, charging, customers, forms, listing, shapes
from bin.lib.fake_stripe.errors import invalid, missing, wrong_state
from bin.lib.fake_stripe.routing import route
from bin.lib.fake_stripe.world import Obj, World

SHIPPING = {
    "name": forms.text,
    "phone": forms.text,
    "address": dict.fromkeys(
        ("city", "country", "line1", "line2", "postal_code", "state"), forms.text
    ),
}
CHANGEABLE = {
    "amount": forms.positive,
    "currency": forms.currency,
    "customer": forms.text,
    "description": forms.text,
    "metadata": forms.metadata,
    "payment_method": forms.text,
    "payment_method_types": [forms.one_of("card", "us_bank_account")],
    "receipt_email": forms.text,
    "setup_future_usage": forms.one_of("on_session", "off_session"),
    "shipping": SHIPPING,
    "statement_descriptor_suffix": forms.text,
}
CREATION = {
    **{name: kind for name, kind in CHANGEABLE.items() if name not in ("amount", "currency")},
    "amount!": forms.positive,
    "currency!": forms.currency,
    "automatic_payment_methods": {
        "enabled!": forms.flag,
        "allow_redirects": forms.one_of("always", "never"),
    },
    "capture_method": forms.one_of("automatic", "automatic_async", "manual"),
    "confirm": forms.flag,
    "off_session": forms.flag,
    "return_url": forms.address,
}
CONFIRMATION = {
    "payment_method": forms.text,
    "off_session": forms.flag,
    "return_url": forms.address,
    "receipt_email": forms.text,
}
CONFIRMABLE = ("requires_payment_method", "requires_confirmation")


def new_intent(world: World, given: Obj) -> Obj:
    """An intent, and the event of it; not confirmed."""
    if "customer" in given:
        world.get("customer", given["customer"], param="customer")
    row = shapes.payment_intent(id=world.new_id("pi"), created=world.now())
    row["client_secret"] = f"{row['id']}_secret_{world.new_id('x')[2:]}"
    kept = ("confirm", "off_session", "return_url", "payment_method")
    row.update({name: value for name, value in given.items() if name not in kept})
    world.add(row)
    world.emit("payment_intent.created", row)
    return row


@route("POST", "/v1/payment_intents", CREATION)
def create(world: World, given: Obj) -> Obj:
    if given.get("confirm") and "payment_method" not in given:
        raise missing("payment_method")
    # Found before anything is made: an unknown method leaves no intent behind.
    method = cards.found(world, given["payment_method"]) if "payment_method" in given else None
    row = new_intent(world, given)
    if method is not None:
        row["payment_method"] = method["id"]
        row["status"] = "requires_confirmation"
        if given.get("confirm"):
            charging.confirm(world, row, method)
    return row


@route("POST", "/v1/payment_intents/{}", CHANGEABLE)
def update(world: World, given: Obj, key: str) -> Obj:
    row = world.get("payment_intent", key)
    if row["status"] not in (*CONFIRMABLE, "requires_action") and set(given) & {
        "amount",
        "currency",
        "payment_method",
    }:
        raise _unexpected(row, "updated")
    for name, value in given.items():
        if name == "metadata":
            row["metadata"] = customers.merged(row["metadata"], value)
        elif name == "payment_method":
            row["payment_method"] = cards.found(world, value)["id"]
            row["status"] = "requires_confirmation"
        else:
            row[name] = value
    return row


@route("POST", "/v1/payment_intents/{}/confirm", CONFIRMATION)
def confirm(world: World, given: Obj, key: str) -> Obj:
    row = world.get("payment_intent", key)
    if row["status"] not in CONFIRMABLE:
        raise _unexpected(row, "confirmed")
    token = given.get("payment_method") or row["payment_method"]
    if token is None:
        raise invalid(
            "You cannot confirm this PaymentIntent because it's missing a payment method.",
            code="payment_intent_unexpected_state",
        )
    if "receipt_email" in given:
        row["receipt_email"] = given["receipt_email"]
    charging.confirm(world, row, cards.found(world, token))
    return row


@route(
    "POST",
    "/v1/payment_intents/{}/cancel",
    {
        "cancellation_reason": forms.one_of(
            "duplicate", "fraudulent", "requested_by_customer", "abandoned"
        )
    },
)
def cancel(world: World, given: Obj, key: str) -> Obj:
    row = world.get("payment_intent", key)
    if row["status"] not in (*CONFIRMABLE, "requires_action", "requires_capture"):
        raise _unexpected(row, "canceled")
    row.update(
        status="canceled",
        canceled_at=world.now(),
        cancellation_reason=given.get("cancellation_reason"),
        amount_capturable=0,
        next_action=None,
    )
    world.emit("payment_intent.canceled", row)
    return row


@route("POST", "/v1/payment_intents/{}/capture", {"amount_to_capture": forms.positive})
def capture(world: World, given: Obj, key: str) -> Obj:
    row = world.get("payment_intent", key)
    if row["status"] != "requires_capture":
        raise _unexpected(row, "captured")
    amount: int = given["amount_to_capture"] if given.get("amount_to_capture") else row["amount"]
    if amount > row["amount_capturable"]:
        raise invalid(
            "The amount to capture is greater than what is capturable.",
            code="amount_too_large",
            param="amount_to_capture",
        )
    charging.capture(world, row, amount)
    return row


def _unexpected(row: Obj, verb: str) -> Exception:
    return wrong_state(
        f"This PaymentIntent could not be {verb} because it has a status of {row['status']}.",
        "payment_intent_unexpected_state",
        payment_intent=row,
    )


@route("GET", "/v1/payment_intents/{}", {"client_secret": forms.text})
def retrieve(world: World, given: Obj, key: str) -> Obj:
    return world.get("payment_intent", key)


@route("GET", "/v1/payment_intents", {**listing.PAGE, "customer": forms.text})
def list_all(world: World, given: Obj) -> Obj:
    rows = listing.where(world.all("payment_intent"), given, "customer")
    return listing.page(rows, given, "/v1/payment_intents")


@route("GET", "/v1/charges/{}")
def retrieve_charge(world: World, given: Obj, key: str) -> Obj:
    return world.get("charge", key)


@route(
    "GET",
    "/v1/charges",
    {**listing.PAGE, "customer": forms.text, "payment_intent": forms.text},
)
def list_charges(world: World, given: Obj) -> Obj:
    rows = listing.where(world.all("charge"), given, "customer", "payment_intent")
    return listing.page(rows, given, "/v1/charges")
