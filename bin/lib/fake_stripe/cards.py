"""Stripe's test cards and tokens, and payment methods made of them."""

import hashlib
from dataclasses import dataclass

from bin.lib.fake_stripe import forms, listing, shapes
from bin.lib.fake_stripe.errors import StripeRefusal, invalid
from bin.lib.fake_stripe.routing import route
from bin.lib.fake_stripe.world import Obj, World


@dataclass(frozen=True, slots=True)
class Card:
    """What happens when a number is charged."""

    number: str
    brand: str = "visa"
    decline: str = ""
    reason: str = ""
    asks: bool = False
    dispute: str = ""
    inquiry: bool = False


CARDS = {
    card.number: card
    for card in (
        Card("4242424242424242"),
        Card("5555555555554444", "mastercard"),
        Card("4000000000000077"),
        Card("4000000000000002", decline="card_declined", reason="generic_decline"),
        Card("4000000000009995", decline="card_declined", reason="insufficient_funds"),
        Card("4000000000009987", decline="card_declined", reason="lost_card"),
        Card("4000000000000069", decline="expired_card"),
        Card("4000000000000127", decline="incorrect_cvc"),
        Card("4000000000000119", decline="processing_error"),
        Card("4000002500003155", asks=True),
        Card("4000000000000259", dispute="fraudulent"),
        Card("4000000000002685", dispute="product_not_received"),
        Card("4000000000001976", dispute="general", inquiry=True),
    )
}
TOKENS = {
    "card_visa": "4242424242424242",
    "card_mastercard": "5555555555554444",
    "card_bypassPending": "4000000000000077",
    "card_chargeDeclined": "4000000000000002",
    "card_visa_chargeDeclined": "4000000000000002",
    "card_chargeDeclinedInsufficientFunds": "4000000000009995",
    "card_visa_chargeDeclinedInsufficientFunds": "4000000000009995",
    "card_chargeDeclinedLostCard": "4000000000009987",
    "card_chargeDeclinedExpiredCard": "4000000000000069",
    "card_chargeDeclinedIncorrectCvc": "4000000000000127",
    "card_chargeDeclinedProcessingError": "4000000000000119",
    "card_authenticationRequired": "4000002500003155",
    "card_createDispute": "4000000000000259",
    "card_createDisputeProductNotReceived": "4000000000002685",
    "card_createDisputeInquiry": "4000000000001976",
}
DECLINE_WORDS = {
    "card_declined": "Your card was declined.",
    "expired_card": "Your card has expired.",
    "incorrect_cvc": "Your card's security code is incorrect.",
    "processing_error": "An error occurred while processing your card. Try again in a little bit.",
}
# Stripe's test accounts of US bank debits: one that pays in the end, one that does not.
BANK_ACCOUNTS = {"000123456789": True, "000111111116": False}
MADE_BY_CLIENTS = {
    "type!": forms.one_of("card", "us_bank_account"),
    "card": {
        "token": forms.text,
        "number": forms.text,
        "exp_month": forms.whole,
        "exp_year": forms.whole,
        "cvc": forms.text,
    },
    "us_bank_account": {
        "account_number!": forms.text,
        "routing_number": forms.text,
        "account_holder_type": forms.text,
    },
    "billing_details": {
        "address": forms.anything,
        "email": forms.text,
        "name": forms.text,
        "phone": forms.text,
    },
    "metadata": forms.metadata,
}


def of_number(world: World, number: str) -> Obj:
    """A payment method of a typed number: a test card, or a test account of a bank.

    Raises 402 `incorrect_number` for anything else, as test mode refuses real cards.
    """
    digits = number.replace(" ", "").replace("-", "")
    if digits in BANK_ACCOUNTS:
        return _of_bank(world, digits)
    if digits not in CARDS:
        raise StripeRefusal(
            402,
            "card_error",
            "Your card number is incorrect.",
            code="incorrect_number",
            param="number",
            kept=True,
        )
    card = CARDS[digits]
    print_of_card = hashlib.sha256(digits.encode()).hexdigest()[:16]
    row = world.add(
        shapes.payment_method(
            id=world.new_id("pm"),
            created=world.now(),
            type="card",
            card=shapes.card(card.brand, digits[-4:], print_of_card),
        )
    )
    world.hidden[row["id"]]["card"] = card
    return row


def _of_bank(world: World, number: str) -> Obj:
    row = world.add(
        shapes.payment_method(
            id=world.new_id("pm"),
            created=world.now(),
            type="us_bank_account",
            us_bank_account={
                "account_holder_type": "individual",
                "account_type": "checking",
                "bank_name": "STRIPE TEST BANK",
                "financial_connections_account": None,
                "fingerprint": hashlib.sha256(number.encode()).hexdigest()[:16],
                "last4": number[-4:],
                "networks": None,
                "routing_number": "110000000",
                "status_details": None,
            },
        )
    )
    world.hidden[row["id"]]["bank"] = number
    return row


def found(world: World, token: str) -> Obj:
    """The payment method of an id, or a new one of a test token such as `pm_card_visa`."""
    name = token.removeprefix("pm_").removeprefix("tok_")
    if token.startswith("tok_"):
        name = f"card_{name}"
    if name in TOKENS:
        return of_number(world, TOKENS[name])
    return world.get("payment_method", token, param="payment_method", noun="PaymentMethod")


@route("POST", "/v1/payment_methods", MADE_BY_CLIENTS)
def create(world: World, given: Obj) -> Obj:
    if given["type"] == "us_bank_account":
        row = of_number(world, given.get("us_bank_account", {}).get("account_number", ""))
    elif "token" in given.get("card", {}):
        row = found(world, given["card"]["token"])
    elif "number" in given.get("card", {}):
        row = of_number(world, given["card"]["number"])
    else:
        raise invalid("Missing required param: card.", code="parameter_missing", param="card")
    if row["type"] != given["type"]:
        raise invalid("The type does not fit what was given.", param="type")
    row["billing_details"].update(given.get("billing_details", {}))
    row["metadata"] = given.get("metadata", {})
    return row


@route("GET", "/v1/payment_methods/{}")
def retrieve(world: World, given: Obj, key: str) -> Obj:
    return world.get("payment_method", key, noun="PaymentMethod")


@route("POST", "/v1/payment_methods/{}/attach", {"customer!": forms.text})
def attach(world: World, given: Obj, key: str) -> Obj:
    world.get("customer", given["customer"], param="customer")
    row = found(world, key)
    row["customer"] = given["customer"]
    return row


@route(
    "GET",
    "/v1/payment_methods",
    {**listing.PAGE, "customer": forms.text, "type": forms.text},
)
def list_all(world: World, given: Obj) -> Obj:
    rows = [
        row
        for row in world.all("payment_method")
        if all(row[name] == given[name] for name in ("customer", "type") if name in given)
    ]
    return listing.page(rows, given, "/v1/payment_methods")
