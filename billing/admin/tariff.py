"""Prices as a table that an operator can read to a customer."""

import json
from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from billing.models import Price
from billing.rating.plan import FEES
from billing.rating.rhythm import Rhythm
from billing.rating.tariff import tariff_lines
from billing.rating.words import spoken
from neruba.admin.page import Table, label
from neruba.canonical import canonical_json

KINDS = {"recurring": "Fee", "seat": "Seats", "usage": "Usage", "one_time": "Once, at the start"}
BILLING = {"in_advance": "in advance", "in_arrears": "in arrears"}
NO_SEATS: Mapping[str, Decimal] = {}
COMMON = (
    *("code", "name", "kind", "billing", "prorate", "interval", "interval_count"),
    *("meter", "filters", "model"),
)


def price_table(
    definitions: Iterable[Mapping[str, Any]],
    *,
    currency: str,
    title: str = "Prices",
    quantities: Mapping[str, Decimal] = NO_SEATS,
    overridden: Collection[str] = (),
) -> Table:
    """One row for each price, in order; `quantities` are the seats of a subscription, by code, and
    `overridden` the codes of the prices that are not its plan's own.
    """
    return Table(
        title=f"{title} ({currency})",
        columns=("Code", "Name", "Kind", "Billed", "Meter", "Model", "What it costs"),
        rows=[
            (
                _code(price["code"], overridden),
                price["name"],
                _kind(price, quantities),
                _billed(price),
                _meter(price),
                price["model"],
                lines_of(tariff(price, currency)),
            )
            for price in definitions
        ],
        empty="This version has no prices: it bills nothing.",
        anchor="prices",
    )


def _code(code: str, overridden: Collection[str]) -> SafeString:
    mark = label("overridden", "warning") if code in overridden else ""
    return format_html("{} {}", code, mark) if mark else format_html("{}", code)


def _meter(price: Mapping[str, Any]) -> SafeString | str:
    """The meter, and below it which of its events count."""
    if price.get("meter") is None:
        return "–"
    filters = [
        f"{one['property']}: {', '.join(canonical_json(value) for value in one['in'])}"
        for one in price.get("filters", ())
    ]
    return lines_of([price["meter"], *filters]) if filters else str(price["meter"])


def _kind(price: Mapping[str, Any], quantities: Mapping[str, Decimal]) -> str:
    kind = KINDS.get(price["kind"], price["kind"])
    seats = quantities.get(price["code"])
    return kind if seats is None else f"{kind}: {spoken(seats)}"


def definition_of(price: Price) -> dict[str, Any]:
    definition: dict[str, Any] = json.loads(price.definition)
    return definition


def tariff(definition: Mapping[str, Any], currency: str) -> list[str]:
    """What a price costs, line by line."""
    return tariff_lines(definition, currency)


def lines_of(lines: Iterable[str]) -> SafeString:
    """Lines of text below one another."""
    return format_html_join("", '<span class="n-lines">{}</span>', ((line,) for line in lines))


def _billed(price: Mapping[str, Any]) -> str:
    how = BILLING.get(price["billing"], price["billing"])
    if "interval" in price:
        how += f", every {Rhythm(price['interval'], price['interval_count'])}"
    return f"{how}, for whole periods" if price["kind"] in FEES and not price["prorate"] else how
