"""The page on which a payer pays a checkout session."""

from html import escape
from urllib.parse import parse_qs

from bin.lib.fake_stripe import cards, charging, checkout
from bin.lib.fake_stripe.errors import StripeRefusal
from bin.lib.fake_stripe.world import Obj, World

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Pay {amount}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 0; background: #f6f7f9; color: #1a1f36 }}
main {{ max-width: 26rem; margin: 8vh auto; padding: 2rem; background: #fff; border-radius: 8px;
  box-shadow: 0 1px 4px #0003 }}
h1 {{ font-size: 2rem; margin: 0 0 1rem }}
small {{ color: #5b647a }}
label {{ display: block; margin-top: 1rem }}
input {{ font: inherit; width: 100%; box-sizing: border-box; padding: .6rem;
  border: 1px solid #8792a2;
  border-radius: 6px }}
button {{ font: inherit; width: 100%; margin-top: 1rem; padding: .7rem; border: 0;
  border-radius: 6px;
  background: #0055de; color: #fff; cursor: pointer }}
.plain {{ background: #e3e8ee; color: #1a1f36 }}
[role=alert] {{ color: #b3093c }}
</style></head><body><main>
<small>Fake Stripe: no money moves here.</small>
<h1>{amount}</h1>
{body}
</main></body></html>"""
FORM = """<ul>{items}</ul>{alert}
<form method="post">
<label for="number">Card number</label>
<input id="number" name="number" inputmode="numeric" autocomplete="cc-number" required autofocus>
<button>Pay</button>
</form>
{cancel}"""
ASKED = """<p>Your bank asks whether this is you.</p>
<form method="post">
<button name="authenticate" value="yes">It is me</button>
<button class="plain" name="authenticate" value="no">It is not me</button>
</form>"""
NO_DECIMALS = frozenset(
    (
        *("bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga"),
        *("pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"),
    )
)
THREE_DECIMALS = frozenset(["bhd", "jod", "kwd", "omr", "tnd"])

OK = 200

# Status, headers, page.
Answer = tuple[int, dict[str, str], str]


def shown(world: World, key: str) -> Answer:
    row = _session(world, key)
    if row is None:
        return 404, {}, _page("", "<p>There is no such payment.</p>")
    return _page_of(world, row, "", 200)


def paid(world: World, key: str, form: str) -> Answer:
    """Pay with the number typed; on success the payer is led back to the merchant."""
    row = _session(world, key)
    if row is None:
        return 404, {}, _page("", "<p>There is no such payment.</p>")
    given = {name: values[0] for name, values in parse_qs(form).items()}
    try:
        if "authenticate" in given and row["payment_intent"]:
            intent = world.objects[row["payment_intent"]]
            charging.authenticate(world, intent, passed=given["authenticate"] == "yes")
            checkout.finish(world, row)
            if intent["status"] == "requires_payment_method":
                return _page_of(world, row, intent["last_payment_error"]["message"], 402)
        else:
            checkout.pay(world, row, cards.of_number(world, given.get("number", "")))
    except StripeRefusal as refusal:
        return _page_of(world, row, str(refusal), refusal.status)
    if row["status"] == "complete":
        back = row["success_url"].replace("{CHECKOUT_SESSION_ID}", row["id"])
        return 303, {"Location": back}, ""
    return _page_of(world, row, "", 200)


def _session(world: World, key: str) -> Obj | None:
    row = world.objects.get(key)
    if row is None or row["object"] != "checkout.session":
        return None
    checkout.expire_if_due(world, row)
    return row


def _page_of(world: World, row: Obj, alert: str, status: int) -> Answer:
    amount = written(row["amount_total"], row["currency"])
    intent = world.objects.get(row["payment_intent"] or "")
    if row["status"] != "open":
        words = "has been paid" if row["status"] == "complete" else "has expired"
        body = f'<p role="alert">This payment {words}.</p>'
        return (410 if status == OK else status), {}, _page(amount, body)
    if intent is not None and intent["status"] == "requires_action":
        return status, {}, _page(amount, ASKED)
    items = "".join(
        f"<li>{escape(item['description'])}: "
        f"{escape(written(item['amount_total'], item['currency']))}</li>"
        for item in world.hidden[row["id"]]["items"]
    )
    cancel = row["cancel_url"]
    link = f'<p><a id="cancel" href="{escape(cancel)}">Cancel</a></p>' if cancel else ""
    shown_alert = f'<p role="alert">{escape(alert)}</p>' if alert else ""
    return status, {}, _page(amount, FORM.format(items=items, alert=shown_alert, cancel=link))


def _page(amount: str, body: str) -> str:
    return PAGE.format(amount=escape(amount), body=body)


def written(minor: int, currency: str) -> str:
    """An amount of Stripe's minor units in words."""
    digits = 0 if currency in NO_DECIMALS else 3 if currency in THREE_DECIMALS else 2
    whole, rest = divmod(minor, 10**digits)
    return f"{whole}{f'.{rest:0{digits}}' if digits else ''} {currency.upper()}"
