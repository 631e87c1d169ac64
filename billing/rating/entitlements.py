"""What plans entitle to: features that are there, and limits of what may be used. Pure.

Source: docs/entitlements.md.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, cast, get_args

from billing.rating.definition import read_quantity, refuse_unknown
from billing.rating.plan import MAX_CODE
from billing.rating.price import PriceError
from neruba.decimals import ZERO, add, plain, subtract
from neruba.period import Interval

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


@dataclass(frozen=True, slots=True)
class Grant:
    """An entitlement by one subscription, in its period that runs at the instant asked about."""

    subscription: str
    entitlement: Entitlement
    period: Interval
    zone: str


@dataclass(frozen=True, slots=True)
class Part:
    """Grants of one feature that are counted together: their limits add up, since one meter counts
    against them in one and the same period.

    `limit` and `period` are None for a boolean. `used` is None where no meter counts.
    """

    feature: str
    type: EntitlementType
    limit: Decimal | None
    meter: str | None
    period: Interval | None
    zone: str
    subscriptions: tuple[str, ...]
    used: Decimal | None = None

    @property
    def remaining(self) -> Decimal | None:
        """What is left of the limit, zero or more; None where nothing is counted."""
        if self.limit is None or self.used is None:
            return None
        return max(subtract(self.limit, self.used), ZERO)


@dataclass(frozen=True, slots=True)
class Entitled:
    """One feature as a customer has it, of at least one part.

    Parts with other periods or meters have no use in common, so `used`, `meter` and `period` are
    theirs where there is one, and None else. `limit` and `remaining` are their sums all the same:
    an event that counts in two of them is taken off both, so that what remains is never too much.
    """

    feature: str
    parts: tuple[Part, ...]

    @property
    def type(self) -> EntitlementType:
        """`boolean` where one of them is: what is granted without a limit has none."""
        return "boolean" if any(part.type == "boolean" for part in self.parts) else "limit"

    @property
    def limit(self) -> Decimal | None:
        return _sum(part.limit for part in self.parts) if self.type == "limit" else None

    @property
    def remaining(self) -> Decimal | None:
        return _sum(part.remaining for part in self.parts) if self.type == "limit" else None

    @property
    def used(self) -> Decimal | None:
        return None if self._only is None else self._only.used

    @property
    def meter(self) -> str | None:
        return None if self._only is None else self._only.meter

    @property
    def period(self) -> Interval | None:
        return None if self._only is None else self._only.period

    @property
    def subscriptions(self) -> tuple[str, ...]:
        """Those that it comes from, in their order."""
        return tuple(sorted({name for part in self.parts for name in part.subscriptions}))

    @property
    def has_access(self) -> bool:
        """Whether some of it may still be used: of a limit that nothing counts against, whether it
        is above zero.
        """
        if self.type == "boolean":
            return True
        left = self.limit if self.remaining is None else self.remaining
        return left is not None and left > 0

    @property
    def _only(self) -> Part | None:
        return self.parts[0] if len(self.parts) == 1 and self.type == "limit" else None


def parts_of(grants: Iterable[Grant]) -> tuple[Part, ...]:
    """Put together what is counted together, ordered by feature, then by the grants."""
    together: dict[tuple[object, ...], list[Grant]] = {}
    for grant in grants:
        one = grant.entitlement
        counts = (one.meter, grant.period) if one.type == "limit" else ()
        together.setdefault((one.feature, one.type, *counts), []).append(grant)
    parts = [_part(several) for several in together.values()]
    return tuple(sorted(parts, key=lambda part: part.feature))


def entitled_by(parts: Iterable[Part]) -> tuple[Entitled, ...]:
    """The features of these parts, in their order."""
    by_feature: dict[str, list[Part]] = {}
    for part in parts:
        by_feature.setdefault(part.feature, []).append(part)
    return tuple(Entitled(feature, tuple(several)) for feature, several in by_feature.items())


def _part(grants: Sequence[Grant]) -> Part:
    first = grants[0]
    one = first.entitlement
    return Part(
        feature=one.feature,
        type=one.type,
        limit=_sum(grant.entitlement.limit for grant in grants),
        meter=one.meter,
        period=first.period if one.type == "limit" else None,
        zone=first.zone,
        subscriptions=tuple(grant.subscription for grant in grants),
    )


def _sum(amounts: Iterable[Decimal | None]) -> Decimal | None:
    """Their exact sum; None where one of them is."""
    known: list[Decimal] = []
    for amount in amounts:
        if amount is None:
            return None
        known.append(amount)
    return add(ZERO, *known)
