"""A fake account, Stripe's own client on it, and an endpoint that hears its webhooks."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import stripe

from bin.lib.fake_stripe import Running, running_fake_stripe
from tests.fake_stripe.hearing import Heard, Hearing


@pytest.fixture
def fake() -> Iterator[Running]:
    with running_fake_stripe() as running:
        yield running


@pytest.fixture
def api(fake: Running) -> stripe.StripeClient:
    return client_of(fake)


def client_of(fake: Running, *, key: str = "", retries: int = 0) -> stripe.StripeClient:
    return stripe.StripeClient(
        key or fake.key, base_addresses={"api": fake.url}, max_network_retries=retries
    )


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        hearing: Hearing = self.server.hearing  # type: ignore[attr-defined]
        status = hearing.take(Heard(body=body, signature=self.headers["Stripe-Signature"]))
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def hearing() -> Iterator[Hearing]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    heard = Hearing(url=f"http://127.0.0.1:{server.server_address[1]}/hook")
    server.hearing = heard  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield heard
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
