"""The known answers about parts of periods, as questions to the calculator of proration.

What the rows call a policy is a basis here. Their bounds are dates, taken as local midnights.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

from dateutil.relativedelta import relativedelta

from neruba.period import local_midnight, rfc3339

DAY = timedelta(days=1)
BASES = {
    "by_day": "day",
    "by_day_inclusive_end": "day",
    "by_second": "second",
    "fixed_30_day_month": "day_30",
}
UNITS = {"by_day": DAY, "by_second": timedelta(seconds=1)}
START = datetime.fromisoformat("2023-01-01T00:00:00+00:00")
# Days that a policy counts as used, and as part of the period, beyond the bound that its rows give.
LAST_DAYS = {"by_day_inclusive_end": DAY}
TERMINATIONS = ("terminate", "start_terminate")


def line_requests(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """One request for each line of the row, in their order."""
    for line in row["lines"]:
        yield request_of(row, line) | {
            "amount": signed(line, line["full_amount"]),
            "currency": row["currency"],
        }


def request_of(row: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """The request for a part of a period, of one whole unit of money."""
    asked = {"amount": "1", "currency": "USD", "basis": BASES[row["policy"]]}
    if "from" not in given:
        # The row says the share alone: so many days or seconds of so many.
        unit = UNITS[row["policy"]]
        part, period = (given[name] * unit for name in ("numerator", "denominator"))
        return asked | {"period": since(part=period), "part": since(part=part)}
    zone = row.get("timezone", "UTC")
    later = LAST_DAYS.get(row["policy"], timedelta())
    bounds = {"part": (day_of(given["from"]), day_of(given["to"])), "period": whole_of(row, given)}
    return asked | {
        "timezone": zone,
        **{name: between(start, end + later, zone) for name, (start, end) in bounds.items()},
    }


def termination_requests(row: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str, int]]:
    """The lines of a termination whose day counts as used, asked by the noon of that day.

    Each with the field that answers it and the minor units there: what was used is the `amount`; a
    credit, which begins on the day after, is the `complement` of what was used from the beginning
    of the period on. A line of the whole period is none of a termination's.
    """
    zone = row.get("timezone", "UTC")
    for line in row["lines"]:
        start, end = whole_of(row, line)
        is_credit = line.get("sign") == "-"
        used_from = start if is_credit else day_of(line["from"])
        used_to = day_of(line["from"] if is_credit else line["to"])
        if used_to in (start, end):
            continue
        noon = local_midnight(used_to - DAY, zone) + DAY / 2
        yield (
            {
                "amount": line["full_amount"],
                "currency": row["currency"],
                "period": between(start, end, zone),
                "part": between(used_from, used_to, zone) | {"end": rfc3339(noon)},
                "basis": BASES[row["policy"]],
                "timezone": zone,
                "termination": True,
            },
            "complement" if is_credit else "amount",
            abs(line["expected_minor"]),
        )


def whole_of(row: dict[str, Any], given: dict[str, Any]) -> tuple[date, date]:
    """The whole period of a part; where the row leaves it out, the one with its denominator."""
    if "full_from" in given:
        return day_of(given["full_from"]), day_of(given["full_to"])
    if row["policy"] == "by_day":
        end = day_of(given["to"])
        return end - given["denominator"] * DAY, end
    # These rows all bill on the 15th.
    start = (day_of(given["from"]) - 14 * DAY).replace(day=15)
    return start, start + relativedelta(months=1)


def signed(line: dict[str, Any], amount: str) -> str:
    return f"-{amount}" if line.get("sign") == "-" else amount


def between(start: date, end: date, zone: str) -> dict[str, str]:
    return {
        name: rfc3339(local_midnight(day, zone)) for name, day in (("start", start), ("end", end))
    }


def since(*, part: timedelta) -> dict[str, str]:
    return {"start": rfc3339(START), "end": rfc3339(START + part)}


def day_of(text: str) -> date:
    return date.fromisoformat(text)
