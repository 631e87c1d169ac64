"""The fake Stripe, tried by programs that were not written for it."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bin.lib import services
from bin.lib.fake_stripe import running_fake_stripe

LOCK = Path("requirements-outsiders.txt")
VENV = Path("build/outsiders")
INSTALLED = VENV / LOCK.name
TOOLS = Path("build/stripe-cli")
CLI_PACKAGE = "@stripe/cli@1.52.0"
CLI = TOOLS / "node_modules" / "@stripe" / "cli" / "bin" / "shim.js"
# The tool takes only keys of this length.
KEY = "sk_test_outsiders0000000000000000"
# What the tool's checkout costs: two of 15 dollars.
CLI_TOTAL = 3000
START_LIMIT_S = 30
TRIGGER_LIMIT_S = 60
SERVE_LOCALSTRIPE = """
import sys
from aiohttp import web
from localstripe.server import app
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None)
"""

Api = Callable[..., Any]


def main() -> int:
    try:
        install()
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"bin/outsiders: cannot be installed: {error}", file=sys.stderr)
        return 1
    faults = [*triggered(), *compared()]
    for fault in faults:
        print(f"bin/outsiders: {fault}", file=sys.stderr)
    print(f"bin/outsiders: {len(faults)} faults", flush=True)
    return 1 if faults else 0


def install() -> None:
    """Both programs, where they are not there. Raises OSError without npm."""
    if not INSTALLED.exists() or INSTALLED.read_bytes() != LOCK.read_bytes():
        print(f"Installing {LOCK} into {VENV}", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=True)
        pip = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        subprocess.run(
            [*pip, "--disable-pip-version-check", "--require-hashes", "-r", str(LOCK)], check=True
        )
        shutil.copyfile(LOCK, INSTALLED)
    if not CLI.exists():
        if shutil.which("npm") is None:
            raise OSError("there is no npm, which Stripe's command line tool comes by")
        print(f"Installing {CLI_PACKAGE} into {TOOLS}", file=sys.stderr, flush=True)
        TOOLS.mkdir(parents=True, exist_ok=True)
        npm = ["npm", "install", "--no-save", "--no-package-lock", "--silent", "--prefix"]
        subprocess.run([*npm, str(TOOLS), CLI_PACKAGE], check=True)


def client(url: str) -> Api:
    """`ask(path, **form)`: a POST where there is a form, else a GET; answers the JSON."""

    def ask(path: str, **form: Any) -> Any:
        request = urllib.request.Request(
            f"{url}/v1/{path}",
            data=urllib.parse.urlencode(form).encode() if form else None,
            headers={"Authorization": f"Bearer {KEY}"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                words = error.read().decode()
            raise SystemExit(f"bin/outsiders: {url}/v1/{path}: {words}") from None

    return ask


def newest(ask: Api, path: str) -> Any:
    rows = ask(path)["data"]
    return rows[0] if rows else {}


def triggered() -> Iterator[str]:
    """What Stripe's command line tool could not do, or what is not there after it."""
    wanted: dict[str, Callable[[Api], bool]] = {
        "payment_intent.succeeded": lambda ask: (
            newest(ask, "payment_intents")["status"] == "succeeded"
        ),
        "payment_intent.payment_failed": lambda ask: (
            newest(ask, "payment_intents")["last_payment_error"]["code"] == "card_declined"
        ),
        "charge.refunded": lambda ask: newest(ask, "charges")["refunded"] is True,
        "charge.dispute.created": lambda ask: (
            newest(ask, "disputes")["charge"] == newest(ask, "charges")["id"]
        ),
        "checkout.session.completed": lambda ask: (
            newest(ask, "checkout/sessions")["payment_status"] == "paid"
            and newest(ask, "checkout/sessions")["amount_total"] == CLI_TOTAL
        ),
    }
    for name, holds in wanted.items():
        with running_fake_stripe(key=KEY) as fake:
            done = trigger(name, fake.url)
            ask = client(fake.url)
            if done.returncode != 0:
                yield f"stripe trigger {name} ended with {done.returncode}: {done.stdout[-600:]}"
            elif not holds(ask) or not ask(f"events?type={name}")["data"]:
                yield f"stripe trigger {name} passed, but the fake does not hold what it made"
            else:
                print(f"bin/outsiders: stripe trigger {name}: as it should be", flush=True)


def trigger(name: str, url: str) -> subprocess.CompletedProcess[str]:
    with tempfile.TemporaryDirectory() as home:
        return subprocess.run(
            [
                *("node", str(CLI), "trigger", name),
                *("--api-base", url, "--api-key", KEY),
            ],
            env={"HOME": home, "PATH": os.environ["PATH"], "STRIPE_CLI_TELEMETRY_OPTOUT": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TRIGGER_LIMIT_S,
            check=False,
        )


def compared() -> Iterator[str]:
    """Where localstripe comes to another state by the same calls."""
    with localstripe() as url:
        theirs = story(client(url))
    with running_fake_stripe(key=KEY) as fake:
        ours = story(client(fake.url))
    for name in sorted(theirs.keys() | ours.keys()):
        if theirs.get(name) != ours.get(name):
            yield f"{name}: {ours.get(name)}, and {theirs.get(name)} at localstripe"
    print(f"bin/outsiders: {len(ours)} facts compared with localstripe", flush=True)


def story(ask: Api) -> dict[str, Any]:
    """What both can do: a customer, a payment, two refunds; and what is to be seen of it."""
    customer = ask("customers", name="Jenny", email="jenny@example.com")
    method = ask("payment_methods", type="card", **CARD)
    ask(f"payment_methods/{method['id']}/attach", customer=customer["id"])
    intent = ask(
        "payment_intents",
        amount=5000,
        currency="usd",
        customer=customer["id"],
        payment_method=method["id"],
        confirm="true",
    )
    charge_id = id_of(intent["latest_charge"])
    part = ask("refunds", charge=charge_id, amount=2000)
    rest = ask("refunds", charge=charge_id, amount=3000)
    charge = ask(f"charges/{charge_id}")
    moved = ask(f"balance_transactions/{id_of(charge['balance_transaction'])}")
    refunds = ask(f"refunds?charge={charge_id}")
    return {
        **_of("customer", customer, "object", "name", "email", "metadata", "livemode"),
        **_of("method", method, "object", "type"),
        **_of("card", method["card"], "brand", "last4", "exp_year"),
        **_of("intent", intent, "object", "status", "amount", "currency", "metadata"),
        **_of("charge", charge, "object", "status", "amount", "amount_refunded", "refunded"),
        **_of("charge", charge, "currency", "failure_code"),
        **_of("movement", moved, "object", "type", "amount", "currency"),
        **_of("first refund", part, "object", "status", "amount", "currency"),
        **_of("second refund", rest, "object", "status", "amount", "currency"),
        # Both are of one second, which localstripe does not order.
        "refunds listed": sorted(row["amount"] for row in refunds["data"]),
        "list": [refunds["object"], refunds["has_more"]],
        "the charge is the customer's": id_of(charge["customer"]) == customer["id"],
        "the refund is the charge's": id_of(part["charge"]) == charge_id,
    }


CARD = {
    "card[number]": "4242424242424242",
    "card[exp_month]": "12",
    "card[exp_year]": "2040",
    "card[cvc]": "123",
}


def id_of(reference: Any) -> Any:
    """localstripe shows some references as whole objects, as older versions of Stripe's API did."""
    return reference["id"] if isinstance(reference, dict) else reference


def _of(noun: str, row: Any, *names: str) -> dict[str, Any]:
    return {f"{noun}.{name}": row[name] for name in names}


@contextmanager
def localstripe() -> Iterator[str]:
    """localstripe with nothing in it, on 127.0.0.1 alone; it keeps its data in its own folder."""
    port = services.free_port()
    python = (VENV / "bin" / "python").absolute()
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(
            [str(python), "-c", SERVE_LOCALSTRIPE, str(port)],
            cwd=folder,
            env={"PATH": os.environ["PATH"], "TMPDIR": folder, "HOME": folder},
        )
        try:
            wait_for(f"http://127.0.0.1:{port}", server)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(30)


def wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    stop_at = time.monotonic() + START_LIMIT_S
    while time.monotonic() < stop_at and server.poll() is None:
        try:
            client(url)("customers")
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise SystemExit("bin/outsiders: localstripe does not answer")


if __name__ == "__main__":
    sys.exit(main())
