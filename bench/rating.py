"""What rating costs on one core: microseconds of each model, and lines a second of a run's compute.

Each model is rated alone, then with the evidence that a line keeps of it, in turns with `per_unit`
in the same run; the ratio says what holds on another machine too. A graduated line with ten tiers
has a bar of 50 microseconds. Then `compute_invoice` and the hash of its content, over facts as a
run reads them, and for the models that go event by event what a tally costs for each event.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

from billing.rating.facts import InvoiceFacts
from billing.rating.invoice import compute_invoice
from billing.rating.models import Price, parse_price
from billing.rating.price import GroupUse, Measured
from neruba.canonical import canonical_json
from tests.billing.rating.world import invoice_facts

BAR_US = 50
TIERS = 10
CELLS = 10
EVENTS = 1000


def tiers(**price: str) -> list[dict[str, Any]]:
    bounds = [str(1000 * (number + 1)) for number in range(TIERS - 1)]
    return [{"up_to": bound, "flat_amount": "1", **price} for bound in [*bounds, None]]


UNITS = tiers(unit_amount="0.0025")
PACKAGES = tiers(package_size="100", package_amount="0.25")
PRICES: dict[str, dict[str, Any]] = {
    "per_unit": {"model": "per_unit", "unit_amount": "0.0000025", "free_units": "1000"},
    "flat": {"model": "flat", "amount": "20"},
    "graduated": {"model": "graduated", "tiers": UNITS},
    "graduated, packages": {"model": "graduated", "tiers": PACKAGES},
    "volume": {"model": "volume", "tiers": UNITS},
    "package": {"model": "package", "package_size": "100", "package_amount": "0.25"},
    "percentage": {
        "model": "percentage",
        "rate_percent": "1.3",
        "fixed_fee": "0.20",
        "free_events": 3,
        "min_per_event": "0.50",
        "max_per_event": "12",
    },
    "graduated_percentage": {"model": "graduated_percentage", "tiers": tiers(rate_percent="2.9")},
    "matrix": {
        "model": "matrix",
        "cells": [
            {"match": {"cloud": f"cloud-{number}", "region": ["eu", "us"]}, "unit_amount": "0.02"}
            for number in range(CELLS)
        ],
        "default_unit_amount": "0.03",
    },
    "dynamic": {"model": "dynamic", "multiplier": "1.2"},
    "graduated, transform, limits": {
        "model": "graduated",
        "tiers": UNITS,
        "transform": {"divide_by": "3"},
        "minimum_amount": "10",
        "maximum_amount": "1000000",
    },
}
QUANTITY = Decimal("9999.5")
MEASURED = Measured(
    QUANTITY,
    tuple(
        GroupUse({"cloud": f"cloud-{number}", "region": "eu"}, Decimal("999.95"), 100)
        for number in range(CELLS)
    ),
    tuple(Decimal(number) for number in range(EVENTS)),
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="bin/bench rating", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="of each model, in turns; medians")
    parser.add_argument("--calls", type=int, default=2000, help="in each round")
    parser.add_argument("--invoices", type=int, default=2000, help="computed in each round")
    given = parser.parse_args()
    report_models(given.rounds, given.calls)
    report_use(given.rounds)
    report_invoices(given.rounds, given.invoices)


def report_models(rounds: int, calls: int) -> None:
    prices = {name: parse_price(definition) for name, definition in PRICES.items()}
    uses = {name: price.use(MEASURED) for name, price in prices.items()}
    alone: dict[str, list[float]] = {name: [] for name in prices}
    evident: dict[str, list[float]] = {name: [] for name in prices}
    for number in range(-1, rounds):
        for name, price in prices.items():
            one = timed(partial(price.rate, uses[name]), calls)
            two = timed(partial(evidence_of, price, uses[name]), calls)
            if number >= 0:  # the first warms up
                alone[name].append(one)
                evident[name].append(two)
    base = statistics.median(alone["per_unit"]), statistics.median(evident["per_unit"])
    print(f"{'model':30} {'rate':>9} {'':>7} {'with evidence':>14}")
    for name in prices:
        one, two = statistics.median(alone[name]), statistics.median(evident[name])
        print(
            f"{name:30} {one:6.2f} µs {one / base[0]:6.2f}x {two:11.2f} µs {two / base[1]:6.2f}x",
            flush=True,
        )
    took = statistics.median(alone["graduated"])
    verdict = "below" if took < BAR_US else "ABOVE"
    print(f"graduated, {TIERS} tiers: {took:.1f} µs, {verdict} the bar of {BAR_US} µs")


def evidence_of(price: Price, use: Any) -> str:
    """The evidence of a rating as text, as a line stores it."""
    steps = [step.evidence() for step in price.rate(use).steps]
    return canonical_json({"usage": price.evidence(use), "steps": steps})


def report_use(rounds: int) -> None:
    for name, members in (("percentage", EVENTS), ("matrix", CELLS)):
        price = parse_price(PRICES[name])
        took = statistics.median(timed(partial(price.use, MEASURED), 20) for _ in range(rounds))
        what = "event" if name == "percentage" else "group"
        print(f"{name}: {took / members:.2f} µs for each {what} of its use")


def report_invoices(rounds: int, invoices: int) -> None:
    """A fee and two prices of usage, as in `bin/bench run`; then a line of each model."""
    usual = [
        {"code": "fee", "kind": "recurring", "model": "flat", "amount": "20"},
        usage("tokens", PRICES["per_unit"]),
        usage("tiers", {"model": "graduated", "tiers": UNITS}),
    ]
    quantity_models = [
        usage(f"price-{number}", definition)
        for number, definition in enumerate(PRICES.values())
        if definition["model"] not in {"percentage", "matrix"}
    ]
    for title, prices in (("a fee and two usage lines", usual), ("all models", quantity_models)):
        used = {one["code"]: str(QUANTITY) for one in prices if one["kind"] == "usage"}
        facts = invoice_facts(prices, used)
        lines = len(compute_invoice(facts).lines)
        took = statistics.median(
            timed(partial(hash_of, facts), invoices // 10) for _ in range(rounds)
        )
        print(f"compute_invoice, {title}: {took:.0f} µs, {lines / took * 1e6:,.0f} lines a second")


def hash_of(facts: InvoiceFacts) -> str:
    return compute_invoice(facts).content_hash


def usage(code: str, definition: dict[str, Any]) -> dict[str, Any]:
    return {"code": code, "kind": "usage", "meter": "calls", **definition}


def timed(work: Callable[[], object], calls: int) -> float:
    """Microseconds of processor for one call."""
    started = time.process_time()
    for _ in range(calls):
        work()
    return (time.process_time() - started) / calls * 1e6


if __name__ == "__main__":
    main()
