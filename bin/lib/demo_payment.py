"""The demo's payment: an open invoice with a page of the fake Stripe on which it can be paid."""

import json
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bin.lib.claims import OK, Browser

CARD = "4242424242424242"
CREATED = (200, 201)
PAID_LIMIT_S = 60


@dataclass(frozen=True, slots=True)
class PayPage:
    """An invoice that waits for its money, and where it is paid."""

    invoice: str
    number: str
    amount: str
    url: str


def offered(demo: Mapping[str, Any]) -> PayPage | None:
    """Open a page for the newest open invoice; None where there is none, or data of an older
    version has no credentials of the fake.
    """
    base, key = demo["base_url"], demo["api_key"]
    status, _, text = Browser().fetch(f"{base}/api/v1/invoices?status=open&limit=1000", key=key)
    rows = json.loads(text)["data"] if status == OK else []
    if not rows:
        return None
    invoice = rows[-1]
    given = {
        "for": {"invoice": invoice["id"]},
        "success_url": f"{base}/admin/",
        "cancel_url": f"{base}/admin/",
    }
    request = urllib.request.Request(
        f"{base}/api/v1/checkout-sessions",
        data=json.dumps(given).encode(),
        headers={
            "Authorization": f"Bearer {key}",
            "Content-Type": "application/json",
            "Idempotency-Key": uuid.uuid4().hex,
        },
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=30) as answer:
            session = json.load(answer)
    except urllib.error.HTTPError as error:
        error.close()
        return None
    amount = f"{session['amount']} {session['currency']}"
    return PayPage(invoice["id"], invoice["number"], amount, session["url"])


def payment_claims(demo: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """An invoice is paid on its page, and the payment reaches the ledger by webhook."""
    page = offered(demo)
    yield "an open invoice has a page to pay it", "" if page else "it has none"
    if page is None:
        return
    before = cleared(demo)
    problem = paid(page)
    yield f"invoice {page.number} is paid with a test card: {page.url}", problem
    if not problem:
        yield f"the payment of {page.amount} reached the ledger", unpaid(demo, page, before)


def paid(page: PayPage) -> str:
    """Type the card's number; what went wrong, or ''."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stay)
    form = urllib.parse.urlencode({"number": CARD}).encode()
    try:
        with opener.open(page.url, form, timeout=30) as answer:
            return f"status {answer.status}"
    except urllib.error.HTTPError as error:
        with error:
            return "" if error.code == SEE_OTHER else f"status {error.code}"


SEE_OTHER = 303


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args: Any, **_kwargs: Any) -> None:
        return None


def unpaid(demo: Mapping[str, Any], page: PayPage, before: str) -> str:
    """What is still missing when the webhook had time to come."""
    deadline = time.monotonic() + PAID_LIMIT_S
    address = f"{demo['base_url']}/api/v1/invoices/{page.invoice}"
    status = ""
    while time.monotonic() < deadline:
        _, _, text = Browser().fetch(address, key=demo["api_key"])
        status = json.loads(text)["status"]
        if status == "paid" and cleared(demo) != before:
            return ""
        time.sleep(0.5)
    return f"the invoice is {status}, and 1000 stands as before"


def cleared(demo: Mapping[str, Any]) -> str:
    """The accounts of 1000, money at the provider, in the trial balance."""
    address = f"{demo['base_url']}/api/v1/ledger/trial-balance"
    _, _, text = Browser().fetch(address, key=demo["api_key"])
    return json.dumps([row for row in json.loads(text)["data"] if row.get("code") == "1000"])
