"""The control API `/_fake/…`: what Stripe, banks and payers do, and faults, on demand; in JSON.

It asks for no key: it is for tests, and the fake listens on this machine alone.
"""

import re
from collections.abc import Callable
from typing import Any

from bin.lib.fake_stripe import balance, charging, checkout, disputes, refunds
from bin.lib.fake_stripe.delivery import MODES, Delivery
from bin.lib.fake_stripe.errors import StripeRefusal, invalid
from bin.lib.fake_stripe.world import Obj, World

OUTAGES = ("error", "timeout")
Act = Callable[[World, Delivery, Obj, str], Any]


def _mode(_world: World, delivery: Delivery, given: Obj, name: str) -> Obj:
    if name not in MODES:
        raise invalid(f"No such mode: {name}. There are {', '.join(MODES)}.")
    delivery.set_mode(name, count=given.get("count"), seconds=given.get("seconds", 1))
    return {"mode": name}


def _outage(world: World, _delivery: Delivery, given: Obj, _key: str) -> Obj:
    """The next `count` calls of /v1 fail: `kind` error (500) or timeout (the connection is closed
    without an answer), `after` the effect or before it; `method` restricts them.
    """
    if given.get("kind", "error") not in OUTAGES:
        raise invalid(f"kind: one of {', '.join(OUTAGES)}.")
    world.outage = {
        "left": given.get("count", 1),
        "kind": given.get("kind", "error"),
        "after": bool(given.get("after", False)),
        "method": given.get("method"),
        "seconds": given.get("seconds", 0),
    }
    return {"outage": world.outage}


def _close(world: World, _delivery: Delivery, given: Obj, key: str) -> Obj:
    return disputes.close(world, key, won=given["outcome"] == "won")


def _dispute(world: World, _delivery: Delivery, given: Obj, key: str) -> Obj:
    charge = world.get("charge", key)
    inquiry = bool(given.get("inquiry"))
    if charge["disputed"] or not charge["captured"]:
        raise invalid("The charge is disputed already, or was not captured.")
    return disputes.open_dispute(world, charge, given.get("reason", "general"), inquiry=inquiry)


def _payout(world: World, _delivery: Delivery, given: Obj, _key: str) -> Obj:
    row = balance.automatic_payout(world, given.get("currency", "usd").lower())
    return balance.pay(world, row["id"]) if given.get("paid", True) else row


def _intent_then(act: Callable[[World, Obj], None]) -> Act:
    def acted(world: World, _delivery: Delivery, _given: Obj, key: str) -> Obj:
        intent = world.get("payment_intent", key)
        act(world, intent)
        return intent

    return acted


def _authenticate(world: World, _delivery: Delivery, given: Obj, key: str) -> Obj:
    intent = world.get("payment_intent", key)
    charging.authenticate(world, intent, passed=given.get("passed", True))
    for row in world.all("checkout.session"):
        if row["payment_intent"] == key:
            checkout.finish(world, row)
    return intent


def _settle(world: World, _delivery: Delivery, given: Obj, key: str) -> Obj:
    return checkout.settle_debit(world, key, succeeds=given.get("succeeds", True))


def _wait(_world: World, delivery: Delivery, given: Obj, _key: str) -> Obj:
    return {"done": delivery.wait(given.get("seconds", 10))}


def _pause(_world: World, delivery: Delivery, _given: Obj, _key: str) -> Obj:
    delivery.pause(paused=True)
    return {}


def _resume(_world: World, delivery: Delivery, _given: Obj, _key: str) -> Obj:
    delivery.pause(paused=False)
    return {}


def _flush(_world: World, delivery: Delivery, _given: Obj, _key: str) -> Obj:
    return {"sent": delivery.flush()}


def _resend(world: World, delivery: Delivery, _given: Obj, key: str) -> Obj:
    event = world.get("event", key)
    delivery.resend(event)
    return event


def _deliveries(_world: World, delivery: Delivery, _given: Obj, _key: str) -> Obj:
    return {"data": list(delivery.log)}


ACTS: dict[str, Act] = {
    "POST /_fake/modes/{}": _mode,
    "POST /_fake/outage": _outage,
    "POST /_fake/disputes/{}/close": _close,
    "POST /_fake/charges/{}/dispute": _dispute,
    "POST /_fake/payouts": _payout,
    "POST /_fake/payouts/{}/pay": lambda world, _d, _g, key: balance.pay(world, key),
    "POST /_fake/payouts/{}/fail": lambda world, _d, _g, key: balance.fail(world, key),
    "POST /_fake/fail_payment/{}": _intent_then(charging.fail_after_success),
    "POST /_fake/authenticate/{}": _authenticate,
    "POST /_fake/settle/{}": _settle,
    "POST /_fake/refunds/{}/fail": lambda world, _d, _g, key: refunds.fail(world, key),
    "POST /_fake/pause": _pause,
    "POST /_fake/resume": _resume,
    "POST /_fake/flush": _flush,
    "POST /_fake/resend/{}": _resend,
    "POST /_fake/wait": _wait,
    "GET /_fake/deliveries": _deliveries,
}
_PATTERNS = [
    (re.compile("^" + re.escape(name).replace(r"\{\}", "([^/]+)") + "$"), name) for name in ACTS
]


def answered(world: World, delivery: Delivery, method: str, path: str, given: Obj) -> Obj:
    """What the act answers. Waiting for deliveries is done without the world's lock."""
    for pattern, name in _PATTERNS:
        found = pattern.match(f"{method} {path}")
        if found:
            key = found[1] if found.groups() else ""
            if ACTS[name] is _wait:
                return _wait(world, delivery, given, key)
            with world.lock:
                world.request = {"id": None, "idempotency_key": None}
                answer: Obj = ACTS[name](world, delivery, given, key)
                return answer
    raise StripeRefusal(404, "invalid_request_error", f"No such control: {method} {path}")
