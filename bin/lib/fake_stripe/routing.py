"""Which function answers which address, and what parameters it takes."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bin.lib.fake_stripe import forms
from bin.lib.fake_stripe.errors import StripeRefusal
from bin.lib.fake_stripe.world import Obj, World

Handler = Callable[..., Obj]


@dataclass(frozen=True, slots=True)
class Route:
    method: str
    pattern: re.Pattern[str]
    spec: forms.Spec
    answer: Handler


ROUTES: list[Route] = []


def route(method: str, path: str, spec: forms.Spec | None = None) -> Callable[[Handler], Handler]:
    """Register `answer(world, given, *ids)` for a path; `{}` stands for one id."""

    def registered(answer: Handler) -> Handler:
        pattern = re.compile("^" + re.escape(path).replace(r"\{\}", "([^/]+)") + "$")
        full: dict[str, Any] = {**(spec or {}), "expand": [forms.text]}
        ROUTES.append(Route(method, pattern, full, answer))
        return answer

    return registered


def find(method: str, path: str) -> tuple[Route, tuple[str, ...]]:
    """The route of an address with the ids in it; 404 where there is none."""
    for one in ROUTES:
        found = one.pattern.match(path)
        if found and one.method == method:
            return one, found.groups()
    raise StripeRefusal(
        404,
        "invalid_request_error",
        f"Unrecognized request URL ({method}: {path}). The fake knows what docs/stripe.md names.",
    )


def answered(world: World, method: str, path: str, form: str) -> tuple[Obj, list[str]]:
    """What the route answers, and the paths to expand in it."""
    one, ids = find(method, path)
    given = forms.read(one.spec, forms.decode(form))
    paths = given.pop("expand", [])
    return one.answer(world, given, *ids), paths
