"""What a subscription agreed to: its plan as it was, its zone and its anchor. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import Any, Literal

import msgspec

from billing.rating.entitlements import Entitlement
from billing.rating.plan import PlanPrice, parse_plan_price
from billing.rating.proration import Basis
from billing.rating.rhythm import Anchor, IntervalUnit, Rhythm, from_finest
from billing.rating.schedule import Schedule
from neruba.decimals import plain
from neruba.money import Money
from neruba.period import parse_instant, rfc3339

TrialUsage = Literal["billed", "free"]


@dataclass(frozen=True)
class Terms:
    """The snapshot that stands on the change that made it; versions that come later do not touch
    it.

    `minimum_commitment_minor` is what each period comes to at least. `quantities` are the seats, by
    price code: one for each seat price. `overridden` are the codes of the prices that are not the
    plan's own, in the order of `prices`. Until `trial_end` nothing but usage is due, and with
    `trial_usage` `free` not even that. `end_at` is when it was agreed to end. `entitlements` are
    the plan's.
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
    trial_end: datetime | None = None
    trial_usage: TrialUsage = "billed"
    end_at: datetime | None = None
    entitlements: tuple[Entitlement, ...] = ()

    @cached_property
    def rhythms(self) -> tuple[Rhythm, ...]:
        """The plan's rhythm and those of its prices, the finest first, each nested in the one
        before it.
        """
        return from_finest([self.rhythm, *map(self.rhythm_of, self.prices)], self.anchor)

    @property
    def boundary_rhythm(self) -> Rhythm:
        """The rhythm of boundaries and invoices: the finest."""
        return self.rhythms[0]

    def rhythm_of(self, price: PlanPrice) -> Rhythm:
        return price.rhythm or self.rhythm

    @property
    def schedule(self) -> Schedule:
        """The schedule of the boundaries."""
        return self.schedules[self.boundary_rhythm.code]

    @cached_property
    def schedules(self) -> Mapping[str, Schedule]:
        """The schedule of each rhythm by its code, the finest first."""
        return {
            rhythm.code: Schedule(
                rhythm=rhythm,
                anchor=self.anchor,
                zone=self.zone,
                start=self.start,
                basis=self.basis,
                billing_day=self.billing_day,
            )
            for rhythm in self.rhythms
        }

    def prices_on(self, rhythm: str) -> tuple[PlanPrice, ...]:
        """The prices of the rhythm with this code, in their order."""
        if len(self.rhythms) == 1:
            return self.prices
        return tuple(price for price in self.prices if self.rhythm_of(price).code == rhythm)

    def meters_on(self, rhythm: str) -> set[str]:
        """The codes of the meters that are billed on a rhythm."""
        return {price.meter for price in self.prices_on(rhythm) if price.meter is not None}

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
        if self.trial_end is not None:
            content["trial_end"] = rfc3339(self.trial_end)
        if self.trial_usage != "billed":
            content["trial_usage"] = self.trial_usage
        if self.end_at is not None:
            content["end_at"] = rfc3339(self.end_at)
        if self.entitlements:
            content["entitlements"] = [one.spec() for one in self.entitlements]
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
            trial_end=None if content.trial_end is None else parse_instant(content.trial_end),
            trial_usage=content.trial_usage,
            end_at=None if content.end_at is None else parse_instant(content.end_at),
            entitlements=tuple(map(Entitlement.read, content.entitlements)),
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
    trial_end: str | None = None
    trial_usage: TrialUsage = "billed"
    end_at: str | None = None
    entitlements: list[dict[str, str]] = []


_decode = msgspec.json.Decoder(_Content).decode


@lru_cache(maxsize=1024)
def _parse_prices(text: bytes) -> tuple[PlanPrice, ...]:
    """Many subscriptions share one snapshot, so it is parsed once."""
    definitions: list[Mapping[str, object]] = json.loads(text)
    return tuple(parse_plan_price(definition) for definition in definitions)
