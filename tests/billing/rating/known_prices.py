"""Rows of tests/cases/pricing.jsonl in the terms of this project."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from neruba.decimals import add, multiply, plain

RENAMED = {
    "usage_discount": "free_units",
    "min_amount": "minimum_amount",
    "max_amount": "maximum_amount",
    "free_units_total": "free_amount",
}
# How a term is paid, and that a line is rounded, is not the price's to say here.
NOT_OF_THE_PRICE = {"payment_term", "round_line"}
TRANSFORMS = {"divide": "divide_by", "multiply": "multiply_by"}
ROUNDS = {"ceiling": "up", "floor": "down", "half_up": "half_up"}
PACKAGES = {"tiered_package": "graduated", "volume_package": "volume"}
ZERO = Decimal(0)


def price_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """The price of a row as it is written here."""
    model, params = row["model"], row["params"]
    if model in PACKAGES:
        return {"model": PACKAGES[model], "tiers": list(_package_tiers(params["tiers"]))}
    fields = {
        RENAMED.get(name, name): value
        for name, value in params.items()
        if name not in NOT_OF_THE_PRICE
    }
    config = fields.pop("unit_config", None)
    if config is not None:
        fields["transform"] = {
            TRANSFORMS[config["op"]]: config["factor"],
            "round": ROUNDS[config["rounding"]],
        }
    return {"model": model, **fields}


def requests_of(row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """What is asked of the calculator: once, or once for each event that is billed on its own."""
    request: dict[str, Any] = {"price": price_of(row), "currency": row["currency"]}
    if row.get("line_position") == "mid":
        request["is_last"] = False
    if "expected_per_event" in row:
        for number, _ in enumerate(row["events"]):
            before = {"events": _events(row["events"][:number])} if number else None
            yield {**request, "before": before, "events": _events(row["events"][number:][:1])}
        return
    if any(Decimal(row.get(name, "0")) for name in ("pre_quantity", "previously_billed")):
        request["before"] = {"quantity": row.get("pre_quantity", "0")}
    if "events" in row:
        yield {**request, "events": _events(row["events"])}
    else:
        yield {**request, "quantity": row["quantity"]}


def _events(rows: Sequence[Any]) -> list[dict[str, Any]]:
    return [
        {"value": row["value"], "properties": row.get("props", {})}
        if isinstance(row, dict)
        else {"value": row}
        for row in rows
    ]


def _package_tiers(tiers: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """There a tier holds so many blocks of its own, and the last one goes on beyond its limit."""
    bound = ZERO
    for tier in tiers:
        is_last = tier is tiers[-1]
        if not is_last:
            blocks = Decimal(tier["max_blocks"])
            bound = add(bound, multiply(Decimal(tier["block_size"]), blocks))
        yield {
            "up_to": None if is_last else plain(bound),
            "package_size": tier["block_size"],
            "package_amount": tier["block_amount"],
        }
