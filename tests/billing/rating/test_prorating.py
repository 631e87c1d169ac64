"""The calculator of proration: one request, one answer, by the functions that invoices use."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from billing.rating.price import PriceError
from billing.rating.prorating import months_between, prorate_request

JANUARY = {"start": "2024-01-01T00:00:00Z", "end": "2024-02-01T00:00:00Z"}
HALF = {"start": "2024-01-16T12:00:00Z", "end": "2024-02-01T00:00:00Z"}
ASKED: dict[str, Any] = {"amount": "20", "currency": "USD", "period": JANUARY, "part": HALF}


def between(start: str, end: str, offset: str = "Z") -> dict[str, str]:
    return {"start": f"{start}T00:00:00{offset}", "end": f"{end}T00:00:00{offset}"}


def prorated(**more: Any) -> dict[str, Any]:
    return prorate_request({**ASKED, **more})


def counted(**more: Any) -> tuple[int, int, str]:
    answer = prorated(**more)
    return answer["numerator"], answer["denominator"], answer["unit"]


def test_an_answer_has_the_share_the_exact_amount_the_rounded_one_and_the_rest() -> None:
    assert prorated() == {
        "numerator": 16,
        "denominator": 31,
        "unit": "days",
        "amount_exact": "10.322580645161",
        "amount": "10.32",
        "complement": "9.68",
    }


def test_what_is_left_out_or_null_is_what_a_project_has_that_decided_nothing() -> None:
    said = {"basis": "day", "timezone": "UTC", "rounding": "half_up", "termination": False}
    assert prorated(**said) == prorated() == prorated(**dict.fromkeys(said))


def test_each_basis_counts_in_its_own_way() -> None:
    assert counted(basis="second") == (31 * 43200, 31 * 86400, "seconds")
    assert prorated(basis="second")["amount_exact"] == "10"
    assert counted(basis="day") == (16, 31, "days")
    assert counted(basis="day_30") == (15, 30, "days")
    year = {"period": between("2024-01-01", "2025-01-01"), "basis": "day_30"}
    assert counted(**year, part=between("2024-04-01", "2025-01-01")) == (270, 360, "days")


def test_a_fraction_of_a_second_is_counted_in_microseconds() -> None:
    part = {"start": "2024-01-31T23:59:59.5Z", "end": JANUARY["end"]}
    assert counted(basis="second", part=part) == (500_000, 31 * 86_400_000_000, "microseconds")


def test_the_dates_are_those_of_the_zone_and_any_offset_will_do() -> None:
    march = {"start": "2024-02-29T23:00:00Z", "end": "2024-04-01T00:00:00+02:00"}
    part = {"start": "2024-03-15T17:45:00Z", "end": "2024-03-31T22:00:00Z"}
    berlin = {"period": march, "part": part, "timezone": "Europe/Berlin"}
    assert counted(**berlin) == (17, 31, "days")
    assert counted(**berlin, basis="second")[1] == 31 * 86400 - 3600
    # By the dates of UTC the same instants are 29 February to 31 March.
    assert counted(**{**berlin, "timezone": "UTC"}) == (16, 31, "days")


def test_the_day_of_a_termination_counts_as_used() -> None:
    ended = {"start": JANUARY["start"], "end": "2024-01-20T15:00:00Z"}
    assert counted(part=ended) == (19, 31, "days")
    assert counted(part=ended, termination=True) == (20, 31, "days")
    assert counted(part=ended, termination=True, basis="day_30") == (20, 30, "days")
    assert counted(part=JANUARY, termination=True) == (31, 31, "days")
    by_second = prorated(part=ended, basis="second")
    assert prorated(part=ended, basis="second", termination=True) == by_second


def test_a_part_may_be_nothing_or_the_whole() -> None:
    nothing = {"start": JANUARY["end"], "end": JANUARY["end"]}
    answer = prorated(part=nothing)
    assert (answer["amount_exact"], answer["amount"], answer["complement"]) == (
        "0",
        "0.00",
        "20.00",
    )
    assert prorated(part=JANUARY)["amount_exact"] == "20"
    assert prorated(part=JANUARY)["complement"] == "0.00"


def test_an_amount_is_rounded_once_in_its_currency() -> None:
    third = {"part": between("2024-01-01", "2024-01-11"), "basis": "day_30"}
    assert prorated(**third, currency="JPY")["amount"] == "7"
    assert prorated(**third, currency="KWD")["amount"] == "6.667"
    exact = prorated(**third, amount="0.333333333333")
    assert (exact["amount_exact"], exact["amount"], exact["complement"]) == (
        "0.111111111111",
        "0.11",
        "0.22",
    )


def test_a_half_is_rounded_as_it_is_asked() -> None:
    half = {"amount": "0.25", "part": between("2024-01-01", "2024-01-16"), "basis": "day_30"}
    assert prorated(**half, rounding="half_up")["amount"] == "0.13"
    assert prorated(**half, rounding="half_even")["amount"] == "0.12"
    assert prorated(**half, rounding="half_even")["complement"] == "0.13"


def test_what_is_given_back_is_as_much_as_what_is_due() -> None:
    due, back = prorated(amount="19.95"), prorated(amount="-19.95")
    for name in ("amount_exact", "amount", "complement"):
        assert back[name] == f"-{due[name]}"


def test_the_largest_and_the_smallest_amounts_are_still_exact() -> None:
    most = "9" * 18 + "." + "9" * 12
    answer = prorated(amount=most, part=JANUARY)
    assert answer["amount_exact"] == most
    assert Decimal(answer["amount"]) == 10**18
    assert prorated(amount="0.000000000001", part=JANUARY)["amount"] == "0.00"


@pytest.mark.parametrize(
    ("first", "end", "months"),
    [
        ("2024-01-15", "2024-02-15", 1),
        ("2024-01-31", "2024-02-29", 1),
        ("2024-02-29", "2024-03-31", 1),
        ("2023-02-28", "2023-03-30", 1),
        ("2023-02-28", "2023-03-28", 1),
        ("2024-02-29", "2025-02-28", 12),
        ("2023-11-30", "2024-02-29", 3),
        ("2024-04-30", "2024-05-31", 1),
        ("2020-01-01", "2030-01-01", 120),
        ("2024-02-28", "2024-03-31", None),
        ("2024-01-31", "2024-02-28", None),
        ("2024-01-29", "2024-02-05", None),
        ("2024-01-15", "2024-02-16", None),
        ("2024-01-31", "2024-01-31", None),
        ("2024-01-30", "2024-01-31", None),
        ("2024-02-01", "2024-01-01", None),
    ],
)
def test_months_are_whole_where_a_day_comes_again(first: str, end: str, months: int | None) -> None:
    assert months_between(date.fromisoformat(first), date.fromisoformat(end)) == months


PUT_BACK = "America/St_Johns"  # On 7 November 2010 at 00:01 it was 6 November, 23:01, again.


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({"amount": None}, "/amount"),
        ({"amount": "0.0000000000001"}, "/amount"),
        ({"amount": "1" * 19}, "/amount"),
        ({"amount": Decimal("20.5")}, "/amount"),
        ({"amount": "2e1"}, "/amount"),
        ({"amount": True}, "/amount"),
        ({"currency": None}, "/currency"),
        ({"currency": "usd"}, "/currency"),
        ({"currency": "XAU"}, "/currency"),
        ({"currency": ["USD"]}, "/currency"),
        ({"basis": "month"}, "/basis"),
        ({"basis": ["day"]}, "/basis"),
        ({"rounding": "up"}, "/rounding"),
        ({"timezone": "Mars/Olympus"}, "/timezone"),
        ({"timezone": "localtime"}, "/timezone"),
        ({"timezone": 1}, "/timezone"),
        ({"timezone": {}}, "/timezone"),
        ({"termination": "yes"}, "/termination"),
        ({"termination": 1}, "/termination"),
        ({"surprise": 1}, "/surprise"),
        ({"period": None}, "/period"),
        ({"period": "2024-01"}, "/period"),
        ({"period": [JANUARY]}, "/period"),
        ({"period": {"end": JANUARY["end"]}}, "/period/start"),
        ({"period": {"start": JANUARY["start"]}}, "/period/end"),
        ({"period": {**JANUARY, "days": 31}}, "/period/days"),
        ({"period": {**JANUARY, "start": "2024-01-01"}}, "/period/start"),
        ({"period": {**JANUARY, "start": "2024-01-01T00:00:00"}}, "/period/start"),
        ({"period": {**JANUARY, "end": "2024-02-30T00:00:00Z"}}, "/period/end"),
        ({"period": {**JANUARY, "end": 1706745600}}, "/period/end"),
        ({"period": {**JANUARY, "end": JANUARY["start"]}}, "/period/end"),
        ({"period": {"start": JANUARY["end"], "end": JANUARY["start"]}}, "/period/end"),
        ({"part": None}, "/part"),
        ({"part": {}}, "/part/start"),
        ({"part": {**HALF, "to": 1}}, "/part/to"),
        ({"part": {"start": HALF["end"], "end": HALF["start"]}}, "/part/end"),
        ({"part": {**HALF, "start": "2023-12-31T23:59:59Z"}}, "/part/start"),
        ({"part": {**HALF, "end": "2024-02-01T00:00:01Z"}}, "/part/end"),
        ({"part": between("2024-02-02", "2024-02-03")}, "/part/start"),
        ({"basis": "day_30", "period": between("2024-01-01", "2024-02-02")}, "/period"),
        (
            {
                "basis": "day_30",
                "period": between("2024-01-15", "2024-01-22"),
                "part": between("2024-01-15", "2024-01-16"),
            },
            "/period",
        ),
        # By the dates of Kiritimati, 14 hours ahead, the period is no month.
        (
            {
                "basis": "day_30",
                "timezone": "Pacific/Kiritimati",
                "period": {"start": "2024-01-01T09:00:00Z", "end": "2024-02-01T10:00:00Z"},
                "part": {"start": "2024-01-01T09:00:00Z", "end": "2024-02-01T10:00:00Z"},
            },
            "/period",
        ),
        (
            {
                "timezone": PUT_BACK,
                "period": {"start": "2010-11-07T02:30:30Z", "end": "2010-11-07T02:32:00Z"},
            },
            "/period/end",
        ),
        (
            {
                "timezone": PUT_BACK,
                "period": {"start": "2010-11-01T00:00:00Z", "end": "2010-11-07T02:32:00Z"},
                "part": {"start": "2010-11-01T00:00:00Z", "end": "2010-11-07T02:30:30Z"},
            },
            "/part",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_place(given: dict[str, Any], pointer: str) -> None:
    with pytest.raises(PriceError) as refused:
        prorated(**given)
    assert refused.value.pointer == pointer
    assert refused.value.detail


@pytest.mark.parametrize("basis", ["day", "day_30"])
def test_a_period_without_a_day_is_refused_where_days_are_counted(basis: str) -> None:
    hours = {"start": "2024-01-01T08:00:00Z", "end": "2024-01-01T17:00:00Z"}
    assert counted(period=hours, part=hours, basis="second") == (32400, 32400, "seconds")
    with pytest.raises(PriceError) as refused:
        prorated(period=hours, part=hours, basis=basis)
    assert (refused.value.pointer, refused.value.code) == ("/period/end", "empty")


@pytest.mark.parametrize("request_", [None, [], [ASKED], "20", 20])
def test_a_request_is_an_object(request_: object) -> None:
    with pytest.raises(PriceError) as refused:
        prorate_request(request_)
    assert refused.value.pointer == ""
