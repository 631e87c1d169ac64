"""A short way through a deployed Neruba, by its real HTTP interface: key, event, duplicate, usage,
preview, void.

It leaves nothing that bills. Its event is of a type and a customer of its own, who has no
subscription, and is voided at the end; the key lives for minutes and is revoked, whatever happens.
"""

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol
from uuid import uuid4

from django.conf import settings
from django.db import Error
from django.test import Client

from neruba import clock
from neruba.actor import SYSTEM
from neruba.edge import run_atomic
from neruba.errors import NerubaError
from neruba.models import Project
from neruba.services.api_keys import IssuedKey, issue_api_key, revoke_api_key

NAME = "neruba-smoke"
EVENT_TYPE = "neruba.smoke"
SCOPES = ("billing:read", "billing:write", "usage:read", "usage:write")
KEY_LIVES = timedelta(minutes=10)
TIMEOUT_S = 30
UNAUTHORIZED = 401
REASON = "manage.py smoke"
MOMENT = timedelta(milliseconds=1)


class SmokeError(Exception):
    """A step did not answer what it should; says what it answered."""


@dataclass(frozen=True, slots=True)
class Step:
    """What became of one step."""

    name: str
    ok: bool
    milliseconds: int
    detail: str


class Door(Protocol):
    """A way to the API."""

    def call(self, method: str, path: str, body: Any, key: str) -> tuple[int, Any]:
        """The status and the decoded answer."""


class InProcess:
    """The real URLs, middleware and views of this process, without a server in front."""

    def call(self, method: str, path: str, body: Any, key: str) -> tuple[int, Any]:
        caller = Client(raise_request_exception=False, SERVER_NAME=_served_host())
        answer = caller.generic(
            method,
            f"/api/v1{path}",
            json.dumps(body) if body is not None else "",
            content_type="application/json",
            secure=True,
            headers={"Authorization": f"Bearer {key}"},
        )
        return answer.status_code, _decoded(answer.content)


@dataclass(frozen=True, slots=True)
class Served:
    """A running server at `url`."""

    url: str

    def call(self, method: str, path: str, body: Any, key: str) -> tuple[int, Any]:
        request = urllib.request.Request(  # noqa: S310 - the command takes http and https alone
            f"{self.url}/api/v1{path}",
            data=json.dumps(body).encode() if body is not None else None,
            method=method,
            headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
                return answer.status, _decoded(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, _decoded(error.read())
        except OSError as error:
            raise SmokeError(f"no answer from {self.url}: {error}") from error


def _decoded(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return None


def _served_host() -> str:
    """A name that ALLOWED_HOSTS lets pass."""
    names = [name.lstrip(".") for name in settings.ALLOWED_HOSTS if "*" not in name]
    return names[0] if names else "localhost"


@dataclass
class Smoke:
    """One run of the steps in a project."""

    project: Project
    door: Door
    issued: IssuedKey | None = None
    event: dict[str, Any] = field(default_factory=dict)
    sent: bool = False

    def steps(self) -> Iterator[Step]:
        """Do the steps in order, each as it is done; stop at the first that fails, then clean
        up.
        """
        work: tuple[tuple[str, Callable[[], str]], ...] = (
            ("key", self._key),
            ("event", self._event),
            ("duplicate", self._duplicate),
            ("usage", self._usage),
            ("preview", self._preview),
        )
        try:
            for name, do in work:
                done = _timed(name, do)
                yield done
                if not done.ok:
                    break
        finally:
            cleaned = [_timed("void", self._void)] if self.sent else []
            if self.issued is not None:
                cleaned.append(_timed("revoke", self._revoke))
        yield from cleaned

    def _call(self, method: str, path: str, body: Any = None, *, expect: tuple[int, ...]) -> Any:
        assert self.issued is not None
        status, answer = self.door.call(method, path, body, self.issued.secret)
        if status not in expect:
            detail = answer.get("detail", "") if isinstance(answer, dict) else ""
            raise SmokeError(f"{method} {path.partition('?')[0]} answered {status}. {detail}")
        if not isinstance(answer, dict):
            raise SmokeError(f"{method} {path.partition('?')[0]} answered no JSON")
        return answer

    def _key(self) -> str:
        wall = clock.wall()
        issue = partial(
            issue_api_key,
            project=self.project,
            name=NAME,
            scopes=SCOPES,
            expires_at=wall + KEY_LIVES,
            actor=SYSTEM,
            at=clock.now(self.project),
            wall=wall,
            reason=REASON,
        )
        self.issued = run_atomic(issue)
        self._call("GET", f"/projects/{self.project.slug}", expect=(200,))
        return f"{self.issued.key.prefix}, for {KEY_LIVES.seconds // 60} minutes"

    def _event(self) -> str:
        customer = {"external_id": NAME, "name": "Smoke test: has no subscription"}
        meter = {"code": NAME, "event_type": EVENT_TYPE, "aggregation": "count"}
        self._call("POST", "/customers", customer, expect=(200, 201))
        self._call("POST", "/meters", meter, expect=(200, 201))
        self.event = {
            "id": uuid4().hex,
            "source": NAME,
            "type": EVENT_TYPE,
            "subject": NAME,
            "time": clock.now(self.project).isoformat(),
        }
        self.sent = True
        return self._send(201, "accepted")

    def _duplicate(self) -> str:
        return self._send(200, "duplicate")

    def _send(self, status: int, outcome: str) -> str:
        answer = self._call("POST", "/events", self.event, expect=(status,))
        if answer["outcome"] != outcome:
            raise SmokeError(f"the event is {answer['outcome']}, not {outcome}")
        return str(outcome)

    def _usage(self) -> str:
        return self._counted("1")

    def _counted(self, expected: str) -> str:
        """What the meter says of the event's own millisecond."""
        start = datetime.fromisoformat(self.event["time"])
        window = {"from": start.isoformat(), "to": (start + MOMENT).isoformat()}
        query = urllib.parse.urlencode({"customer": NAME, "meter": NAME, **window})
        rows = self._call("GET", f"/usage?{query}", expect=(200,))["data"]
        quantity = rows[0]["quantity"] if rows else "0"
        if quantity != expected:
            raise SmokeError(f"the meter says {quantity}, not {expected}")
        return f"quantity {quantity}"

    def _preview(self) -> str:
        found = self._call("GET", "/subscriptions?limit=50", expect=(200,))["data"]
        active = next((one for one in found if one["status"] == "active"), None)
        if active is None:
            return "no subscription to preview: skipped"
        body = {
            "subscription": active["external_id"],
            "as_of": clock.now(self.project).isoformat(),
        }
        documents = self._call("POST", "/invoices/preview", body, expect=(200,))["data"]
        return f"{len(documents)} documents of one subscription, not stored"

    def _void(self) -> str:
        body = {"source": NAME, "id": self.event["id"], "reason": REASON}
        self._call("POST", "/events/void", body, expect=(200,))
        return self._counted("0")

    def _revoke(self) -> str:
        assert self.issued is not None
        prefix = self.issued.key.prefix
        revoke = partial(
            revoke_api_key,
            project=self.project,
            prefix=prefix,
            reason=REASON,
            actor=SYSTEM,
            at=clock.now(self.project),
            wall=clock.wall(),
        )
        run_atomic(revoke)
        status, _ = self.door.call("GET", "/customers?limit=1", None, self.issued.secret)
        if status != UNAUTHORIZED:
            raise SmokeError(f"the revoked key is answered {status}")
        return "the key is refused from now on"


def _timed(name: str, do: Callable[[], str]) -> Step:
    started = time.perf_counter()
    try:
        detail, ok = do(), True
    except (SmokeError, NerubaError) as error:
        detail, ok = str(error), False
    except Error:
        detail, ok = "the database does not answer, or has a fault: see /health/ready", False
    return Step(name, ok, round((time.perf_counter() - started) * 1000), detail)
