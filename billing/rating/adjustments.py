"""What a document knows of discounts, tax and the plan's minimum beside its lines, as it is stored
to be computed again. Pure.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from billing.rating.discounts import CouponFacts
from billing.rating.facts import InvoiceFacts
from billing.rating.taxes import NO_TAX, TaxFacts
from neruba.canonical import canonical_json
from neruba.money import Rounding
from neruba.tax import TaxRateFact


@dataclass(frozen=True, slots=True)
class Adjustments:
    """`charge_rates` are the tax rates that charges name by their tax code, by charge key."""

    rounding: Rounding = "half_up"
    coupons: tuple[CouponFacts, ...] = ()
    tax: TaxFacts = NO_TAX
    counted_minor: int = 0
    charge_rates: Mapping[str, TaxRateFact] = field(default_factory=dict)

    def text(self, *, is_used: bool) -> str:
        """Canonical JSON, from which `read` makes equal ones; empty where nothing is known and the
        document has neither discount nor tax (`is_used`).
        """
        given: dict[str, Any] = {}
        if self.coupons:
            given["coupons"] = [one.content() for one in self.coupons]
        if self.tax != NO_TAX:
            given["tax"] = self.tax.content()
        if self.counted_minor:
            given["counted_minor"] = self.counted_minor
        if self.charge_rates:
            rates = sorted(self.charge_rates.items())
            given["charge_rates"] = {
                key: TaxFacts((rate,)).content()["rates"][0] for key, rate in rates
            }
        return canonical_json({"rounding": self.rounding, **given}) if given or is_used else ""

    @classmethod
    def read(cls, text: str, rounding: Rounding) -> "Adjustments":
        """Read what `text` wrote; `rounding` is that of a document without any."""
        if not text:
            return cls(rounding)
        content = json.loads(text)
        rates = {
            key: TaxFacts.read({"exempt": "none", "rates": [rate]}).rates[0]
            for key, rate in content.get("charge_rates", {}).items()
        }
        return cls(
            rounding=content["rounding"],
            coupons=tuple(CouponFacts.read(one) for one in content.get("coupons", ())),
            tax=TaxFacts.read(content["tax"]) if "tax" in content else NO_TAX,
            counted_minor=content.get("counted_minor", 0),
            charge_rates=rates,
        )

    @classmethod
    def of(cls, facts: InvoiceFacts) -> "Adjustments":
        """Those that the facts of a document hold."""
        return cls(
            facts.rounding,
            facts.coupons,
            facts.tax,
            facts.counted_minor,
            {one.key: one.rate for one in facts.charges if one.rate is not None},
        )

    def put_in(self, facts: InvoiceFacts) -> InvoiceFacts:
        """The facts of a document that knows these."""
        return replace(
            facts,
            rounding=self.rounding,
            coupons=self.coupons,
            tax=self.tax,
            counted_minor=self.counted_minor,
            charges=tuple(
                replace(one, rate=self.charge_rates.get(one.key)) for one in facts.charges
            ),
        )
