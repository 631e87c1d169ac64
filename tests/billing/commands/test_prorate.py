"""`manage.py prorate`: one request a line in, one answer a line out."""

import io
import json
from pathlib import Path
from typing import Any

from django.core.management import call_command

from billing.rating.prorating import prorate_request

GOOD: dict[str, Any] = {
    "amount": "19.95",
    "currency": "USD",
    "period": {"start": "2023-05-15T00:00:00Z", "end": "2023-06-15T00:00:00Z"},
    "part": {"start": "2023-05-23T00:00:00Z", "end": "2023-06-15T00:00:00Z"},
    "basis": "day_30",
}
BAD: dict[str, Any] = {**GOOD, "timezone": "Mars/Olympus"}
LINES = f"{json.dumps(GOOD)}\n{json.dumps(BAD)}\n\n{{\n{json.dumps({**GOOD, 'amount': 1.5})}\n"


def test_each_line_is_answered_on_a_line_of_its_own(tmp_path: Path) -> None:
    cases, out = tmp_path / "cases.jsonl", io.StringIO()
    cases.write_text(LINES)
    call_command("prorate", str(cases), stdout=out, stderr=io.StringIO())
    good, bad, broken, fraction = map(json.loads, out.getvalue().splitlines())
    assert good == prorate_request(GOOD)
    assert good["amount"] == "14.63"
    assert bad["error"]["status"] == 400
    assert [error["pointer"] for error in bad["error"]["errors"]] == ["/timezone"]
    assert "JSON" in broken["error"]["detail"]
    assert [error["pointer"] for error in fraction["error"]["errors"]] == ["/amount"]
