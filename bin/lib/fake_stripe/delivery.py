"""Webhooks: signed, sent in the background, tried again; and every way in which they go wrong.

The modes, each for the next `count` events or until it is taken back: `duplicate` sends twice,
`reorder` collects and sends newest first, `delay` waits `seconds`, `drop` never sends,
`wrong_secret` and `old_timestamp` spoil the signature, `older_api_version` the body's version.
"""

import hashlib
import heapq
import hmac
import itertools
import json
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field

from bin.lib.fake_stripe import events
from bin.lib.fake_stripe.world import Obj, World

MODES = (
    *("duplicate", "reorder", "delay", "drop"),
    *("wrong_secret", "old_timestamp", "older_api_version"),
)
BACKOFF_S = (0.2, 0.5, 1.0, 2.0)
TIMEOUT_S = 10
OLD_S = 3600
# The class of the statuses 2xx.
SUCCESS = 2
OLDER_VERSION = "2022-11-15"


@dataclass(order=True)
class Parcel:
    """One event on its way to one endpoint."""

    due: float
    number: int
    event: Obj = field(compare=False)
    endpoint: Obj = field(compare=False)
    secret: str = field(compare=False)
    modes: frozenset[str] = field(compare=False)
    attempt: int = field(compare=False, default=0)


def signature(secret: str, body: bytes, at: int) -> str:
    """The header `Stripe-Signature` over the raw bytes."""
    signed = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256)
    return f"t={at},v1={signed.hexdigest()}"


class Delivery:
    """One thread that sends what is due. Its own lock is never held while it sends."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.log: list[Obj] = []
        self._modes: dict[str, Obj] = {}
        self._waiting: list[Parcel] = []
        self._collected: list[Obj] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._paused = False
        self._sending = 0
        self._stopped = False
        self._thread = threading.Thread(target=self._run, daemon=True, name="webhooks")

    def start(self) -> None:
        self.world.on_event = self.take
        self._thread.start()

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self._thread.join(TIMEOUT_S + 5)

    def set_mode(self, name: str, *, count: int | None, seconds: float) -> None:
        """Spoil the next `count` events; None: all from now on; 0: none any more."""
        with self._changed:
            self._modes[name] = {"left": count, "seconds": seconds}
            if count == 0:
                del self._modes[name]

    def pause(self, *, paused: bool) -> None:
        with self._changed:
            self._paused = paused
            self._changed.notify_all()

    def resend(self, event: Obj) -> None:
        with self._changed:
            self._send_to_all(event, frozenset(), 0)

    def flush(self) -> int:
        """Send what `reorder` collected, the newest first; how many that were."""
        with self._changed:
            collected, self._collected = self._collected, []
            for event in reversed(collected):
                self._send_to_all(event, frozenset(), 0)
            return len(collected)

    def wait(self, seconds: float) -> bool:
        """Whether everything that could be sent has been, within the time."""
        with self._changed:
            return self._changed.wait_for(
                lambda: not self._sending and (self._paused or not self._waiting), seconds
            )

    def take(self, event: Obj) -> None:
        """A new event."""
        with self._changed:
            on = dict(self._modes)
            for name, mode in on.items():
                if mode["left"] is not None:
                    mode["left"] -= 1
                    if mode["left"] <= 0:
                        del self._modes[name]
            if "drop" in on:
                return
            if "reorder" in on:
                self._collected.append(event)
                if "reorder" not in self._modes:
                    self.flush()
                return
            wait = on["delay"]["seconds"] if "delay" in on else 0
            for _ in range(2 if "duplicate" in on else 1):
                self._send_to_all(event, frozenset(on), wait)

    def _send_to_all(self, event: Obj, modes: frozenset[str], wait: float) -> None:
        for endpoint in list(self.world.all("webhook_endpoint")):
            wanted = endpoint["enabled_events"]
            if endpoint["status"] != "enabled":
                continue
            if any(events.fits(event["type"], name) for name in wanted):
                event["pending_webhooks"] += 1
                secret = self.world.hidden[endpoint["id"]]["secret"]
                due, number = time.monotonic() + wait, next(self._numbers)
                heapq.heappush(self._waiting, Parcel(due, number, event, endpoint, secret, modes))
        self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                parcel = self._next()
                if parcel is None:
                    return
                body = self._body(parcel)
                self._sending += 1
            status = _post(parcel, body)
            with self._changed:
                self._sending -= 1
                self._note(parcel, status)
                self._changed.notify_all()

    def _next(self) -> Parcel | None:
        """Waits for the parcel that is due next; None once the delivery has been stopped."""
        while not self._stopped:
            if self._paused or not self._waiting:
                self._changed.wait()
                continue
            left = self._waiting[0].due - time.monotonic()
            if left <= 0:
                return heapq.heappop(self._waiting)
            self._changed.wait(left)
        return None

    def _body(self, parcel: Parcel) -> bytes:
        event = dict(parcel.event)
        if "older_api_version" in parcel.modes:
            event["api_version"] = OLDER_VERSION
        return json.dumps(event, indent=2).encode()

    def _note(self, parcel: Parcel, status: int) -> None:
        event, done = parcel.event, status // 100 == SUCCESS
        self.log.append(
            {
                "event": event["id"],
                "type": event["type"],
                "url": parcel.endpoint["url"],
                "status": status,
                "attempt": parcel.attempt + 1,
                "modes": sorted(parcel.modes),
            }
        )
        if done:
            event["pending_webhooks"] -= 1
        elif parcel.attempt < len(BACKOFF_S):
            parcel.due = time.monotonic() + BACKOFF_S[parcel.attempt]
            parcel.attempt += 1
            heapq.heappush(self._waiting, parcel)


def _post(parcel: Parcel, body: bytes) -> int:
    """The endpoint's status, or 0 where it does not answer. A redirect is no success."""
    at = int(time.time()) - (OLD_S if "old_timestamp" in parcel.modes else 0)
    secret = "whsec_of_somebody_else" if "wrong_secret" in parcel.modes else parcel.secret
    request = urllib.request.Request(
        parcel.endpoint["url"],
        data=body,
        headers={
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": signature(secret, body, at),
            "User-Agent": "Stripe/1.0 (fake)",
        },
    )
    try:
        with _OPENER.open(request, timeout=TIMEOUT_S) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except (OSError, ValueError):
        return 0


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


# No proxy of the environment: the endpoint is on this machine.
_OPENER = urllib.request.build_opener(_NoRedirect, urllib.request.ProxyHandler({}))
