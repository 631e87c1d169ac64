"""What a plan entitles to: features that are there, and limits of what may be used. Pure.

Source: docs/entitlements.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, cast, get_args

from billing.rating.definition import read_quantity, refuse_unknown
from billing.rating.plan import MAX_CODE
from billing.rating.price import PriceError
from neruba.decimals import plain

EntitlementType = Literal["boolean", "limit"]
FIELDS = frozenset({"feature", "type", "limit", "meter"})


@dataclass(frozen=True, slots=True)
class Entitlement:
    """A feature that a plan grants; of a limit, how much of it each period of the plan holds.

    `limit` is a quantity >= 0 of up to 9 decimals, None for a boolean. `meter` is the code of the
    meter that counts against the limit, None where nothing does.
    """

    feature: str
    type: EntitlementType
    limit: Decimal | None = None
    meter: str | None = None

    def spec(self) -> dict[str, str]:
        """The canonical form: `Entitlement.read` of it gives an equal entitlement. What is not set
        has no key.
        """
        spec = {"feature": self.feature, "type": str(self.type)}
        if self.limit is not None:
            spec["limit"] = plain(self.limit)
        if self.meter is not None:
            spec["meter"] = self.meter
        return spec

    @classmethod
    def read(cls, spec: Mapping[str, str]) -> "Entitlement":
        limit = spec.get("limit")
        return cls(
            feature=spec["feature"],
            type=cast("EntitlementType", spec["type"]),
            limit=None if limit is None else Decimal(limit),
            meter=spec.get("meter"),
        )


def parse_entitlements(
    definitions: Sequence[Mapping[str, Any]], *, below: str = ""
) -> tuple[Entitlement, ...]:
    """Read the entitlements of a plan, in their order, as they came from JSON.

    Raises PriceError, with a pointer that begins with `below`: for a feature that is named twice, a
    limit without a `limit`, and a boolean that has a `limit` or a `meter`.
    """
    parsed: dict[str, Entitlement] = {}
    for index, definition in enumerate(definitions):
        place = f"{below}/entitlements/{index}"
        one = _parse(definition, place)
        if one.feature in parsed:
            raise PriceError(
                f"{place}/feature", "duplicate", f"there are two entitlements {one.feature!r}"
            )
        parsed[one.feature] = one
    return tuple(parsed.values())


def _parse(definition: Mapping[str, Any], place: str) -> Entitlement:
    refuse_unknown(definition, FIELDS, place)
    feature = _read_text(definition, "feature", place)
    kind = definition.get("type")
    if kind is None:
        raise PriceError(f"{place}/type", "required", "type is missing")
    if kind not in get_args(EntitlementType):
        raise PriceError(f"{place}/type", "invalid", "type is one of boolean, limit")
    if kind == "boolean":
        for name in ("limit", "meter"):
            if definition.get(name) is not None:
                raise PriceError(f"{place}/{name}", "invalid", f"a boolean has no {name}")
        return Entitlement(feature, "boolean")
    meter = definition.get("meter")
    return Entitlement(
        feature,
        "limit",
        limit=read_quantity(definition, "limit", pointer=place),
        meter=None if meter is None else _read_text(definition, "meter", place),
    )


def _read_text(definition: Mapping[str, Any], name: str, place: str) -> str:
    value = definition.get(name)
    if value is None:
        raise PriceError(f"{place}/{name}", "required", f"{name} is missing")
    if not isinstance(value, str) or not 0 < len(value) <= MAX_CODE or value != value.strip():
        raise PriceError(
            f"{place}/{name}", "invalid", f"{name} is text of 1 to {MAX_CODE} characters"
        )
    return value
