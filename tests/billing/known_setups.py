"""What the known scenarios agree: their setups as meters, plans and terms of a subscription."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from dateutil.relativedelta import relativedelta

from neruba.period import local_date, local_midnight, rfc3339
from tests.billing.story import CUSTOMER, flat

MONTHS_AT = re.compile(r"(\d+) months at ([\d.]+)")
AMOUNT_FROM = re.compile(r"([\d.]+) a month(?: from (\d+ \w+))?$")
TRIAL = re.compile(r"trial (\d+) days")
SEATS = re.compile(r"(?P<fee>[\d.]+) \+ seats (?P<seats>\d+) x (?P<unit>[\d.]+)")
SINGLE = re.compile(r"(?P<fee>[\d.]+)(?: a month)?$")
SMALL_PRICES = re.compile(r"(\w+)(?: prices)? of ([\d.]+)")
LIMIT = re.compile(r"up to (\d+) \w+: ([\d.]+)")
NUMBERS = {"two": 2, "six": 6}
METER = "used"
VALUE = {"aggregation": "sum", "value_property": "value"}
# Prices that another engine names otherwise.
NAMES = {"min_amount": "minimum_amount", "free_units_total": "free_amount"}


@dataclass
class Agreed:
    """`phases` are the plans that a plan goes over to, with the instant of each."""

    meters: list[dict[str, Any]] = field(default_factory=list)
    plans: dict[str, dict[str, Any]] = field(default_factory=dict)
    terms: dict[str, Any] = field(default_factory=dict)
    phases: list[tuple[datetime, str]] = field(default_factory=list)
    customers: list[str] = field(default_factory=lambda: [CUSTOMER])
    tax_percent: str | None = None
    granted: str | None = None


def agreed_of(row: Mapping[str, Any], start: datetime, zone: str) -> Agreed:
    """What a row's setup agrees for a subscription that starts at an instant."""
    setup = row["setup"]
    agreed = Agreed(tax_percent=setup.get("tax_percent"))
    agreed.granted = setup.get("wallet", {}).get("granted")
    usage = list(_usage(setup, agreed))
    for code in ("plan", "plan_2", "plan_3"):
        if code in setup or code == "plan":
            _plan(agreed, code, setup.get(code, {}), usage if code == "plan" else [], start)
    if "billing_day" in setup:
        agreed.terms |= {"anchor": "calendar", "billing_day": setup["billing_day"]}
    elif setup.get("alignment") == "calendar":
        agreed.terms["anchor"] = "calendar"
    if len(customers := [name for name in "AB" if told_of(row, name)]) > 1:
        agreed.customers = customers
    agreed.terms |= {"start_at": rfc3339(start), "timezone": zone}
    return agreed


def told_of(row: Mapping[str, Any], name: str) -> bool:
    """Whether a step tells of a customer of this name."""
    return any(step["do"].startswith(f"{name}:") for step in row["steps"])


def _plan(
    agreed: Agreed, code: str, given: Any, usage: list[dict[str, Any]], start: datetime
) -> None:
    if isinstance(given, str):
        found = SEATS.match(given) or SINGLE.match(given)
        assert found is not None, given
        prices = [flat("fee", found["fee"])]
        if "seats" in found.groupdict():
            seats = {"code": "seats", "kind": "seat", "model": "per_unit"}
            prices.append({**seats, "unit_amount": found["unit"]})
            agreed.plans[code] = {"prices": prices, "seats": found["seats"]}
            return
        agreed.plans[code] = {"prices": prices}
        return
    if "phases" in given:
        _phases(agreed, code, given["phases"], start)
        return
    prices = [*usage]
    more: dict[str, Any] = {}
    if "amount" in given:
        prices.insert(0, flat("fee", given["amount"], billing=given["pay"]))
        more["interval"] = given["interval"]
    if "minimum_commitment" in given:
        more["minimum_commitment"] = given["minimum_commitment"]
    if "trial_days" in given:
        agreed.terms["trial_end"] = rfc3339(start + timedelta(days=given["trial_days"]))
    agreed.plans[code] = {"prices": prices, **more}


def _phases(agreed: Agreed, code: str, phases: list[str], start: datetime) -> None:
    """Phases of a plan: a trial, a price for some months, a price from some date on."""
    at, plan = start, code
    first = local_date(start, "UTC")
    for text in phases:
        if found := TRIAL.match(text):
            at = start + timedelta(days=int(found[1]))
            agreed.terms["trial_end"] = rfc3339(at)
            continue
        amount, following = _phase(text.removeprefix("discount: "), first)
        if following is not None and not text.startswith(f"{amount} a month from"):
            agreed.plans[plan] = {"prices": [flat("fee", amount)]}
            at, plan = following, f"{code}_then"
            agreed.phases.append((at, plan))
            continue
        if following is not None:
            plan = f"{code}_then"
            agreed.phases.append((following, plan))
        agreed.plans[plan] = {"prices": [flat("fee", amount)]}


def _phase(text: str, first: date) -> tuple[str, datetime | None]:
    """The amount of a phase, and when it ends (so many months) or begins (from a date)."""
    if found := MONTHS_AT.match(text):
        day = first + relativedelta(months=int(found[1]))
        return found[2], local_midnight(day, "UTC")
    found = AMOUNT_FROM.match(text)
    assert found is not None, text
    if found[2] is None:
        return found[1], None
    return found[1], datetime.strptime(f"{found[2]} {first.year}", "%d %B %Y").replace(tzinfo=UTC)


def _usage(setup: Mapping[str, Any], agreed: Agreed) -> Iterator[dict[str, Any]]:
    """The usage prices of a setup, with their meters."""
    if "usage" in setup:
        for word, amount in SMALL_PRICES.findall(setup["usage"]):
            for number in range(NUMBERS[word]):
                code = f"{METER}-{amount}-{number}"
                agreed.meters.append({"code": code, "event_type": code, **VALUE})
                yield {
                    "code": code,
                    "kind": "usage",
                    "model": "per_unit",
                    "meter": code,
                    "unit_amount": amount,
                }
        return
    if "usage_price" not in setup:
        return
    given = {NAMES.get(name, name): each for name, each in setup["usage_price"].items()}
    agreed.meters.append(_meter(setup, given))
    if given["model"] == "capacity":
        given = _volume(given)
    yield {"code": METER, "kind": "usage", "meter": METER, **given}


def _meter(setup: Mapping[str, Any], price: Mapping[str, Any]) -> dict[str, Any]:
    meter: dict[str, Any] = {"code": METER, "event_type": METER, **VALUE}
    if price["model"] == "matrix":
        keys = list(price["cells"][0]["match"])
        return {"code": METER, "event_type": METER, "aggregation": "count", "group_by": keys}
    if "metric" in setup:
        name, *more = (word.strip() for word in setup["metric"].split(","))
        meter |= {"aggregation": name.replace(" ", "_"), "carry_over": "recurring" in more}
    return meter


def _volume(capacity: Mapping[str, Any]) -> dict[str, Any]:
    """A capacity price of one unit: the tier in which it fits has one amount."""
    limit, below = LIMIT.match(capacity["tiers"][0]).groups()  # type: ignore[union-attr]
    above = capacity["tiers"][1].rpartition(" ")[2]
    assert capacity["no_usage"] == "0"
    return {
        "model": "volume",
        "first_flat_at_zero": False,
        "tiers": [
            {"up_to": limit, "unit_amount": "0", "flat_amount": below},
            {"up_to": None, "unit_amount": "0", "flat_amount": above},
        ],
    }


def fixed_zone(instant: str) -> str:
    """The zone without summer time that has the offset of an instant."""
    offset = datetime.fromisoformat(instant).utcoffset()
    assert offset is not None
    return f"Etc/GMT{-int(offset / timedelta(hours=1)):+d}"
