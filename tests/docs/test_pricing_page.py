"""The worked numbers of docs/pricing.md are what rating answers."""

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from billing.rating.calculator import rate_request
from billing.rating.models import MODELS
from neruba.money import allocate, to_minor

PAGE = (Path(__file__).parents[2] / "docs" / "pricing.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"```json\n(.*?)```\n\n((?:\|[^\n]*\n)+)", re.DOTALL)
EVENT = re.compile(r"(\S+)(?: of (\w+))?(?: in (\w+))?")
NOTHING = "–"


def number(text: str) -> str:
    return text.replace("−", "-").replace(",", "")


def rows(table: str) -> Iterator[dict[str, str]]:
    head, _, *lines = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()
    ]
    for line in lines:
        yield dict(zip(head, line, strict=True))


def events(text: str) -> list[dict[str, Any]]:
    found = []
    for part in text.split(" · "):
        match = EVENT.fullmatch(part)
        assert match is not None, part
        properties = {"cloud": match[2], "region": match[3]}
        found.append({"value": number(match[1]), "properties": properties})
    return found


def test_prices_cost_what_the_page_says() -> None:
    models, checked = set(), 0
    for definition, table in BLOCK.findall(PAGE):
        price = json.loads(definition)
        models.add(price["model"])
        for row in rows(table):
            request: dict[str, Any] = {"price": price, "currency": "USD"}
            if "events" in row:
                request["events"] = events(row["events"])
            else:
                request["quantity"] = number(row["quantity"])
                if row["before"] != NOTHING:
                    request["before"] = {"quantity": number(row["before"])}
            assert rate_request(request)["amount_exact"] == number(row["amount"]), row
            checked += 1
    assert models == MODELS.keys()
    assert checked == 57


def table_with(*columns: str) -> Iterator[dict[str, str]]:
    head = f"| {' | '.join(columns)} |\n"
    start = PAGE.index(head)
    return rows(PAGE[start : PAGE.index("\n\n", start)])


def test_amounts_are_rounded_as_the_page_says() -> None:
    for row in table_with("exact", "currency", "`half_up`", "`half_even`"):
        for rounding in ("half_up", "half_even"):
            said = number(row[f"`{rounding}`"])
            minor = to_minor(Decimal(number(row["exact"])), row["currency"], rounding)
            assert minor == int(said.replace(".", ""))


def test_amounts_are_split_as_the_page_says() -> None:
    for row in table_with("total", "weights", "exact shares", "parts"):
        weights = [int(weight) for weight in row["weights"].split(", ")]
        parts = [int(number(part)) for part in row["parts"].split(", ")]
        assert allocate(int(number(row["total"])), weights) == parts
