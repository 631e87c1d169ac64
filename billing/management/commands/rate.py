"""`manage.py rate`: the calculator of `POST /api/v1/rate`, from a file."""

from typing import Any

from billing.management.calculator import CalculatorCommand
from billing.rating.calculator import rate_request


class Command(CalculatorCommand):
    help = (
        "Rate the requests of a file, one a line (`-` reads the standard input), as POST "
        "/api/v1/rate does, and print one answer a line. A line that is refused answers "
        '{"error": problem} on its own line.'
    )

    def answer(self, request: object) -> dict[str, Any]:
        return rate_request(request)
