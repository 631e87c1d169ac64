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
