"""HTTP in front of the world: keys, idempotency, errors in Stripe's shape, outages."""

import hashlib
import json
import threading
import time
from base64 import b64decode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

# The modules register their routes.
from bin.lib.fake_stripe import (  # noqa: F401
    balance,
    cards,
    checkout,
    control,
    customers,
    disputes,
    events,
    intents,
    listing,
    pages,
    refunds,
    routing,
)
from bin.lib.fake_stripe.delivery import Delivery
from bin.lib.fake_stripe.errors import StripeRefusal
from bin.lib.fake_stripe.world import API_VERSION, Obj, World

MAX_BODY = 1_000_000


class Server(ThreadingHTTPServer):
    """The fake account at one address."""

    daemon_threads = True

    def __init__(self, world: World, *, host: str = "127.0.0.1", port: int = 0) -> None:
        super().__init__((host, port), Handler)
        self.world = world
        self.delivery = Delivery(world)
        world.url = f"http://{host}:{self.server_address[1]}"
        self.numbers = 0
        self.count_lock = threading.Lock()

    def next_number(self) -> int:
        with self.count_lock:
            self.numbers += 1
            return self.numbers


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body are two packets; waiting to join them costs 40 ms a request.
    disable_nagle_algorithm = True
    server: Server

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: each request would be a line on stderr."""

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > MAX_BODY:
            self._send_json(413, {"error": {"message": "too large"}})
            self.close_connection = True
            return
        body = self.rfile.read(length).decode("utf-8", "replace")
        url = urlsplit(self.path)
        if url.path.startswith("/_fake/"):
            self._control(url.path, body)
        elif url.path.startswith("/pay/"):
            self._page(url.path.removeprefix("/pay/"), body)
        else:
            self._api(url.path, url.query, body)

    def _control(self, path: str, body: str) -> None:
        try:
            given = json.loads(body or "{}")
            answer = control.answered(
                self.server.world, self.server.delivery, self.command, path, given
            )
        except StripeRefusal as refusal:
            self._send_json(refusal.status, {"error": refusal.error})
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            self._send_json(400, {"error": {"message": f"{type(error).__name__}: {error}"}})
        else:
            self._send_json(200, answer)

    def _page(self, key: str, form: str) -> None:
        world = self.server.world
        with world.lock:
            world.request = {"id": None, "idempotency_key": None}
            if self.command == "POST":
                status, headers, page = pages.paid(world, key, form)
            else:
                status, headers, page = pages.shown(world, key)
        self._send(
            status,
            page.encode(),
            {"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store", **headers},
        )

    def _api(self, path: str, query: str, body: str) -> None:
        headers = {"Request-Id": f"req_{self.server.next_number():014d}"}
        headers["Stripe-Version"] = self.headers.get("Stripe-Version") or API_VERSION
        key = self.headers.get("Idempotency-Key") if self.command == "POST" else None
        if key:
            headers["Idempotency-Key"] = key
        form = body if self.command == "POST" else query
        world = self.server.world
        with world.lock:
            outage = self._outage()
            if outage and not outage["after"]:
                self._fail(outage, headers)
                return
            status, content, more = self._replied(path, form, key, headers["Request-Id"])
        if outage:
            self._fail(outage, headers)
            return
        self._send(status, content, {"Content-Type": "application/json", **headers, **more})

    def _outage(self) -> Obj:
        """The outage that this call falls into; it counts down."""
        outage = self.server.world.outage
        if not outage or outage["left"] < 1 or outage["method"] not in (None, self.command):
            return {}
        outage["left"] -= 1
        return outage

    def _fail(self, outage: Obj, headers: dict[str, str]) -> None:
        if outage["kind"] == "timeout":
            time.sleep(outage["seconds"])
            self.close_connection = True
            return
        error = {"type": "api_error", "message": "An error occurred on the fake's side."}
        self._send_json(500, {"error": error}, headers)

    def _replied(
        self, path: str, form: str, key: str | None, request_id: str
    ) -> tuple[int, bytes, dict[str, str]]:
        """The answer, or the one that the idempotency key had before."""
        world = self.server.world
        try:
            self._check_key()
            self._check_place()
            account = (self.headers.get("Stripe-Account") or "", key or "")
            print_of = hashlib.sha256(f"{self.command} {path}\n{form}".encode()).hexdigest()
            if key and account in world.replies:
                return _replay(world.replies[account], print_of, key)
            world.request = {"id": request_id, "idempotency_key": key}
            status, content, kept = self._worked(path, form)
        except StripeRefusal as refusal:
            return refusal.status, _encoded({"error": refusal.error}), {}
        if key and kept:
            world.replies[account] = (print_of, status, content)
        return status, content, {}

    def _worked(self, path: str, form: str) -> tuple[int, bytes, bool]:
        """Status, content, and whether an idempotency key keeps them."""
        world = self.server.world
        try:
            answer, paths = routing.answered(world, self.command, path, form)
            return 200, _encoded(listing.expanded(world, answer, paths)), True
        except StripeRefusal as refusal:
            return refusal.status, _encoded({"error": refusal.error}), refusal.kept

    def _check_place(self) -> None:
        if self.command == "POST" and "?" in self.path:
            raise StripeRefusal(400, "invalid_request_error", "Parameters belong in the body.")

    def _check_key(self) -> None:
        given = self.headers.get("Authorization") or ""
        kind, _, value = given.partition(" ")
        if kind.lower() == "basic":
            value = b64decode(value).decode("utf-8", "replace").partition(":")[0]
        if not value:
            raise StripeRefusal(401, "invalid_request_error", "You did not provide an API key.")
        if value != self.server.world.key:
            shown = f"{value[:8]}{'*' * 8}{value[-4:]}"
            raise StripeRefusal(401, "invalid_request_error", f"Invalid API Key provided: {shown}")

    def _send_json(
        self, status: int, answer: object, headers: dict[str, str] | None = None
    ) -> None:
        more = {"Content-Type": "application/json", **(headers or {})}
        self._send(status, _encoded(answer), more)

    def _send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _replay(
    reply: tuple[str, int, bytes], print_of: str, key: str
) -> tuple[int, bytes, dict[str, str]]:
    before, status, content = reply
    if before != print_of:
        raise StripeRefusal(
            400,
            "idempotency_error",
            "Keys for idempotent requests can only be used with the same parameters they were "
            f"first used with. Try using a key other than '{key}' if you meant to execute a "
            "different request.",
        )
    return status, content, {"Idempotent-Replayed": "true"}


def _encoded(answer: object) -> bytes:
    return json.dumps(answer, indent=2).encode()
