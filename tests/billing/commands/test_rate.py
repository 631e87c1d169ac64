"""`manage.py rate`: one request a line in, one answer a line out."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from billing.rating.calculator import rate_request

GOOD: dict[str, Any] = {
    "price": {"model": "package", "package_size": "10", "package_amount": "3"},
    "currency": "USD",
    "quantity": "25",
}
BAD: dict[str, Any] = {**GOOD, "price": {**GOOD["price"], "package_size": "0"}}
LINES = f"{json.dumps(GOOD)}\n{json.dumps(BAD)}\n\n{{\n{json.dumps({**GOOD, 'quantity': 1.5})}\n"


def rate(path: str) -> list[dict[str, Any]]:
    out = io.StringIO()
    call_command("rate", path, stdout=out, stderr=io.StringIO())
    return [json.loads(line) for line in out.getvalue().splitlines()]


def check(answers: list[dict[str, Any]]) -> None:
    good, bad, broken, fraction = answers
    assert good == rate_request(GOOD)
    assert good["amount"] == "9.00"
    assert bad["error"]["status"] == 400
    assert [error["pointer"] for error in bad["error"]["errors"]] == ["/price/package_size"]
    assert broken["error"]["status"] == 400
    assert "JSON" in broken["error"]["detail"]
    assert [error["pointer"] for error in fraction["error"]["errors"]] == ["/quantity"]


def test_each_line_is_answered_on_a_line_of_its_own(tmp_path: Path) -> None:
    cases = tmp_path / "cases.jsonl"
    cases.write_text(LINES)
    check(rate(str(cases)))


def test_a_dash_reads_the_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(LINES.encode())))
    check(rate("-"))


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No such file"):
        rate(str(tmp_path / "nowhere.jsonl"))
