"""What a subscription agreed to: its plan as it was, its zone and its anchor. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import Any

import msgspec

from billing.rating.plan import PlanPrice, parse_plan_price
from billing.rating.proration import Basis
from billing.rating.rhythm import IntervalUnit, Rhythm
from billing.rating.schedule import Anchor, Schedule
from neruba.decimals import plain
from neruba.money import Money
from neruba.period import parse_instant, rfc3339


@dataclass(frozen=True)
class Terms:
    """The snapshot that stands on the change that made it; versions that come later do not touch
    it.

    `minimum_commitment_minor` is what each period comes to at least. `quantities` are the seats, by
    price code: one for each seat price. `overridden` are the codes of the prices that are not the
    plan's own, in the order of `prices`.
    """

    plan: str
    plan_version: int
    currency: str
    rhythm: Rhythm
    anchor: Anchor
    billing_day: int | None
    zone: str
    basis: Basis
    start: datetime
    prices: tuple[PlanPrice, ...]
    minimum_commitment_minor: int | None = None
    quantities: Mapping[str, Decimal] = field(default_factory=dict)
    overridden: tuple[str, ...] = ()

    @cached_property
    def schedule(self) -> Schedule:
        return Schedule(
            rhythm=self.rhythm,
            anchor=self.anchor,
            zone=self.zone,
            start=self.start,
            basis=self.basis,
            billing_day=self.billing_day,
        )

    @property
    def rhythm_code(self) -> str:
        """The rhythm as it stands in keys, such as `month:1`."""
        return f"{self.rhythm.interval}:{self.rhythm.count}"

    @cached_property
    def has_usage(self) -> bool:
        return any(price.kind == "usage" for price in self.prices)

    @cached_property
    def has_fee(self) -> bool:
        return any(price.is_fee for price in self.prices)

    @cached_property
    def meters(self) -> set[str]:
        """The codes of the meters that it bills."""
        return {price.meter for price in self.prices if price.meter is not None}

    def content(self) -> dict[str, Any]:
        """The canonical form: `Terms.read` of it gives equal terms. What is not set has no key."""
        content = {
            "plan": self.plan,
            "plan_version": self.plan_version,
            "currency": self.currency,
            "interval": self.rhythm.interval,
            "interval_count": self.rhythm.count,
            "anchor": self.anchor,
            "billing_day": self.billing_day,
            "timezone": self.zone,
            "basis": self.basis,
            "start_at": rfc3339(self.start),
            "prices": [price.definition() for price in self.prices],
        }
        if self.minimum_commitment_minor is not None:
            minimum = Money(self.minimum_commitment_minor, self.currency)
            content["minimum_commitment"] = minimum.amount
        if self.quantities:
            content["quantities"] = {code: plain(each) for code, each in self.quantities.items()}
        if self.overridden:
            content["overridden"] = list(self.overridden)
        return content

    @classmethod
    def read(cls, text: str) -> "Terms":
        """Read the canonical JSON of `content`."""
        content = _decode(text)
        minimum = content.minimum_commitment
        return cls(
            plan=content.plan,
            plan_version=content.plan_version,
            currency=content.currency,
            rhythm=Rhythm(content.interval, content.interval_count),
            anchor=content.anchor,
            billing_day=content.billing_day,
            zone=content.timezone,
            basis=content.basis,
            start=parse_instant(content.start_at),
            prices=_parse_prices(bytes(content.prices)),
            minimum_commitment_minor=(
                None if minimum is None else Money.parse(minimum, content.currency).minor
            ),
            quantities={code: Decimal(each) for code, each in content.quantities.items()},
            overridden=tuple(content.overridden),
        )


class _Content(msgspec.Struct):
    """What `Terms.content` writes, the prices still to be read."""

    plan: str
    plan_version: int
    currency: str
    interval: IntervalUnit
    interval_count: int
    anchor: Anchor
    billing_day: int | None
    timezone: str
    basis: Basis
    start_at: str
    prices: msgspec.Raw
    minimum_commitment: str | None = None
    quantities: dict[str, str] = {}
    overridden: list[str] = []


_decode = msgspec.json.Decoder(_Content).decode


@lru_cache(maxsize=1024)
def _parse_prices(text: bytes) -> tuple[PlanPrice, ...]:
    """Many subscriptions share one snapshot, so it is parsed once."""
    definitions: list[Mapping[str, object]] = json.loads(text)
    return tuple(parse_plan_price(definition) for definition in definitions)
