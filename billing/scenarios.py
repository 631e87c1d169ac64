"""Playing a scenario: a sandbox project, its clock, and calls through the real API. The format is
in docs/scenarios.md.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from django.test import Client
from django.urls import Resolver404, resolve

from neruba import clock
from neruba.actor import Actor
from neruba.edge import run_atomic
from neruba.errors import NerubaError
from neruba.models import Project
from neruba.period import parse_instant
from neruba.services.api_keys import issue_api_key
from neruba.services.projects import create_project

PLAYER = Actor("system", "scenario")
NAME = re.compile(r"\{(\w+)\}")
METHODS = {"GET", "POST", "PATCH", "DELETE"}


class ScenarioError(ValueError):
    """The scenario itself makes no sense."""


def play(scenario: Mapping[str, Any], *, slug: str) -> dict[str, Any]:
    """Play one scenario in a new project; returns `{"name", "ok", "steps": […]}`.

    Raises ScenarioError where a step cannot be read. An answer that is not as expected is no error:
    its step says under `failed` what differs.
    """
    steps = scenario.get("steps")
    if not isinstance(steps, list) or not steps:
        raise ScenarioError("A scenario has a list of steps.")
    name = str(scenario.get("name", slug))
    try:
        player = _Player(dict(scenario.get("project") or {}), _instant(steps[0], name), slug)
        played = [
            player.step(step, f"{name}, step {place + 1}") for place, step in enumerate(steps)
        ]
    except NerubaError as error:
        raise ScenarioError(f"{name}: {error.detail}") from error
    return {"name": name, "ok": not any("failed" in step for step in played), "steps": played}


def _instant(step: Mapping[str, Any], where: str) -> datetime:
    try:
        return parse_instant(step["at"])
    except (KeyError, TypeError, ValueError) as error:
        raise ScenarioError(f"{where}: a step has a time `at`, RFC 3339 ({error}).") from error


class _Player:
    """A project with an admin key, and the names that steps saved."""

    def __init__(self, wanted: dict[str, Any], start: datetime, slug: str) -> None:
        unknown = wanted.keys() - {"currency", "timezone", "settings", "name", "slug"}
        if unknown:
            raise ScenarioError(f"project: unknown field {min(unknown)!r}.")
        project = run_atomic(
            lambda: create_project(
                slug=wanted.get("slug", slug),
                name=wanted.get("name", slug),
                currency=wanted.get("currency", "USD"),
                timezone=wanted.get("timezone", "UTC"),
                mode=Project.Mode.SANDBOX,
                clock_at=start,
                settings=wanted.get("settings") or {},
                actor=PLAYER,
                wall=clock.wall(),
            )
        )
        issued = issue_api_key(
            project=project,
            name="scenario",
            scopes=["admin"],
            expires_at=None,
            actor=PLAYER,
            at=start,
            wall=clock.wall(),
        )
        self.project = project
        self.client = Client(
            headers={"authorization": f"Bearer {issued.secret}", "host": "localhost"},
            raise_request_exception=False,
        )
        self.saved: dict[str, str] = {}
        self.keys = 0

    def step(self, step: Mapping[str, Any], where: str) -> dict[str, Any]:
        at = _instant(step, where)
        moved = self._call("POST", "/api/v1/clock", {"to": at.isoformat()}, {})
        while moved["status"] == HTTPStatus.ACCEPTED:
            moved = self._call("POST", "/api/v1/clock", {"to": at.isoformat()}, {})
        if moved["status"] != HTTPStatus.OK:
            return {"call": step.get("call"), **moved, "failed": f"the clock: {moved['body']}"}
        method, _, path = str(step.get("call", "")).partition(" ")
        if method not in METHODS or not path.startswith("/"):
            raise ScenarioError(
                f"{where}: `call` is a method and a path, such as GET /api/v1/usage."
            )
        answer = self._call(
            method, self._filled(path), self._filled(step.get("body")), step.get("headers") or {}
        )
        failed = _difference(self._filled(step.get("expect") or {}), answer, "")
        for name, place in (step.get("save") or {}).items():
            value = _at(answer["body"], str(place))
            if value is None:
                failed = failed or f"nothing at {place!r} to save as {name!r}"
            self.saved[name] = str(value)
        return {"call": step["call"], **answer, **({"failed": failed} if failed else {})}

    def _call(
        self, method: str, path: str, body: Any, headers: Mapping[str, str]
    ) -> dict[str, Any]:
        sent = dict(headers)
        given = {name.lower() for name in sent}
        if "idempotency-key" not in given and _needs_key(method, path):
            self.keys += 1
            sent["Idempotency-Key"] = f"{self.project.slug}-{self.keys}"
        response = self.client.generic(
            method,
            path,
            data=b"" if body is None else _encoded(body),
            content_type=sent.pop("Content-Type", "application/json"),
            headers=sent,
        )
        is_json = "json" in response.get("Content-Type", "")
        return {
            "status": response.status_code,
            "body": response.json() if is_json and response.content else None,
        }

    def _filled(self, value: Any) -> Any:
        """Put saved values where a text names them."""
        if isinstance(value, str):
            return NAME.sub(lambda found: self.saved.get(found[1], found[0]), value)
        if isinstance(value, Mapping):
            return {key: self._filled(inner) for key, inner in value.items()}
        return [self._filled(inner) for inner in value] if isinstance(value, list) else value


def _needs_key(method: str, path: str) -> bool:
    try:
        view = resolve(urlsplit(path).path).func
    except Resolver404:
        return False
    return method in getattr(getattr(view, "view_class", None), "needs_key", ())


def _encoded(body: Any) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()


def _at(value: Any, place: str) -> Any:
    """The value at a dotted place such as `data.0.id`, or None."""
    for part in place.split("."):
        if isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        elif isinstance(value, Mapping) and part in value:
            value = value[part]
        else:
            return None
    return value


def _difference(expected: Any, found: Any, where: str) -> str:
    """What of `expected` is not contained in `found`: objects by key, lists by position and length,
    all else equal.
    """
    if isinstance(expected, Mapping) and isinstance(found, Mapping):
        inner = (
            _difference(value, found[key], f"{where}/{key}")
            if key in found
            else f"{where}/{key}: missing"
            for key, value in expected.items()
        )
        return next(filter(None, inner), "")
    if isinstance(expected, list) and isinstance(found, list):
        if len(found) != len(expected):
            return f"{where}: expected {len(expected)} items, found {len(found)}"
        each = enumerate(zip(expected, found, strict=True))
        items = (_difference(wanted, had, f"{where}/{index}") for index, (wanted, had) in each)
        return next(filter(None, items), "")
    same = expected == found and isinstance(expected, bool) == isinstance(found, bool)
    return "" if same else f"{where}: expected {expected!r}, found {found!r}"
