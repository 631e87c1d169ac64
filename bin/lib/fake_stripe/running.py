"""The fake in this process, for tests."""

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bin.lib.fake_stripe.events import new_endpoint
from bin.lib.fake_stripe.server import Server
from bin.lib.fake_stripe.world import World

KEY = "sk_test_fake0000000000000000"
SECRET = "whsec_fake0000000000000000"  # noqa: S105 - the fake's


class ControlError(Exception):
    """The control API refused."""


@dataclass(frozen=True, slots=True)
class Control:
    """A client of `/_fake/…`."""

    url: str

    def __call__(self, path: str, **given: Any) -> Any:
        """POST to `/_fake/{path}`, as in `control("disputes/du_1/close", outcome="won")`."""
        return self._ask("POST", path, json.dumps(given).encode())

    def deliveries(self) -> list[dict[str, Any]]:
        """Each attempt to deliver: event, type, url, status, attempt, modes."""
        found: list[dict[str, Any]] = self._ask("GET", "deliveries", None)["data"]
        return found

    def delivered(self, seconds: float = 10) -> None:
        """Wait until every webhook was sent. Raises ControlError where that takes longer."""
        if not self("wait", seconds=seconds)["done"]:
            raise ControlError(f"webhooks are still under way after {seconds} s")

    def _ask(self, method: str, path: str, body: bytes | None) -> Any:
        request = urllib.request.Request(
            f"{self.url}/_fake/{path}",
            data=body,
            method=method,
            headers={"Content-Type": "application/json"},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                raise ControlError(error.read().decode()) from None


@dataclass(frozen=True, slots=True)
class Running:
    """The fake's address, its API key, the secret of the first webhook endpoint, its control."""

    url: str
    key: str
    secret: str
    control: Control


@contextmanager
def running_fake_stripe(
    *,
    port: int = 0,
    key: str = KEY,
    webhook: str = "",
    secret: str = SECRET,
    enabled_events: tuple[str, ...] = ("*",),
    seed: str = "1",
) -> Iterator[Running]:
    """Serve an empty account on 127.0.0.1; with `webhook` its events go to that address.

    Ids are the same for the same seed and calls.
    """
    server = Server(World(key=key, seed=seed), port=port)
    if webhook:
        new_endpoint(server.world, webhook, list(enabled_events), secret)
    server.delivery.start()
    # The default poll of 0.5 s would be the time that each test waits for the end.
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        url = server.world.url
        yield Running(url=url, key=key, secret=secret, control=Control(url))
    finally:
        server.shutdown()
        thread.join(10)
        server.delivery.stop()
        server.server_close()
