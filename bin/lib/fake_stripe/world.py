"""What the fake account holds: objects, events, and replies by idempotency key; all in memory."""

import copy
import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from bin.lib.fake_stripe.errors import no_such

API_VERSION = "2026-10-28.endive"

Obj = dict[str, Any]


class World:
    """One account. Every request and control call holds `lock` from beginning to end, so that each
    sees and leaves a whole state.
    """

    def __init__(self, *, key: str, seed: str) -> None:
        self.key = key
        self.seed = seed
        self.lock = threading.RLock()
        self.url = ""
        self.objects: dict[str, Obj] = {}
        self.kinds: dict[str, list[str]] = {}
        # What Stripe knows of an object and does not show, by its id.
        self.hidden: dict[str, Obj] = {}
        self.replies: dict[tuple[str, str], tuple[str, int, bytes]] = {}
        self.outage: Obj = {}
        self.on_event: Callable[[Obj], None] = lambda event: None
        self.request: Obj = {"id": None, "idempotency_key": None}
        self._made = 0

    def now(self) -> int:
        return int(time.time())

    def new_id(self, prefix: str, length: int = 24) -> str:
        """The same series of ids for the same seed."""
        self._made += 1
        digest = hashlib.sha256(f"{self.seed}/{self._made}".encode()).hexdigest()
        return f"{prefix}_{digest[:length]}"

    def add(self, row: Obj) -> Obj:
        self.objects[row["id"]] = row
        self.kinds.setdefault(row["object"], []).append(row["id"])
        self.hidden[row["id"]] = {}
        return row

    def get(self, kind: str, key: str, *, param: str = "", noun: str = "") -> Obj:
        """The object, or 404; with `param` 400, since it was named in a parameter."""
        row = self.objects.get(key)
        if row is None or row["object"] != kind:
            noun = noun or kind.replace("_", "").replace("checkout.", "")
            raise no_such(noun, key, param=param or "id", status=400 if param else 404)
        return row

    def all(self, kind: str) -> Iterator[Obj]:
        """Newest first."""
        for key in reversed(self.kinds.get(kind, [])):
            yield self.objects[key]

    def emit(self, name: str, row: Obj, **previous: Any) -> None:
        """An event with the object as it is now."""
        data: Obj = {"object": copy.deepcopy(row)}
        if previous:
            data["previous_attributes"] = copy.deepcopy(previous)
        event = self.add(
            {
                "id": self.new_id("evt"),
                "object": "event",
                "api_version": API_VERSION,
                "created": self.now(),
                "data": data,
                "livemode": False,
                "pending_webhooks": 0,
                "request": dict(self.request),
                "type": name,
            }
        )
        self.on_event(event)
