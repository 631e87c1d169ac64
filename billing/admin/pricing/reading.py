"""What a definition of a plan says, and everything that is wrong with it, each at its place."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from billing.admin.pricing.tree import above, pointer_of
from billing.api.catalog import PlanRequest, PlanVersionBody, version_asked
from billing.models import PlanVersion
from billing.rating.plan import PlanPrice
from billing.selectors.drafts import drafted_entitlements, drafted_prices
from billing.services.plans import parse_minimum
from ingest.models import Meter
from neruba.errors import InvalidError, NerubaError
from neruba.models import Project

MAX_JSON = 256 * 1024
# What a version has and its definition has not: they are given, not written.
GIVEN = ("code", "version", "created_at")
EMPTY: Mapping[str, Any] = {"interval": "month", "interval_count": 1, "prices": []}


@dataclass(frozen=True, slots=True)
class Reading:
    """`asked` is what the version is made from, None where there is a fault. `prices` are those
    that could be read, None for others; `faults` are sentences by pointer.
    """

    asked: dict[str, Any] | None
    prices: tuple[PlanPrice | None, ...]
    faults: Mapping[str, str]
    meters: Mapping[str, Meter]

    def placed(self, places: set[str]) -> dict[str, str]:
        """The faults by the place that shows each: its field, or the nearest that it lies in."""
        found: dict[str, str] = {}
        for pointer, words in self.faults.items():
            place = next((one for one in above(pointer) if one in places), "")
            inside = pointer[len(place) :].strip("/")
            said = f"{inside}: {words}" if inside else words
            found[place] = f"{found[place]} {said}" if place in found else said
        return found


def definition_of(version: PlanVersion | None) -> dict[str, Any]:
    """The definition of a version, as a POST of it would be written; an empty one for none."""
    if version is None:
        return dict(EMPTY)
    shown = dict(PlanVersionBody(version).data)
    return {name: value for name, value in shown.items() if name not in GIVEN}


def parsed_json(text: str) -> dict[str, Any]:
    """The definition in a text. Raises InvalidError where it is none."""
    if len(text) > MAX_JSON:
        raise InvalidError(f"This is longer than {MAX_JSON:,} characters.", pointer="/definition")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidError(f"This is not JSON: {error}.", pointer="/definition") from None
    if not isinstance(found, dict):
        raise InvalidError("Write the definition as an object: {…}.", pointer="/definition")
    return found


def read(project: Project, code: str, definition: Mapping[str, Any]) -> Reading:
    """Read a definition by the contract of `POST /plans`; nothing is raised for what is wrong."""
    request = PlanRequest(data={**definition, "code": code})
    faults: dict[str, str] = {}
    asked: dict[str, Any] | None = None
    if request.is_valid():
        try:
            asked = version_asked(project, dict(request.validated_data))
            parse_minimum(asked["minimum_commitment"], asked["currency"])
            drafted_entitlements(project, asked["entitlements"])
        except NerubaError as error:
            faults[error.pointer or ""] = error.detail
    else:
        faults |= dict(_flat(request.errors))
    rows = definition.get("prices")
    definitions = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    drafted = drafted_prices(project, definitions)
    for fault in drafted.faults:
        faults.setdefault(fault.pointer or "", _sentence(fault.detail))
    return Reading(None if faults else asked, drafted.prices, faults, drafted.meters)


def _flat(errors: Any, pointer: str = "") -> Iterator[tuple[str, str]]:
    """The errors of a serializer by pointer."""
    if isinstance(errors, Mapping):
        for name, inside in errors.items():
            whole = name == "non_field_errors"
            yield from _flat(inside, pointer if whole else pointer + pointer_of(name))
    elif isinstance(errors, list | tuple) and any(isinstance(one, Mapping) for one in errors):
        for index, inside in enumerate(errors):
            yield from _flat(inside, pointer + pointer_of(index))
    elif errors:
        several = errors if isinstance(errors, list | tuple) else [errors]
        yield pointer, " ".join(str(one) for one in several)


def _sentence(words: str) -> str:
    """A sentence to be read at a field; one that begins with the name of a field keeps it."""
    said = words if "_" in words.partition(" ")[0] else words[:1].upper() + words[1:]
    return said if said.endswith((".", "!", "?")) else f"{said}."
