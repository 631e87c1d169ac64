"""Checkout sessions of the mode `payment`: made, paid once, expired."""

from bin.lib.fake_stripe import cards, charging, customers, forms, intents, listing, shapes
from bin.lib.fake_stripe.errors import StripeRefusal, invalid, missing, wrong_state
from bin.lib.fake_stripe.routing import route
from bin.lib.fake_stripe.world import Obj, World

DAY_S = 86_400
MIN_LIFE_S = 1800
LINE_ITEM = {
    "price": forms.text,
    "price_data": {
        "currency!": forms.currency,
        "unit_amount!": forms.whole,
        "product": forms.text,
        "product_data": {
            "name!": forms.text,
            "description": forms.text,
            "metadata": forms.metadata,
        },
    },
    "quantity": forms.positive,
}
CREATION = {
    "mode!": forms.one_of("payment"),
    "line_items!": [LINE_ITEM],
    "success_url!": forms.address,
    "cancel_url": forms.address,
    "client_reference_id": forms.text,
    "customer": forms.text,
    "customer_email": forms.text,
    "expires_at": forms.whole,
    "metadata": forms.metadata,
    "payment_method_types": [forms.one_of("card", "us_bank_account")],
    "payment_intent_data": {
        "description": forms.text,
        "metadata": forms.metadata,
        "receipt_email": forms.text,
        "setup_future_usage": forms.one_of("on_session", "off_session"),
        "shipping": intents.SHIPPING,
    },
    "locale": forms.text,
    "submit_type": forms.one_of("auto", "book", "donate", "pay"),
}
_HIDDEN = ("line_items", "payment_intent_data", "expires_at")


@route("POST", "/v1/checkout/sessions", CREATION)
def create(world: World, given: Obj) -> Obj:
    if "customer" in given and "customer_email" in given:
        raise invalid("You may only specify one of these: customer, customer_email.")
    if "customer" in given:
        world.get("customer", given["customer"], param="customer")
    items = [_item(world, one, n) for n, one in enumerate(given["line_items"])]
    if not items or len({item["currency"] for item in items}) != 1:
        raise invalid("The line items must have one currency.", param="line_items")
    total = sum(item["amount_total"] for item in items)
    if total < 1:
        raise invalid("The total must be above 0.", code="amount_too_small", param="line_items")
    now = world.now()
    expires_at = given.get("expires_at", now + DAY_S)
    if not now + MIN_LIFE_S - 60 <= expires_at <= now + DAY_S + 60:
        raise invalid(
            "The `expires_at` timestamp must be between 30 minutes and 24 hours from now.",
            param="expires_at",
        )
    key = world.new_id("cs_test", 58)
    shown = {name: value for name, value in given.items() if name not in _HIDDEN}
    row = world.add(
        shapes.session(
            **{
                **shown,
                "id": key,
                "amount_subtotal": total,
                "amount_total": total,
                "created": now,
                "currency": items[0]["currency"],
                "expires_at": expires_at,
                "url": f"{world.url}/pay/{key}",
                "customer_creation": None if "customer" in given else "if_required",
            }
        )
    )
    world.hidden[key].update(items=items, intent=given.get("payment_intent_data", {}))
    return row


def _item(world: World, given: Obj, number: int) -> Obj:
    at = f"line_items[{number}]"
    if "price" in given:
        price = world.get("price", given["price"], param=f"{at}[price]")
        name = world.objects[price["product"]]["name"]
        unit, currency = price["unit_amount"], price["currency"]
    elif "price_data" in given:
        data = given["price_data"]
        unit, currency = data["unit_amount"], data["currency"]
        if "product_data" in data:
            name = data["product_data"]["name"]
        elif "product" in data:
            product = f"{at}[price_data][product]"
            name = world.get("product", data["product"], param=product)["name"]
        else:
            raise missing(f"{at}[price_data][product_data]")
    else:
        raise missing(f"{at}[price]")
    if "quantity" not in given:
        raise missing(f"{at}[quantity]")
    total = unit * given["quantity"]
    return {
        "object": "item",
        "id": world.new_id("li"),
        "amount_discount": 0,
        "amount_subtotal": total,
        "amount_tax": 0,
        "amount_total": total,
        "currency": currency,
        "description": name,
        "quantity": given["quantity"],
    }


def pay(world: World, row: Obj, method: Obj) -> Obj:
    """Pay an open session once. Raises 400 where it is not open, and 402 on a decline, after which
    it is still open.
    """
    expire_if_due(world, row)
    if row["status"] != "open":
        raise wrong_state(
            f"This Checkout Session is {row['status']} and cannot be paid.",
            "checkout_session_not_open",
        )
    intent = _intent(world, row)
    if intent["status"] == "requires_action":
        raise wrong_state("The payer's bank has been asked.", "payment_intent_unexpected_state")
    charging.confirm(world, intent, method)
    return finish(world, row)


def finish(world: World, row: Obj) -> Obj:
    """Complete the session where its intent came that far."""
    intent = world.objects[row["payment_intent"]]
    if row["status"] == "open" and intent["status"] in ("succeeded", "processing"):
        is_paid = intent["status"] == "succeeded"
        email = row["customer_email"]
        if row["customer"]:
            email = world.objects[row["customer"]]["email"]
        row.update(
            status="complete",
            payment_status="paid" if is_paid else "unpaid",
            url=None,
            customer_details={
                "address": shapes.no_address(),
                "business_name": None,
                "email": email,
                "individual_name": None,
                "name": None,
                "phone": None,
                "tax_exempt": "none",
                "tax_ids": [],
            },
        )
        world.emit("checkout.session.completed", row)
    return row


def _intent(world: World, row: Obj) -> Obj:
    """The session's intent, which is made at the first attempt to pay."""
    if row["payment_intent"] is None:
        given = {
            **world.hidden[row["id"]]["intent"],
            "amount": row["amount_total"],
            "currency": row["currency"],
            "payment_method_types": row["payment_method_types"],
        }
        if row["customer"]:
            given["customer"] = row["customer"]
        row["payment_intent"] = intents.new_intent(world, given)["id"]
    return world.objects[row["payment_intent"]]


def settle_debit(world: World, key: str, *, succeeds: bool) -> Obj:
    """The bank's answer to a debit, and the news of the session that waited for it."""
    intent = world.get("payment_intent", key)
    charging.settle_debit(world, intent, succeeds=succeeds)
    for row in world.all("checkout.session"):
        if row["payment_intent"] == key:
            if succeeds:
                row["payment_status"] = "paid"
            state = "succeeded" if succeeds else "failed"
            world.emit(f"checkout.session.async_payment_{state}", row)
    return intent


def expire_if_due(world: World, row: Obj) -> None:
    if row["status"] == "open" and row["expires_at"] <= world.now():
        _expire(world, row)


def _expire(world: World, row: Obj) -> None:
    row.update(status="expired", url=None)
    intent = world.objects.get(row["payment_intent"] or "")
    if intent is not None and intent["status"] in (*intents.CONFIRMABLE, "requires_action"):
        intents.cancel(world, {"cancellation_reason": "abandoned"}, intent["id"])
    world.emit("checkout.session.expired", row)


@route("POST", "/v1/checkout/sessions/{}/expire")
def expire(world: World, given: Obj, key: str) -> Obj:
    row = retrieve(world, {}, key)
    if row["status"] != "open":
        raise StripeRefusal(
            400,
            "invalid_request_error",
            'Only Checkout Sessions with a status in ["open"] can be expired. '
            f"This Checkout Session has a status of {row['status']}.",
            kept=True,
        )
    _expire(world, row)
    return row


@route("GET", "/v1/checkout/sessions/{}")
def retrieve(world: World, given: Obj, key: str) -> Obj:
    row = world.get("checkout.session", key, noun="checkout.session")
    expire_if_due(world, row)
    return row


@route("POST", "/v1/checkout/sessions/{}", {"metadata": forms.metadata})
def update(world: World, given: Obj, key: str) -> Obj:
    row = retrieve(world, {}, key)
    row["metadata"] = customers.merged(row["metadata"], given.get("metadata", {}))
    return row


@route("GET", "/v1/checkout/sessions/{}/line_items", listing.PAGE)
def line_items(world: World, given: Obj, key: str) -> Obj:
    retrieve(world, {}, key)
    rows = world.hidden[key]["items"]
    return listing.page(rows, given, f"/v1/checkout/sessions/{key}/line_items")


@route(
    "GET",
    "/v1/checkout/sessions",
    {
        **listing.PAGE,
        "customer": forms.text,
        "payment_intent": forms.text,
        "status": forms.one_of("open", "complete", "expired"),
    },
)
def list_all(world: World, given: Obj) -> Obj:
    rows = list(world.all("checkout.session"))
    for row in rows:
        expire_if_due(world, row)
    found = listing.where(rows, given, "customer", "payment_intent", "status")
    return listing.page(found, given, "/v1/checkout/sessions")


@route("GET", "/v1/payment_pages/{}")
def payment_page(world: World, given: Obj, key: str) -> Obj:
    """Private at Stripe; the command line tool reads the total from it."""
    row = retrieve(world, given, key)
    return {
        "id": row["id"],
        "object": "checkout.session",
        "line_item_group": {"total": row["amount_total"], "currency": row["currency"]},
        "status": row["status"],
    }


@route(
    "POST",
    "/v1/payment_pages/{}/confirm",
    {"payment_method!": forms.text, "expected_amount!": forms.whole},
)
def confirm_page(world: World, given: Obj, key: str) -> Obj:
    row = retrieve(world, {}, key)
    if given["expected_amount"] != row["amount_total"]:
        raise invalid("The amount has changed.", param="expected_amount")
    return pay(world, row, cards.found(world, given["payment_method"]))
